"""MGCN, SMORE and LGMRec of this library and of MMRec, in one run on one machine, at the size of ML-100K.

MMRec is on no package index: RECCLAIMS_MMREC names the folder `src` of a clone, else these are skipped. Its classes are
trained and ranked through `mmrec:`, with our batches, optimiser and ranking: what differs is the class.
"""

import os
from pathlib import Path

import numpy as np
import pytest

from recclaims.evaluation.item_lists import ItemLists
from recclaims.evaluation.ranking import BLOCK, evaluate
from recclaims.interop.foreign.recommender import open_recommender
from recclaims.recommenders import builtin
from recclaims.recommenders._recbole.fit import _scorer
from recclaims.recommenders.model_spec import model_spec

from .shape import build, features, interactions

CLONE = os.environ.get("RECCLAIMS_MMREC", "")
pytestmark = pytest.mark.skipif(not CLONE, reason="RECCLAIMS_MMREC does not name the folder src of a clone of MMRec")

SIZES = 943, 1_682, 80_000
CONTENT = (("visual", features(1280, SIZES[1])), ("textual", features(384, SIZES[1])))
#: Theirs with the settings of ours.
THEIRS = {
    "mgcn": (builtin.MGCN, "cl_loss=0.01"),
    "smore": (
        builtin.SMORE,
        "n_ui_layers=3&image_knn_k=15&text_knn_k=15&reg_weight=1e-5&dropout_rate=0&cl_loss=0.01",
    ),
    "lgmrec": (builtin.LGMREC, ""),
}


def made(name, who):
    ours, settings = THEIRS[name]
    reference = f"mmrec:{Path(CLONE) / 'models' / name}.py?{settings}"
    return build(ours if who == "recclaims" else open_recommender(reference), CONTENT, SIZES)


@pytest.mark.parametrize("who", ["recclaims", "mmrec"])
@pytest.mark.parametrize("name", THEIRS)
def test_epoch(benchmark, name, who):
    benchmark.group = f"an epoch of {name}"
    _, batches, trainer = made(name, who)
    assert benchmark.pedantic(lambda: trainer._train_epoch(batches, 0), rounds=2) > 0


@pytest.mark.parametrize("who", ["recclaims", "mmrec"])
@pytest.mark.parametrize("name", THEIRS)
def test_scores(benchmark, name, who):
    """The class's own part of ranking; what is done with the scores is the same code for both."""
    benchmark.group = f"scores of all items for all users by {name}"
    model, _, _ = made(name, who)
    scorer = _scorer(model, model_spec(model, False), SIZES[1], "cpu")
    users = np.arange(SIZES[0])

    def score():
        model.eval()  # as after an epoch: nothing is kept
        return [scorer(users[i : i + BLOCK]) for i in range(0, len(users), BLOCK)]

    assert sum(map(len, benchmark.pedantic(score, rounds=15, warmup_rounds=1))) == SIZES[0]


@pytest.mark.parametrize("who", ["recclaims", "mmrec"])
@pytest.mark.parametrize("name", THEIRS)
def test_ranking(benchmark, name, who):
    benchmark.group = f"ranking all items for all users by {name}"
    model, _, _ = made(name, who)
    users, items, held = interactions(*SIZES)
    seen = ItemLists.of(users, items, SIZES[0])
    scorer = _scorer(model, model_spec(model, False), SIZES[1], "cpu")

    def rank():
        model.eval()  # as after an epoch: nothing is kept
        return evaluate(scorer, held, seen)

    assert len(benchmark.pedantic(rank, rounds=15, warmup_rounds=1)) > 0
