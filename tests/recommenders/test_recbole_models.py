"""RecBole's own models by their names, as controls: what each asks for beside pairs, or one line that says why not."""

import numpy as np
import pytest
import torch

from recclaims.errors import CellError
from recclaims.evaluation.ranking import ItemLists, evaluate
from recclaims.recommenders._recbole.bridge import ITEM, NEGATIVE, USER, interaction_of
from recclaims.recommenders._recbole.fit import TrainingData, fit, prepare
from recclaims.recommenders._recbole.own_models import LabelledBatches, scores_all, scores_by_pairs
from recclaims.recommenders.spec import Recommender

from .blocks import N_ITEMS, N_USERS, checkerboard

FAST = {"epochs": 40, "learning_rate": 0.05, "train_batch_size": 128, "embedding_size": 8}


def control(name):
    return Recommender(name.lower(), "1", name, content=False)


def data():
    users, items, held = checkerboard()
    return TrainingData(users, items, N_USERS, N_ITEMS, held, {})


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("NeuMF", {"mf_embedding_size": 8, "mlp_embedding_size": 8, "mlp_hidden_size": [16, 8]}),  # labels and pairs
        ("FISM", {}),  # labels alone
        ("BPR", {}),  # neither
    ],
)
def test_a_model_of_recboles_finds_what_is_obvious(name, parameters):
    result = fit(control(name), {**FAST, **parameters}, data(), 0)
    users, items, held = checkerboard()
    found = evaluate(result.score, held, ItemLists.of(users, items, N_USERS), (10,))
    assert np.nanmean(found["recall@10"]) > 0.9


def test_pairs_become_rows_with_labels():
    batch = {USER: [1, 2], ITEM: [5, 6], NEGATIVE: [7, 8]}
    (found,) = LabelledBatches([interaction_of(batch)], "label")
    assert found[USER].tolist() == [1, 2, 1, 2]
    assert found[ITEM].tolist() == [5, 6, 7, 8]
    assert found["label"].tolist() == [1, 1, 0, 0]


@pytest.mark.parametrize("pairs", [1, 100, 2**16])
def test_scores_of_pairs_are_those_of_all_items_at_once(pairs, monkeypatch):
    monkeypatch.setattr("recclaims.recommenders._recbole.own_models.PAIRS", pairs)
    model = prepare(control("BPR"), FAST, data(), 0).model
    users = np.array([3, 1, 40])
    with torch.no_grad():
        at_once = model.full_sort_predict(interaction_of({USER: users})).view(3, -1)
        by_pairs = scores_by_pairs(model, N_ITEMS, "cpu")(users)
    torch.testing.assert_close(by_pairs, at_once)
    assert scores_all(model)
    assert not scores_all(prepare(control("NeuMF"), FAST, data(), 0).model)


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("DirectAU", "directau: unknown general recommender of RecBole 'DirectAU'; did you mean "),
        ("SASRec", "sasrec: unknown general recommender of RecBole 'SASRec'"),
        ("NCL", "ncl: RecBole trains NCL by a loop of its own (NCLTrainer), which is not supported"),
    ],
)
def test_what_cannot_be_trained_here_is_one_line(name, line):
    with pytest.raises(CellError) as caught:
        fit(control(name), FAST, data(), 0)
    assert str(caught.value).startswith(line)
    assert "\n" not in str(caught.value)
