"""What scoring with the mean of the best checkpoints gains: how far luck reaches, and how well the mean scores.

    PYTHONPATH=src python docs/averaging.py RECOMMENDER STORE [COUNT ...]

Trains a recommender on four assignments of the attributes of ml-100k to its films, each on six splits, as in profile
quick but for how many checkpoints are averaged (1, 3 and 8 unless other counts are given). Printed for each: the mean
of smooth recall, the spread of a replicate's log ratio of two assignments, and the share of the assignment in it.
Cells come from the store where it has them.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

from recclaims._model.claim import JUDGED
from recclaims.calibration.bank import Asked, fill
from recclaims.calibration.spread import against_noise
from recclaims.engine.hyperparameters import Hyperparameters
from recclaims.engine.pipeline import Pipeline
from recclaims.engine.profile import Profile
from recclaims.engine.settings import Settings
from recclaims.plugin_manager import registry
from recclaims.store import Store


def main(recommender, store, *counts):
    """Print the table of the docstring."""
    asked = Asked("ml-100k", recommender, "attributes", assignments=4, seeds=6, starts=1)
    for count in map(int, counts or (1, 3, 8)):
        own = Hyperparameters(recommender={recommender: {"average_best": count}})
        settings = Settings(replace(Profile.named("quick"), own=own))
        found = against_noise(fill(asked, Pipeline(settings, registry(), Store(Path(store).absolute()))), JUDGED)
        low, high = found.share_interval
        print(
            f"{recommender}, mean of {count}: {JUDGED} {found.mean:.4f}, spread {100 * found.replicates**0.5:.2f} %, "
            f"share of the assignment {found.share:.2f} [{low:.2f}, {high:.2f}]"
        )


if __name__ == "__main__":
    main(*sys.argv[1:])
