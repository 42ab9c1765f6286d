"""A cell: one recommender, trained once on one split of one dataset with one set of features."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

#: How many replicates share an assignment of noise to items; see judging.assignment.
REPLICATES_PER_ASSIGNMENT = 2


@dataclass(frozen=True)
class Cell:
    """The coordinates of one training.

    Attributes:
        dataset: reference of the dataset, as given to --claims-data.
        recommender: name of the recommender.
        features: reference of the encoder; None for a recommender without content and for a twin.
        control: what replaces the features; None: nothing does.
        twin: which feature-free twin; None: the recommender itself.
        seed: the replicate.
        assigned: which draw of its noise it has; None: the one that its replicate says.
        start: which draw of initialisation and sampling it has; None: the replicate's own, as in every case. Whoever
            asks how far luck alone reaches varies these two by themselves.
    """

    dataset: str
    recommender: str
    features: str | None = None
    control: str | None = None
    twin: str | None = None
    seed: int = 0
    assigned: int | None = None
    start: int | None = None

    @property
    def arm(self) -> str:
        """What the recommender reads, for people: `sbert`, `sbert/permuted`, `twin` or `none`."""
        if self.features is None:
            return self.twin or "none"
        return f"{self.features}/{self.control}" if self.control else self.features

    @property
    def assignment(self) -> int:
        """Which draw of its noise it has: two replicates in a row share one, which tells luck in it from the rest."""
        return self.seed // REPLICATES_PER_ASSIGNMENT if self.assigned is None else self.assigned

    @property
    def stream(self) -> int:
        """What seeds its initialisation and sampling."""
        return self.seed if self.start is None else self.start

    def __str__(self) -> str:
        varied = (("assignment", self.assigned), ("start", self.start))
        others = "".join(f", {what} {number}" for what, number in varied if number is not None)
        return f"{self.recommender} {self.arm} on {self.dataset}, seed {self.seed}{others}"


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

    @property
    def metrics(self) -> dict[str, float | None]:
        """Mean over the users that have a value, by metric; None where nobody has."""
        return {
            name: None if np.isnan(values).all() else float(np.nanmean(values))
            for name, values in self.per_user.items()
        }
