"""How often the check for leaked interactions refuses honest features, and how strong a leak it finds.

    PYTHONPATH=src python docs/leakage.py STORE DATASET ENCODER ... [--seeds N]

For every replicate 0 to N - 1 (of `emoji`, also planted with that seed, at doses 0, 0.5 and 1) prints z of each
encoder's features, and for replicate 0 (at dose 0.5) z of leaks: singular vectors of all interactions and of the train
part, alone and added to the features, and an embedding trained on all of them. "given" takes the replicate's split as
one that came with the data, "drawn" as one of many. Features come from the store where it has them.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from scipy.sparse import csr_matrix
from scipy.sparse.linalg import svds

from recclaims.data.splits import TRAIN, make_split
from recclaims.engine.data import DataPipeline
from recclaims.engine.profile import Profile
from recclaims.engine.settings import Settings
from recclaims.features.leakage import check
from recclaims.plugin_manager import registry
from recclaims.store import Store

STRENGTHS = (0.1, 0.3, 1.0)


def unit(matrix):
    """A matrix centred and scaled to Frobenius norm 1."""
    centred = matrix - matrix.mean(axis=0)
    return centred / np.linalg.norm(centred)


def vectors(counts, rank):
    """Right singular vectors, (n_items, rank)."""
    return svds(counts, k=rank, v0=np.ones(min(counts.shape)))[2].T


def bpr(dataset, width=32, epochs=40):
    """Item vectors of matrix factorisation trained on all interactions by pairwise ranking, (n_items, width)."""
    draw = np.random.default_rng(0)
    users, items = dataset.interactions.users, dataset.interactions.items
    p, q = (0.1 * draw.standard_normal((n, width)) for n in (len(dataset.user_ids), len(dataset.items)))
    for _ in range(epochs):
        for batch in np.array_split(draw.permutation(len(users)), max(1, len(users) // 256)):
            u, i, j = users[batch], items[batch], draw.integers(len(q), size=len(batch))
            pull = 1 / (1 + np.exp((p[u] * (q[i] - q[j])).sum(axis=1)))[:, None]
            step = pull * (q[i] - q[j]) - 0.01 * p[u], pull * p[u] - 0.01 * q[i], -pull * p[u] - 0.01 * q[j]
            for matrix, rows, change in zip((p, q, q), (u, i, j), step, strict=True):
                np.add.at(matrix, rows, 0.05 * change)
    return q


def leaks(dataset, train, honest):
    """Features that know interactions, by name."""
    shape = len(dataset.user_ids), len(dataset.items)
    users, items = dataset.interactions.users, dataset.interactions.items
    counts, of_train = (csr_matrix((np.ones(n), (u, i)), shape) for n, u, i in
                        ((len(users), users, items), (train.sum(), users[train], items[train])))  # fmt: skip
    popularity = np.asarray(counts.sum(axis=0)).T
    yield "popularity", np.column_stack([popularity, np.log1p(popularity)])
    yield "bpr of all", bpr(dataset)
    for rank in (16, 64):
        yield f"rank {rank} of train", vectors(of_train, rank)
        leak = unit(vectors(counts, rank))
        yield f"rank {rank} of all", leak
        for name, matrix in honest.items():
            width = max(rank, matrix.shape[1])
            turn = np.linalg.qr(np.random.default_rng(0).standard_normal((width, rank)))[0]
            content = np.pad(unit(matrix), ((0, 0), (0, width - matrix.shape[1])))
            for strength in STRENGTHS:
                yield f"{name} + {strength:g} x rank {rank} of all", content + strength * leak @ turn.T


def main():
    """Print a line per check."""
    parser = argparse.ArgumentParser()
    parser.add_argument("store", type=Path)
    parser.add_argument("dataset")
    parser.add_argument("encoders", nargs="+")
    parser.add_argument("--seeds", type=int, default=5)
    asked = parser.parse_args()
    pipeline = DataPipeline(Settings(Profile.named("quick")), registry(), Store(asked.store.absolute()))
    planted = asked.dataset == "emoji"
    for seed in range(asked.seeds):
        for dose in (0.5, 0, 1) if planted else (None,):
            name = f"emoji?dose={dose}&seed={seed}" if planted else asked.dataset
            dataset = pipeline.dataset(name)
            ids = dataset.user_ids, [item.item_id for item in dataset.items]
            interactions = dataset.interactions.users, dataset.interactions.items
            train = make_split(dataset, seed).labels == TRAIN
            honest = {encoder: np.array(pipeline.features(name, encoder).matrix) for encoder in asked.encoders}
            known = dict(leaks(dataset, train, honest)) if seed == 0 and dose in (0.5, None) else {}
            for what, matrix in {**honest, **known}.items():
                given = check(matrix, *interactions, *ids, ~train).z
                # Folds are the ids' alone: another replicate of the same data draws the same ones.
                drawn = check(matrix, *interactions, *ids).z if planted or seed == 0 else float("nan")
                print(f"{name} {seed} | {what} | given {given:.1f} | drawn {drawn:.1f}", flush=True)


if __name__ == "__main__":
    main()
