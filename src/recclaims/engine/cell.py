"""What came of a cell."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recclaims._model.cell import Cell
from recclaims._model.population import EVERYONE, Population


class UserValues(Mapping[str, NDArray[np.float64]]):
    """Values of users by metric that can be had of some items and users alone."""

    @abstractmethod
    def within(self, population: Population) -> UserValues:
        """The values of these users, over their relevant test items among these items."""


@dataclass(frozen=True)
class CellResult:
    """What came of a cell.

    Attributes:
        cell: its coordinates.
        key: its name in the store.
        per_user: by metric, float64 (n_users,), NaN for users without a relevant test item and for those whose value no
            recommender could change (see Metric.fixed). It names those of METRICS; of a cell in the store, any metric
            that evaluation.metrics knows of users may be asked for, and is computed from the ranks that lie there.
        epochs, best_epoch: trained, and chosen on validation.
        seconds: of building and training the recommender, evaluation not included; of cells that were trained
            together, each one's share.
        peak_mb: peak resident memory of the process that trained it.
        valid_score: best validation recall@20; None where nobody has a relevant validation item.
        trials: sets of hyper-parameters tried on validation; 0 where nothing is tuned.
        tuned: the hyper-parameters that were chosen.
        content: SHA-256 of the features that it was given, after any control; None: none, as of a twin.
        derived: SHA-256 of what it derived from them, where nothing is trained and it says so.
        scores: SHA-256 of the scores of some users, see runner.training.
        fresh: whether it was trained just now, and not found in the store.
    """

    cell: Cell
    key: str
    per_user: Mapping[str, NDArray[np.float64]]
    epochs: int
    best_epoch: int
    seconds: float
    peak_mb: float
    valid_score: float | None = None
    trials: int = 0
    tuned: dict[str, Any] = field(default_factory=dict)
    content: str | None = None
    derived: str | None = None
    scores: str = ""
    fresh: bool = False

    def values(self, metric: str, population: Population = EVERYONE) -> NDArray[np.float64]:
        """A metric of every user, float64 (n_users,); NaN for those without a relevant test item in the population."""
        if population.is_everyone:
            return self.per_user[metric]
        assert isinstance(self.per_user, UserValues)  # noqa: S101 - a cell of the store, of which alone it is asked
        return self.per_user.within(population)[metric]

    @cached_property
    def metrics(self) -> dict[str, float | None]:
        """Mean over the users that have a value, by metric; None where nobody has."""
        return {
            name: None if np.isnan(values).all() else float(np.nanmean(values))
            for name, values in self.per_user.items()
        }
