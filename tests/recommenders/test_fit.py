import functools
import hashlib
import logging
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from recclaims.errors import CellError, RecclaimsError
from recclaims.evaluation.ranking import ItemLists, evaluate
from recclaims.recommenders import builtin
from recclaims.recommenders._recbole.fit import TrainingData, fit, prepare
from recclaims.recommenders._recbole.trainer import CellTrainer
from recclaims.recommenders.spec import Recommender

from .blocks import N_ITEMS, N_USERS, checkerboard, parity_features

# Few neighbours, as few items are alike.
FAST = {"epochs": 40, "learning_rate": 0.05, "train_batch_size": 128, "embedding_size": 8, "knn_k": 4}
#: Enough where nothing has to be learned.
SHORT = {**FAST, "epochs": 5}
ALL = [r for r in vars(builtin).values() if isinstance(r, Recommender)]
TRAINED = [r for r in ALL if not r.training_free]
CONTENT = [r for r in ALL if r.content]


def given(recommender, content):
    """What it reads, by modality: SMORE needs two."""
    modalities = ("visual", "textual") if recommender.name == "smore" else ("textual",)
    return dict.fromkeys(modalities, content) if recommender.content else {}


def fitted(recommender, parameters=FAST, content=None, seed=0, twin=False):
    users, items, held = checkerboard()
    if content is None:
        content = parity_features(noise=0.0 if recommender.reads == "sets" else 0.1)
    content = {} if twin else given(recommender, content)
    known = {"k": 15} if "k" in recommender.parameters else {} if recommender.training_free else parameters
    return fit(recommender, known, TrainingData(users, items, N_USERS, N_ITEMS, held, content), seed)


@functools.cache
def once(name, twin=False):
    """A recommender as `fitted` has it, for tests that only look at it."""
    return fitted(next(r for r in ALL if r.name == name), twin=twin)


def recall(result):
    users, items, held = checkerboard()
    return np.nanmean(evaluate(result.score, held, ItemLists.of(users, items, N_USERS), (10,))["recall@10"])


@pytest.mark.parametrize("recommender", [r for r in ALL if r.name != "mostpop"], ids=lambda r: r.name)
def test_recovers_a_checkerboard(recommender):
    assert recall(once(recommender.name)) > 0.93


def test_popularity_counts_every_interaction():
    # RecBole's own Pop counts an item once per batch however often it occurs there.
    users, items, held = checkerboard()
    extra = np.arange(N_USERS)
    users, items = np.concatenate([users, extra]), np.concatenate([items, np.where(extra % 2 == 1, 4, 6)])
    result = fit(builtin.MOSTPOP, {}, TrainingData(users, items, N_USERS, N_ITEMS, held, {}), 0)
    scores = result.score(np.array([0]))[0].numpy()
    counts = np.bincount(items, minlength=N_ITEMS)
    np.testing.assert_array_equal(np.argsort(np.argsort(scores)), np.argsort(np.argsort(counts / counts.max())))
    np.testing.assert_allclose(scores, counts / counts.max())


@pytest.mark.parametrize("recommender", ALL, ids=lambda r: r.name)
def test_scores_have_one_column_per_item_and_are_finite(recommender):
    scores = once(recommender.name).score(np.arange(5))
    assert tuple(scores.shape) == (5, N_ITEMS)
    assert np.isfinite(scores.detach().numpy()).all()


@pytest.mark.parametrize("recommender", TRAINED, ids=lambda r: r.name)
def test_the_seed_decides(recommender):
    one, same, other = (fitted(recommender, SHORT, seed=seed).score(np.arange(N_USERS)).detach() for seed in (1, 1, 2))
    assert (one == same).all()
    assert not (one == other).all()


@pytest.mark.parametrize("recommender", CONTENT, ids=lambda r: r.name)
def test_nan_features_are_refused(recommender):
    content = parity_features()
    content[3, 1] = np.nan
    with pytest.raises(CellError, match=recommender.name):
        recall(fitted(recommender, content=content))


@pytest.mark.parametrize("recommender", [r for r in CONTENT if r.twins], ids=lambda r: r.name)
def test_a_twin_reads_no_features(recommender):
    twin = once(recommender.name, twin=True)
    assert recall(twin) > 0.93
    with_content = once(recommender.name)
    assert not (twin.score(np.arange(5)) == with_content.score(np.arange(5))).all()


@pytest.mark.parametrize("recommender", [r for r in CONTENT if not r.twins], ids=lambda r: r.name)
def test_what_reads_nothing_but_features_has_no_twin(recommender):
    with pytest.raises(CellError, match="has no feature-free twin"):
        fitted(recommender, twin=True)


def test_permuting_the_items_permutes_the_scores():
    """For the recommender that draws nothing; where weights are drawn, they belong to item numbers."""
    users, items, held = checkerboard()
    order = np.random.default_rng(3).permutation(N_ITEMS)
    content = parity_features()
    moved = np.empty_like(content)
    moved[order] = content
    plain, other = (
        fit(builtin.CONTENT_KNN, {}, TrainingData(users, numbers, N_USERS, N_ITEMS, held, {"textual": matrix}), 0)
        for numbers, matrix in ((items, content), (order[items], moved))
    )
    everyone = np.arange(N_USERS)
    np.testing.assert_allclose(plain.score(everyone), other.score(everyone)[:, order], atol=1e-6)


def test_a_model_that_cannot_be_imported_is_named():
    ghost = Recommender("ghost", "1", "nowhere.at_all:Ghost")
    with pytest.raises(RecclaimsError, match=r"'ghost': cannot import nowhere\.at_all:Ghost"):
        fitted(ghost)


def test_a_diverging_loss_is_an_error_not_a_zero():
    with pytest.raises(CellError, match=r"bpr: .*(loss is|NaN)"):
        recall(fitted(builtin.BPR, {**FAST, "learning_rate": 1e38}))


