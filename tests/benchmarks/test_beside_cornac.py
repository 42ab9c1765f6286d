"""VBPR and item neighbourhoods of this library and of Cornac 3, in one run on one machine.

Cornac is no dependency: `pip install cornac powerlaw` first, else these are skipped. Its `fit` of VBPR has no epoch to
be timed alone, so both train from arrays to weights: the same epochs, batches, sizes and features.
"""

import contextlib
import functools
import io

import numpy as np
import pytest

from recclaims.recommenders import builtin

from . import limits
from .shape import (
    BATCH,
    N_ITEMS,
    N_PAIRS,
    N_USERS,
    build,
    distinct_items,
    evaluation,
    features,
    interactions,
    scores_of,
)
from .size import WHOLE

cornac = pytest.importorskip("cornac", reason="cornac is not installed")

EPOCHS = 2
#: Cornac scores users one by one, and takes 50 ms for each with neighbours.
SCORED = 200
DIMENSION = 4096 if WHOLE else 512


def cornac_data(**modalities):
    users, items, _ = interactions()
    triples = list(zip(users.tolist(), items.tolist(), np.ones(len(users)).tolist(), strict=True))
    data = cornac.data.Dataset.build(triples)
    if modalities:
        matrix = modalities["image"]
        image = cornac.data.ImageModality(features=matrix, ids=list(range(len(matrix))), normalized=True)
        image.build(id_map=data.iid_map)
        data.add_modalities(item_image=image)
    return data


def vbpr_of_cornac():
    data = cornac_data(image=features(DIMENSION))

    def fit():
        model = cornac.models.VBPR(
            k=64, k2=64, n_epochs=EPOCHS, batch_size=BATCH, learning_rate=0.001, use_gpu=False, seed=0, verbose=False
        )
        with contextlib.redirect_stdout(io.StringIO()):
            model.fit(data)
        return model

    return fit


def vbpr(dtype):
    content = (("visual", features(DIMENSION)),)

    def fit():
        model, batches, trainer = build(builtin.VBPR, content, projection_dtype=dtype)
        for epoch in range(EPOCHS):
            trainer._train_epoch(batches, epoch)
        return model

    return fit


@pytest.mark.parametrize("who", ["recclaims", "cornac"])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_vbpr(benchmark, dtype, who):
    """Cornac computes in float32 both times."""
    benchmark.group = f"{EPOCHS} epochs of vbpr on {DIMENSION} dimensions, projected in {dtype}"
    epoch = limits.together(
        limits.embeddings_epoch(N_USERS, N_ITEMS, 128, N_PAIRS, BATCH),
        limits.projection(distinct_items(), DIMENSION, 64, N_PAIRS, BATCH, dtype),
    )
    benchmark.extra_info["work"] = {name: EPOCHS * amount for name, amount in epoch.items()}
    fit = vbpr(dtype) if who == "recclaims" else vbpr_of_cornac()
    assert benchmark.pedantic(fit, rounds=2) is not None


@pytest.mark.parametrize("who", ["recclaims", "cornac"])
def test_full_ranking(benchmark, who):
    benchmark.group = "ranking all items for all users, beside cornac"
    benchmark.extra_info["work"] = limits.ranking(N_USERS, N_ITEMS, 64)
    if who == "recclaims":
        metrics = benchmark.pedantic(evaluation(), rounds=2)
    else:
        metrics = benchmark.pedantic(ranking_of_cornac(), rounds=1)
    assert len(metrics) > 0


def ranking_of_cornac():
    from cornac.eval_methods.base_method import ranking_eval

    data = cornac_data()
    model = cornac.models.BPR(k=64, max_iter=1, seed=0, verbose=False)
    model.fit(data)
    _, _, held = interactions()
    known = [(user, item, 1.0) for user, item in enumerate(held.items.tolist()) if user in data.uid_map]
    test = cornac.data.Dataset.build(known, global_uid_map=data.uid_map, global_iid_map=data.iid_map)
    metrics = [
        make(k=k) for make in (cornac.metrics.Recall, cornac.metrics.NDCG, cornac.metrics.HitRatio) for k in (10, 20)
    ]
    return lambda: ranking_eval(model, metrics, data, test)[0]


def item_knn_of_cornac():
    data = cornac_data()

    def score():
        model = cornac.models.ItemKNN(k=20, similarity="cosine", verbose=False, seed=0)
        model.fit(data)
        for user in range(SCORED):
            model.score(user)
        return model

    return score


@pytest.mark.parametrize("who", ["recclaims", "cornac"])
def test_item_knn(benchmark, who):
    benchmark.group = f"item neighbours, and {SCORED} users' scores of all items"
    ours = functools.partial(scores_of, builtin.ITEMKNN, n_users=SCORED, k=20, neighbourhood="history")
    work = item_knn_of_cornac() if who == "cornac" else ours()
    assert benchmark.pedantic(work, rounds=1) is not None
