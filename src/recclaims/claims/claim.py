"""Claims, declared: what is said, by whom, and which comparisons would show it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from recclaims.encoders.noise import CONTROLS
from recclaims.encoders.resolve import requirements_of
from recclaims.evaluation.ranking import PRIMARY
from recclaims.runner.cell import Cell

if TYPE_CHECKING:
    from recclaims.datasets.dataset import DatasetSource
    from recclaims.plugin_manager import Registry


@dataclass(frozen=True)
class Claim:
    """A statement that an experiment can support or contradict.

    Attributes:
        id: its name; the marker that selects it (`-m noise`).
        version: raised when the comparison changes, so that unequal results are never compared.
        statement: the claim in one sentence.
        source: who makes it.
        controls: what the real features are compared with: names of noise controls, or of twins.
        direction: "greater" where the treatment is claimed to be better.
        equivalence: True where the claim is that the arms do not differ.
        margin: the smallest effect of interest, relative to the control mean; set before any run.
        metric: what is compared.
    """

    id: str
    version: int
    statement: str
    source: str
    controls: tuple[str, ...]
    direction: str = "greater"
    equivalence: bool = False
    margin: float = 0.02
    metric: str = PRIMARY

    @property
    def name(self) -> str:
        """The id: a claim is found by it."""
        return self.id


@dataclass(frozen=True)
class Case:
    """One comparison of a claim: a recommender with real features against a control, on one dataset.

    Attributes:
        claim: the claim.
        dataset: reference of the dataset; `dataset_name` is what people call it.
        recommender: name of the recommender.
        treatment: reference of the encoder whose features are the real ones.
        control: the noise control or the twin.
    """

    claim: Claim
    dataset: str
    dataset_name: str
    recommender: str
    treatment: str
    control: str

    @property
    def id(self) -> str:
        """The case's name, as in `freedom-late_fusion-permuted-ml-100k`."""
        return f"{self.recommender}-{self.treatment}-{self.control}-{self.dataset_name}"

    def treatment_cells(self, seeds: int) -> list[Cell]:
        """The cells with the real features, one per replicate."""
        return [Cell(self.dataset, self.recommender, self.treatment, seed=seed) for seed in range(seeds)]

    def control_cells(self, seeds: int) -> list[Cell]:
        """The cells of the control, one per replicate; replicate r shares its split and seed with the treatment's."""
        if self.control in CONTROLS:
            return [
                Cell(self.dataset, self.recommender, self.treatment, self.control, seed=seed) for seed in range(seeds)
            ]
        return [Cell(self.dataset, self.recommender, twin=self.control, seed=seed) for seed in range(seeds)]

    def popularity_cells(self, seeds: int) -> list[Cell]:
        """The cells that a trained recommender has to beat to be admissible."""
        return [Cell(self.dataset, "mostpop", seed=seed) for seed in range(seeds)]

    def cells(self, seeds: int) -> list[Cell]:
        """Every cell the case needs."""
        return self.treatment_cells(seeds) + self.control_cells(seeds) + self.popularity_cells(seeds)


def cases(
    claim: Claim, reference: str, source: DatasetSource, registry: Registry, encoders: Sequence[str] = ()
) -> Iterator[Case]:
    """Yield a claim's cases on a dataset: every content recommender and every encoder that the dataset can feed.

    Args:
        claim: the claim.
        reference: the dataset as it was asked for; `source` is what it refers to.
        registry: what is installed; a new encoder or recommender joins here without another line.
        encoders: the encoders to use, arguments included (`sbert:all-mpnet-base-v2`); empty: all.

    Raises:
        UnknownNameError, FeatureError: `encoders` names none, or one that cannot be made.
    """
    names = encoders or tuple(registry.encoders)
    fed = [name for name in names if requirements_of(name, registry, "--claims-encoder") <= source.modalities]
    for recommender in registry.recommenders.values():
        if not recommender.content:
            continue
        for name in fed:
            for control in claim.controls:
                if control in CONTROLS or control in recommender.twins:
                    yield Case(claim, reference, source.name, recommender.name, name, control)