def test_recbole_leaves_nothing_behind_and_reads_no_arguments(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["pytest", "--learning_rate=nonsense", "--epochs=0"])
    before = dict(os.environ)
    assert recall(fitted(builtin.BPR)) > 0.93
    assert list(tmp_path.iterdir()) == []
    assert dict(os.environ) == before


def test_log_lines_go_through_the_standard_logger(caplog):
    with caplog.at_level(logging.DEBUG, logger="recclaims.recbole"):
        fitted(builtin.BPR, SHORT)
    assert any("training" in record.getMessage() for record in caplog.records if record.name == "recclaims.recbole")


SCRIPT = """
import sys
sys.path.insert(0, sys.argv[1])
from tests.recommenders.test_fit import digests
print(*digests())
"""


def digests():
    """Of the scores of two recommenders, on one thread."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        scores = [fitted(r, SHORT, seed=5).score(np.arange(10)).detach() for r in (builtin.FREEDOM, builtin.VBPR)]
    finally:
        torch.set_num_threads(threads)
    return [hashlib.sha256(one.numpy().tobytes()).hexdigest() for one in scores]


def test_bit_identical_in_two_processes():
    """In this one, which has computed other things before, and in a fresh one."""
    command = [sys.executable, "-W", "ignore", "-c", SCRIPT, str(Path(__file__).parents[2])]
    fresh = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    assert fresh == digests()
    assert len(set(fresh)) == 2


@pytest.mark.parametrize("recommender", [builtin.BPR, builtin.LIGHTGCN, builtin.FREEDOM], ids=lambda r: r.name)
def test_the_fast_way_equals_the_stock_way(recommender):
    """After three epochs, by the weights of the trained models."""
    users, items, held = checkerboard()
    content = given(recommender, parity_features())
    data = TrainingData(users, items, N_USERS, N_ITEMS, held, content)
    known = {"epochs": 3, "train_batch_size": 64, "eval_step": 3, "train_features": False}
    fast, stock = (fit(recommender, {**known, "stock": stock}, data, 0).score.__closure__ for stock in (False, True))
    models = [
        next(c.cell_contents for c in closure if isinstance(c.cell_contents, torch.nn.Module))
        for closure in (fast, stock)
    ]
    states = [model.state_dict() for model in models]
    assert models[0].stock is False
    assert models[1].stock is True
    for name, value in states[0].items():
        np.testing.assert_allclose(value, states[1][name], atol=1e-5, err_msg=name)


@pytest.mark.parametrize("recommender", ALL, ids=lambda r: r.name)
def test_scores_may_be_written_to(recommender):
    result = once(recommender.name)
    first = result.score(np.arange(5))
    kept = first.clone()
    first[:] = -1
    np.testing.assert_array_equal(result.score(np.arange(5)), kept)


def validated_at_random(recommender):
    """Validation at random, so that the best epoch is soon past."""
    users, items, _ = checkerboard()
    random = np.random.default_rng(0)
    pairs = {(user, int(item)) for user in range(N_USERS) for item in random.permutation(N_ITEMS)[:2]}
    chance = np.array(sorted(pairs - set(zip(users.tolist(), items.tolist(), strict=True))))
    valid = ItemLists.of(chance[:, 0], chance[:, 1], N_USERS)
    content = given(recommender, parity_features())
    return TrainingData(users, items, N_USERS, N_ITEMS, valid, content)


@pytest.mark.parametrize("recommender", TRAINED, ids=lambda r: r.name)
def test_scores_are_those_of_the_mean_of_the_best_epochs(recommender):
    """Each of them is what stopping there gives; which they are, the validations say."""
    data = validated_at_random(recommender)
    known = {**FAST, "learning_rate": 0.01, "epochs": 20, "stopping_step": 100}

    def trained(average, **settings):
        cell = prepare(recommender, {**known, "average_best": average, **settings}, data, 0)
        said = []
        trainer = CellTrainer(cell.config, cell.model, lambda: said.append(cell.validate()) or said[-1])
        trainer.run(cell.batches)
        return cell, trainer, said

    cell, trainer, said = trained(3, eval_step=2)
    epochs = [epoch for _, epoch, _ in trainer.best.kept]
    assert len(said) == 10
    assert sorted(said[epoch // 2 - 1] for epoch in epochs) == sorted(said)[-3:]
    alone = [trained(1, epochs=epoch, eval_step=1000)[0].model.state_dict() for epoch in epochs]
    for name, value in cell.model.state_dict().items():
        torch.testing.assert_close(value, torch.stack([state[name] for state in alone]).mean(dim=0), msg=name)
    everyone = np.arange(N_USERS)
    cell.model.train().eval()  # what was kept for scoring is computed anew
    scores = cell.scorer(everyone)
    fitted = fit(recommender, {**known, "eval_step": 2, "average_best": 3}, data, 0)
    np.testing.assert_array_equal(fitted.score(everyone), scores)
    assert fitted.best_epoch == epochs[0]


@pytest.mark.parametrize("recommender", TRAINED, ids=lambda r: r.name)
def test_scores_are_those_of_the_best_epoch(recommender):
    """Training on to worse epochs and going back gives what stopping at the best one gives."""
    data = validated_at_random(recommender)
    known = {**FAST, "eval_step": 1, "stopping_step": 4, "learning_rate": 0.01}
    longer = fit(recommender, {**known, "epochs": 60}, data, 0)
    assert 0 < longer.best_epoch < longer.epochs
    stopped = fit(recommender, {**known, "epochs": longer.best_epoch}, data, 0)
    everyone = np.arange(N_USERS)
    np.testing.assert_array_equal(longer.score(everyone), stopped.score(everyone))
