"""One epoch, and one full ranking, of this library and of stock RecBole 1.2.1, in one run on one machine.

pytest-benchmark prints the ratio in each group; nothing is asserted of it. That both do the same is asserted in
tests/recommenders (weights) and tests/evaluation (metrics).
"""

import numpy as np
import pytest

from recclaims.recommenders import builtin

from . import limits
from .shape import (
    BATCH,
    N_ITEMS,
    N_PAIRS,
    N_USERS,
    epoch_of,
    evaluation,
    features,
    scores_of,
    stock_epoch_of,
    stock_evaluation,
)

CONTENT = (("visual", features(2048)), ("textual", features(384)))
EPOCHS = {
    "bpr": (builtin.BPR, (), {}),
    "lightgcn": (builtin.LIGHTGCN, (), {}),
    "freedom, frozen features": (builtin.FREEDOM, CONTENT, {"train_features": False}),
    "freedom, frozen features, projected in bfloat16": (builtin.FREEDOM, CONTENT, {"train_features": False}),
}
#: What this library alone is asked for.
OURS = {"freedom, frozen features, projected in bfloat16": {"projection_dtype": "bfloat16"}}


SHAPE = N_USERS, N_ITEMS, 64


def freedom_epoch(dtype):
    parameters = builtin.FREEDOM.parameters
    graph = limits.propagating_epoch(
        *SHAPE, N_PAIRS, BATCH, parameters["n_ui_layers"], kept=1 - parameters["edge_dropout"]
    )
    # One row for each pair: the difference of its items' features.
    return limits.together(graph, limits.projection(BATCH, 2048 + 384, 64, N_PAIRS, BATCH, dtype))


WORK = {
    "bpr": limits.embeddings_epoch(*SHAPE, N_PAIRS, BATCH),
    "lightgcn": limits.propagating_epoch(*SHAPE, N_PAIRS, BATCH, builtin.LIGHTGCN.parameters["n_layers"]),
    "freedom, frozen features": freedom_epoch("float32"),
    "freedom, frozen features, projected in bfloat16": freedom_epoch("bfloat16"),
}


@pytest.mark.parametrize("who", ["recclaims", "recbole"])
@pytest.mark.parametrize("what", EPOCHS)
def test_epoch(benchmark, what, who):
    recommender, content, changes = EPOCHS[what]
    if who == "recclaims":
        epoch = epoch_of(recommender, content, **changes, **OURS.get(what, {}))
    else:
        epoch = stock_epoch_of(recommender, content, **changes)
    benchmark.group = f"one epoch of {what}"
    benchmark.extra_info["work"] = WORK.get(what)
    assert benchmark.pedantic(epoch, rounds=2, warmup_rounds=1) > 0


@pytest.mark.parametrize("who", ["recclaims", "recbole, 512 users at once", "recbole, its default of one user"])
def test_full_ranking(benchmark, who):
    benchmark.group = "ranking all items for all users"
    benchmark.extra_info["work"] = limits.ranking(*SHAPE)
    rank = {
        "recclaims": evaluation,
        "recbole, 512 users at once": lambda: stock_evaluation(512),
        "recbole, its default of one user": lambda: stock_evaluation(1),
    }[who]()
    metrics = benchmark.pedantic(rank, rounds=1 if "default" in who else 2, warmup_rounds=0 if "default" in who else 1)
    assert len(metrics) == 6


def test_both_rank_alike():
    """What is timed above is the same work: the same weights, and so the same metrics."""
    ours, theirs = evaluation()(), stock_evaluation(512)()
    assert {name: np.nanmean(values) for name, values in ours.items()} == pytest.approx(dict(theirs), abs=1e-6)


def test_attribute_item_knn(benchmark):
    """255 attributes of which an item has about nine; Elliot, which is on no index, is measured by hand."""
    benchmark.group = "Attribute Item-kNN: item neighbours, and every user's scores"
    attributes = (np.random.default_rng(0).random((N_ITEMS, 255)) < 0.035).astype(np.float32)
    work = scores_of(builtin.ATTRIBUTE_KNN_CONTENT, (("textual", attributes),))
    assert benchmark.pedantic(work, rounds=1) is not None
