"""A cell: one recommender, trained once on one split of one dataset with one set of features."""

from __future__ import annotations

from dataclasses import dataclass

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
        imputation: what stands in for features that items lack; None: what the encoder says.
    """

    dataset: str
    recommender: str
    features: str | None = None
    control: str | None = None
    twin: str | None = None
    seed: int = 0
    assigned: int | None = None
    start: int | None = None
    imputation: str | None = None

    @property
    def arm(self) -> str:
        """What the recommender reads, for people: `sbert`, `sbert/permuted`, `sbert/zero`, `twin` or `none`."""
        if self.features is None:
            return self.twin or "none"
        return "/".join(filter(None, (self.features, self.imputation, self.control)))

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
