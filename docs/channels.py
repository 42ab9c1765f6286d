"""Measure which encoder can tell the planted groups of `emoji`: two tables of docs/methods.md.

python docs/channels.py [--seeds 3] [--store DIR]

Needs the `demo` extra for the weights. Accuracy of telling an item's group from its features, in five-fold
cross-validation: the ten nearest neighbours by cosine, and a logistic regression on standardised features. Then, of the
channel `joint`, how many of an item's ten nearest neighbours have its picture, its sentence and its group.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import KFold, cross_val_score
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from recclaims.data.catalogue import Item
from recclaims.data.emoji import Emoji
from recclaims.data.marks import SENTENCES
from recclaims.engine.pipeline import Pipeline
from recclaims.engine.settings import Profile, Settings
from recclaims.plugin_manager import registry
from recclaims.store import Store

ENCODERS = ("efficientnet-lite0", "sbert", "attributes")
FUSIONS = ("late_fusion", *(f"late_fusion-{how}" for how in ("concat", "pca", "mean", "sum", "graph")))
NEIGHBOURS = 10
PROBES = {
    "nearest": KNeighborsClassifier(10, metric="cosine"),
    "logistic": make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=1000)),
}


def accuracy(features: NDArray[np.float32], groups: NDArray[np.int64], seed: int) -> list[float]:
    """Accuracy of each probe."""
    folds = KFold(5, shuffle=True, random_state=seed)
    return [float(cross_val_score(probe, features, groups, cv=folds).mean()) for probe in PROBES.values()]


def neighbours(features: NDArray[np.float32]) -> NDArray[np.int64]:
    """The items nearest to each by cosine, int64 (n_items, NEIGHBOURS)."""
    unit = features / np.linalg.norm(features, axis=1, keepdims=True)
    cosine = unit @ unit.T
    np.fill_diagonal(cosine, -np.inf)
    return np.argsort(-cosine, axis=1)[:, :NEIGHBOURS]


def near_of_both(features: tuple[NDArray[np.float32], ...]) -> NDArray[np.int64]:
    """Half of them by each of two features, as a recommender has them that keeps modalities apart."""
    return np.concatenate([neighbours(one)[:, : NEIGHBOURS // 2] for one in features], axis=1)


def print_joint(pipeline: Pipeline, seeds: int) -> None:
    """Print the table of channel `joint` as Markdown."""
    told: dict[str, list[list[float]]] = {}
    for seed in range(seeds):
        source = Emoji(channel="joint", seed=seed)
        items = source.load().items
        pictures, sentences = [str(item.backdrop) for item in items], [sentence_of(item) for item in items]
        labels = [np.unique(values, return_inverse=True)[1] for values in (pictures, sentences, source.groups())]

        def features(encoder: str, seed: int = seed) -> NDArray[np.float32]:
            return np.array(pipeline.features(f"emoji?channel=joint&seed={seed}", encoder).matrix)

        near = {encoder: neighbours(features(encoder)) for encoder in (*ENCODERS[:2], *FUSIONS, "joint-reference")}
        near["late_fusion-graph"] = near_of_both(tuple(map(features, ENCODERS[:2])))
        for encoder, found in near.items():
            shares = [float((label[found] == label[:, None]).mean()) for label in labels]
            told.setdefault(encoder, []).append(shares)
        counts = [np.bincount(label) for label in labels]
        chances = [float((n * (n - 1)).sum() / (n.sum() * (n.sum() - 1))) for n in counts]
        told.setdefault("any two items", []).append(chances)
    print(f"| nearest {NEIGHBOURS} by | same picture | same sentence | same group |")
    print("|---|---|---|---|")
    for encoder, shares in told.items():
        print(f"| {encoder} | " + " | ".join(f"{value:.3f}" for value in np.mean(shares, axis=0)) + " |")


def sentence_of(item: Item) -> str:
    """The sentence of an item of channel `joint`."""
    return next(sentence for sentence in SENTENCES if item.description.endswith(sentence))


def main() -> None:
    """Print the tables as Markdown."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3, help="how often groups are dealt")
    parser.add_argument("--store", type=Path, help="where features are kept (default: nowhere)")
    options = parser.parse_args()
    print("| channel | groups | largest | " + " | ".join(f"{e}, {p}" for e in ENCODERS for p in PROBES) + " |")
    print("|---" * (3 + len(ENCODERS) * len(PROBES)) + "|")
    with tempfile.TemporaryDirectory() as temporary:
        store = Store(options.store or Path(temporary))
        pipeline = Pipeline(Settings(Profile.named("quick"), replicates=1), registry(), store)
        for channel in ("visual", "textual", "both", "joint"):
            rows, largest, n_groups = [], [], 0
            for seed in range(options.seeds if channel != "both" else 1):
                groups = Emoji(channel=channel, seed=seed).groups()
                reference = f"emoji?channel={channel}&seed={seed}"
                features = [np.array(pipeline.features(reference, encoder).matrix) for encoder in ENCODERS]
                rows.append([value for matrix in features for value in accuracy(matrix, groups, seed)])
                counts = np.bincount(groups)
                largest.append(counts.max() / len(groups))
                n_groups = len(counts)
            means = " | ".join(f"{value:.2f}" for value in np.mean(rows, axis=0))
            print(f"| {channel} | {n_groups} | {np.mean(largest):.2f} | {means} |", flush=True)
        print()
        print_joint(pipeline, options.seeds)


if __name__ == "__main__":
    main()
