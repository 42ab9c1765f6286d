"""Measure which encoder can tell the planted groups of `emoji`: the table of docs/methods.md.

python docs/channels.py [--seeds 3] [--store DIR]

Needs the `demo` extra for the weights. Accuracy of telling an item's group from its features, in five-fold
cross-validation: the ten nearest neighbours by cosine, and a logistic regression on standardised features.
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

from recclaims.data.emoji import Emoji
from recclaims.engine.pipeline import Pipeline
from recclaims.engine.settings import Profile, Settings
from recclaims.plugin_manager import registry
from recclaims.store import Store

ENCODERS = ("efficientnet-lite0", "sbert", "attributes")
PROBES = {
    "nearest": KNeighborsClassifier(10, metric="cosine"),
    "logistic": make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=1000)),
}


def accuracy(features: NDArray[np.float32], groups: NDArray[np.int64], seed: int) -> list[float]:
    """Accuracy of each probe."""
    folds = KFold(5, shuffle=True, random_state=seed)
    return [float(cross_val_score(probe, features, groups, cv=folds).mean()) for probe in PROBES.values()]


def main() -> None:
    """Print the table as Markdown."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3, help="how often groups are dealt")
    parser.add_argument("--store", type=Path, help="where features are kept (default: nowhere)")
    options = parser.parse_args()
    print("| channel | groups | largest | " + " | ".join(f"{e}, {p}" for e in ENCODERS for p in PROBES) + " |")
    print("|---" * (3 + len(ENCODERS) * len(PROBES)) + "|")
    with tempfile.TemporaryDirectory() as temporary:
        store = Store(options.store or Path(temporary))
        pipeline = Pipeline(Settings(Profile.named("quick"), replicates=1), registry(), store)
        for channel in ("visual", "textual", "both"):
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


if __name__ == "__main__":
    main()
