"""What recommenders say of items that nobody has in train: their features say it, or nothing does."""

import numpy as np
import pytest
import torch

from recclaims.evaluation.item_lists import ItemLists
from recclaims.evaluation.ranking import evaluate
from recclaims.recommenders import builtin
from recclaims.recommenders._recbole.fit import TrainingData, fit
from recclaims.recommenders.batched.ranking import Validation
from recclaims.recommenders.spec import Recommender

from .blocks import N_ITEMS, N_USERS, checkerboard, parity_features

ALL = [r for r in vars(builtin).values() if isinstance(r, Recommender)]
PARAMETERS = {"epochs": 40, "learning_rate": 0.05, "train_batch_size": 128, "embedding_size": 8, "knn_k": 4}
#: Items that are test items, and those that choose the epoch: as many of each of the two kinds.
TESTED, CHOOSING = np.arange(20, 26), np.arange(26, 30)
UNSEEN = np.concatenate([TESTED, CHOOSING])


def data_of(recommender, swapped=False):
    """Even users like even items; which the last ten are, their features say alone, or those of the other kind."""
    users, items, _ = checkerboard(share=0.8)
    seen = items < UNSEEN[0]
    finders, found = np.nonzero((np.arange(N_USERS)[:, None] + CHOOSING) % 2 == 0)
    features = parity_features(noise=0.0 if recommender.reads == "sets" else 0.1)
    if swapped:
        features[TESTED] = features[TESTED][::-1]  # 20 and 25 are of other kinds, as are 21 and 24, and 22 and 23
    content = {}
    if recommender.content:
        content = dict.fromkeys(("visual", "textual") if recommender.name == "smore" else ("textual",), features)
    valid = ItemLists.of(finders, CHOOSING[found], N_USERS)
    among = np.isin(np.arange(N_ITEMS), CHOOSING)
    return TrainingData(users[seen], items[seen], N_USERS, N_ITEMS, valid, content, among)


def known(recommender):
    return {"k": 15} if "k" in recommender.parameters else {} if recommender.training_free else PARAMETERS


def liked(scores):
    """How much higher the test items of a user's kind score than those of the other, on average over users."""
    kinds = np.arange(N_USERS)[:, None] % 2 == TESTED % 2
    own, other = (scores[:, TESTED][chosen].reshape(N_USERS, -1) for chosen in (kinds, ~kinds))
    return float((own.mean(axis=1) - other.mean(axis=1)).mean())


@pytest.mark.parametrize("recommender", [r for r in ALL if r.scores_unseen_items], ids=lambda r: r.name)
def test_their_own_features_say_whose_they_are(recommender):
    """With those of the other kind, the other users are told to like them."""
    first, swapped = (fit(recommender, known(recommender), data_of(recommender, s), 0) for s in (False, True))
    everyone = np.arange(N_USERS)
    right, wrong = (liked(one.score(everyone).detach().numpy()) for one in (first, swapped))
    assert right > 0 > wrong


@pytest.mark.parametrize("recommender", [r for r in ALL if not r.scores_unseen_items], ids=lambda r: r.name)
def test_of_the_others_nothing_that_an_unseen_item_is_changes_its_score(recommender):
    first, swapped = (fit(recommender, known(recommender), data_of(recommender, s), 0) for s in (False, True))
    everyone = np.arange(N_USERS)
    one, other = (found.score(everyone).detach().numpy()[:, TESTED] for found in (first, swapped))
    np.testing.assert_array_equal(one, other)


def test_which_they_are():
    """Nothing without features can know them; of what reads features all do, but BM3, which scores without them."""
    assert {r.name for r in ALL if r.content and not r.scores_unseen_items} == {"bm3"}
    assert not any(r.scores_unseen_items for r in ALL if not r.content)


@pytest.mark.parametrize("seed", range(4))
def test_cells_trained_together_choose_by_the_same_candidates(seed):
    """Two cells, one of which ranks some items alone, beside what each has when it is trained by itself."""
    random = np.random.default_rng(seed)
    n_users, n_items, size = 15, 120, 4
    tables = [torch.from_numpy(random.integers(-2, 3, (2, n + 1, size))).float() for n in (n_users, n_items)]
    some = random.random(n_items) < 0.5
    wanted = np.nonzero((random.random((n_users, n_items)) < 0.1) & some)
    seen = np.nonzero((random.random((n_users, n_items)) < 0.1) & ~some)
    relevant, masked = (ItemLists.of(*pairs, n_users) for pairs in (wanted, seen))
    validation = Validation([relevant] * 2, [masked] * 2, [3, 3], n_items, torch.device("cpu"), [some, None])
    together = validation(*tables)[0]
    users, items = tables
    for cell, among in enumerate((some, None)):
        scores = users[cell, 1:] @ items[cell, 1:].T
        alone = evaluate(lambda who, s=scores: s[who].clone(), relevant, masked, (20,), seed=3, among=among)[
            "recall@20"
        ]
        assert together[cell] == pytest.approx(np.nanmean(alone))
