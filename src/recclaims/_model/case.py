"""Cases, declared: one comparison of a claim on one dataset, and the cells that it needs."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from recclaims._model.arm import Arm
from recclaims._model.cell import Cell
from recclaims._model.claim import Claim

#: The noise and the twin that decide a question; the others describe.
CONFIRMATORY_NOISE, CONFIRMATORY_TWIN = "permuted", "twin"


class Expectation(StrEnum):
    """What a case on planted data must find."""

    POSITIVE_CONTROL = "found"
    NEGATIVE_CONTROL = "silent"


@dataclass(frozen=True)
class Case:
    """One comparison of a claim: a recommender's treatment against a control, on one dataset.

    Attributes:
        claim: the claim.
        dataset: reference of the dataset; `dataset_name` is its name in reports.
        recommender: name of the recommender that the case is about.
        treatment, control: short names of the two arms, such as `late_fusion` and `permuted`.
        flavour: the recommender's flavour; None if families do not differ.
        asked: encoders that must be asked for to get this case; empty if the treatment's name says it.
        arms: the treatment's arm and the control's. Replicate r of both has the same split and seed.
        expects: what a case on planted data must find; None for claims about real data.
        tests: name of the recommender or encoder that a planted case tests.
    """

    claim: Claim
    dataset: str
    dataset_name: str
    recommender: str
    treatment: str
    control: str
    arms: tuple[Arm, Arm]
    flavour: str | None = None
    asked: tuple[str, ...] = ()
    expects: Expectation | None = None
    tests: str = ""

    @property
    def id(self) -> str:
        """The case's name, as in `freedom-late_fusion-permuted-ml-100k`."""
        return f"{self.recommender}-{self.treatment}-{self.control}-{self.dataset_name}"

    @property
    def encoders(self) -> tuple[str, ...]:
        """References of the encoders whose features either arm reads or replaces."""
        return tuple(dict.fromkeys(arm.features for arm in self.arms if arm.features))

    @property
    def real_against_noise(self) -> bool:
        """Whether the arms read the same features, real in one and replaced by noise in the other."""
        first, second = self.arms
        return first.features == second.features is not None and (first.noise is None) != (second.noise is None)

    @property
    def confirmatory(self) -> bool:
        """Whether it decides a question. Noise other than `permuted` only describes: it has no true null hypothesis."""
        noises = {arm.noise for arm in self.arms} - {None}
        twins = {arm.twin for arm in self.arms} - {None}
        return noises <= {CONFIRMATORY_NOISE} and twins <= {CONFIRMATORY_TWIN}

    def assignments(self, replicates: int) -> list[int] | None:
        """The assignment of noise to items of each replicate's cells; None if no arm reads noise."""
        for arm in self.arms:
            if arm.noise is not None:
                return [cell.assignment for cell in arm.cells(self.dataset, replicates)]
        return None

    def treatment_cells(self, seeds: int) -> list[Cell]:
        """The treatment's cells, one per replicate."""
        return self.arms[0].cells(self.dataset, seeds)

    def control_cells(self, seeds: int) -> list[Cell]:
        """The control's cells, one per replicate."""
        return self.arms[1].cells(self.dataset, seeds)

    def popularity_cells(self, seeds: int) -> list[Cell]:
        """The cells of popularity, which a trained recommender must beat to be admissible."""
        return Arm("mostpop").cells(self.dataset, seeds)

    def cells(self, seeds: int) -> list[Cell]:
        """Every cell the case needs."""
        return self.treatment_cells(seeds) + self.control_cells(seeds) + self.popularity_cells(seeds)
