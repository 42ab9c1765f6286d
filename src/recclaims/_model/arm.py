"""Arms: what a recommender reads on either side of a comparison."""

from __future__ import annotations

from dataclasses import dataclass

from recclaims._model.cell import Cell


@dataclass(frozen=True)
class Arm:
    """One side of a comparison: a recommender and what it reads; its cells differ by replicate alone.

    Attributes:
        recommender: its name.
        features: reference of the encoder; None: no features.
        noise: the control that replaces the features; None: nothing does.
        twin: which feature-free twin; None: the recommender itself.
        dataset: reference of its dataset, where that is not the case's.
        imputation: what stands in for features that items lack; None: what the encoder says.
    """

    recommender: str
    features: str | None = None
    noise: str | None = None
    twin: str | None = None
    dataset: str | None = None
    imputation: str | None = None

    def cells(self, dataset: str, seeds: int) -> list[Cell]:
        """One cell per replicate."""
        dataset = self.dataset or dataset
        arm = dataset, self.recommender, self.features, self.noise, self.twin
        return [Cell(*arm, seed, imputation=self.imputation) for seed in range(seeds)]
