"""A bank of cells from which studies are drawn: a recommender on many assignments of noise, crossed with many splits.

A case crosses nothing: its replicate r has split r and assignment r // 2. The bank has every assignment on every
split, so that any assignment can play the real features and any others the noise, on the same splits: an exact null.
Its twins have one split with several starts, so that a twin can be compared with itself. Cells come from the
pipeline and the store of the suite: those that a case has, too, are shared, and what is there is not trained again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recclaims._model.case import CONFIRMATORY_NOISE, CONFIRMATORY_TWIN
from recclaims._model.cell import Cell
from recclaims._model.claim import JUDGED
from recclaims.engine.pipeline import Pipeline
from recclaims.engine.run_cells import CellRunner, Progress
from recclaims.errors import RecclaimsError
from recclaims.evaluation.metrics import PRIMARY
from recclaims.features.resolve import facts_of
from recclaims.judging.comparison import per_user
from recclaims.planning.arm import can_read

Floats = NDArray[np.float64]

#: What is kept of a cell: what a case is judged by, and what the rules of before and the field's habits read.
KEPT = (JUDGED, PRIMARY)
#: Starts of one split lie this far apart, so that none is another replicate's own.
_APART = 1_000_000


@dataclass(frozen=True)
class Asked:
    """What a bank is of.

    Attributes:
        data, recommender, features: a dataset, a recommender and an encoder, as a run is asked for them.
        assignments: how many assignments of the features to items, each on every split.
        seeds: how many splits.
        starts: how many starts a twin has on each of them.
    """

    data: str
    recommender: str
    features: str
    assignments: int
    seeds: int
    starts: int = 3

    def cells(self) -> list[Cell]:
        """The recommender's cells, by assignment and split."""
        return [
            Cell(self.data, self.recommender, self.features, CONFIRMATORY_NOISE, seed=seed, assigned=assignment)
            for assignment in range(self.assignments)
            for seed in range(self.seeds)
        ]

    def twins(self) -> list[Cell]:
        """The twin's cells, by start and split; the first start is the one that cases have."""
        return [
            Cell(
                self.data,
                self.recommender,
                twin=CONFIRMATORY_TWIN,
                seed=seed,
                start=start * _APART + seed if start else None,
            )
            for start in range(self.starts)
            for seed in range(self.seeds)
        ]


@dataclass(frozen=True)
class Bank:
    """What came of the cells.

    Attributes:
        asked: what it is of.
        values: by metric, float64 (n_assignments, n_seeds, n_users), NaN where a user has no value.
        twins: likewise (n_starts, n_seeds, n_users); empty where a recommender has no twin, or only one start.
    """

    asked: Asked
    values: dict[str, Floats]
    twins: dict[str, Floats]


def check(asked: Asked, pipeline: Pipeline) -> None:
    """Refuse what cannot be made or drawn from, before anything is trained.

    Raises:
        RecclaimsError: a name that is not installed, a recommender that does not read the features, too few of
            something.
    """
    for option, count, least in (("assignments", asked.assignments, 4), ("seeds", asked.seeds, 6)):
        if count < least:
            raise RecclaimsError(f"--{option} {count}: at least {least} are needed to draw studies from")
    registry = pipeline.registry
    recommender = registry.find("recommenders", asked.recommender, "--recommender")
    if not (recommender.content and can_read(recommender, facts_of(asked.features, registry, "--features"))):
        raise RecclaimsError(f"--recommender {asked.recommender} does not read {asked.features}")
    obstacle = pipeline.obstacle(asked.data, asked.features)
    if obstacle:
        raise RecclaimsError(f"--features {asked.features}: {obstacle}")


def fill(asked: Asked, pipeline: Pipeline, tell: Callable[[Progress], None] = lambda _: None) -> Bank:
    """Find the cells of a bank in the store, or train them.

    Raises:
        RecclaimsError: see `check`; or a cell failed, or found nothing, and the others are kept.
    """
    check(asked, pipeline)
    recommender = pipeline.registry.find("recommenders", asked.recommender)
    has_twin = asked.starts > 1 and CONFIRMATORY_TWIN in recommender.twins and not recommender.training_free
    wanted = {"values": asked.cells(), "twins": asked.twins() if has_twin else []}
    with CellRunner(pipeline, tell) as runner:
        runner.run([cell for cells in wanted.values() for cell in cells])
        outcome = runner.outcome
    for cell, failure in outcome.failures.items():
        raise RecclaimsError(f"{cell}: {failure.reason}")
    for cell, result in outcome.results.items():
        for metric in KEPT:
            if not np.nansum(result.per_user[metric]):
                raise RecclaimsError(f"{cell}: it finds nothing for any user ({metric} is 0): no ratio can be measured")

    def table(cells: Sequence[Cell], metric: str) -> Floats:
        columns = per_user([outcome.results[cell] for cell in cells], metric)
        return columns.T.reshape(-1, asked.seeds, len(columns))

    kept = {what: {metric: table(cells, metric) for metric in KEPT} if cells else {} for what, cells in wanted.items()}
    return Bank(asked, kept["values"], kept["twins"])
