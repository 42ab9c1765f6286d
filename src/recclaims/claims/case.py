"""Cases: the comparisons that a claim makes on one dataset with what is installed."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from recclaims.claims.claim import REAL, Claim
from recclaims.encoders.language.kinds import counterpart, of_kind
from recclaims.encoders.noise import CONTROLS
from recclaims.encoders.offered import carried, offered
from recclaims.encoders.resolve import EncoderFacts, facts_of
from recclaims.errors import UnknownNameError
from recclaims.runner.cell import Cell

if TYPE_CHECKING:
    from recclaims.datasets.dataset import DatasetSource
    from recclaims.plugin_manager import Registry
    from recclaims.recommenders.spec import Recommender

#: A control that is no encoder of its own: the same model's answers to a misaligned prompt.
MISALIGNED = "misaligned"


class Expectation(StrEnum):
    """What is known of a case before it is run, where its data are planted."""

    FOUND = "found"
    SILENT = "silent"


@dataclass(frozen=True)
class Arm:
    """One side of a comparison: a recommender and what it reads; its cells differ by replicate alone.

    Attributes:
        recommender: its name.
        features: reference of the encoder; None: no features.
        noise: the control that replaces the features; None: nothing does.
        twin: which feature-free twin; None: the recommender itself.
        dataset: reference of its dataset, where that is not the case's.
    """

    recommender: str
    features: str | None = None
    noise: str | None = None
    twin: str | None = None
    dataset: str | None = None

    def cells(self, dataset: str, seeds: int) -> list[Cell]:
        """One cell per replicate."""
        dataset = self.dataset or dataset
        return [Cell(dataset, self.recommender, self.features, self.noise, self.twin, seed) for seed in range(seeds)]


@dataclass(frozen=True)
class Case:
    """One comparison of a claim: a recommender's treatment against a control, on one dataset.

    Attributes:
        claim: the claim.
        dataset: reference of the dataset; `dataset_name` is what people call it.
        recommender: name of the recommender that the case is about.
        treatment, control: what people call the two arms, as in `late_fusion` and `permuted`.
        flavour: the recommender's; None where families do not differ.
        arms: the treatment's and the control's. Replicate r of both has the same split and seed.
        expects: what is known of planted data; None: nothing, as of a claim about the world.
        tests: name of the recommender or encoder that a planted case puts to the test.
    """

    claim: Claim
    dataset: str
    dataset_name: str
    recommender: str
    treatment: str
    control: str
    arms: tuple[Arm, Arm]
    flavour: str | None = None
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

    def treatment_cells(self, seeds: int) -> list[Cell]:
        """The treatment's cells, one per replicate."""
        return self.arms[0].cells(self.dataset, seeds)

    def control_cells(self, seeds: int) -> list[Cell]:
        """The control's cells, one per replicate."""
        return self.arms[1].cells(self.dataset, seeds)

    def popularity_cells(self, seeds: int) -> list[Cell]:
        """The cells that a trained recommender has to beat to be admissible."""
        return Arm("mostpop").cells(self.dataset, seeds)

    def cells(self, seeds: int) -> list[Cell]:
        """Every cell the case needs."""
        return self.treatment_cells(seeds) + self.control_cells(seeds) + self.popularity_cells(seeds)


def cases(
    claim: Claim,
    reference: str,
    source: DatasetSource,
    registry: Registry,
    encoders: Sequence[str] = (),
    admits: Callable[[Recommender], bool] = lambda _: True,
    noises: Collection[str] = (),
) -> Iterator[Case]:
    """Yield a claim's cases on a dataset: every content recommender and every encoder that the dataset can feed.

    Args:
        claim: the claim.
        reference: the dataset as it was asked for; `source` is what it refers to.
        registry: what is installed; a new encoder or recommender joins here without another line.
        encoders: the encoders to use, arguments included (`sbert:all-mpnet-base-v2`); empty: all.
        admits: which recommenders take part.
        noises: which of the claim's noise controls to compare with; empty, or none of the claim's: all of them.

    Raises:
        UnknownNameError, FeatureError: `encoders` names none, or one that cannot be made, or the claim compares
            with something that does not exist.
    """
    _check(claim, registry)
    chosen = _chosen(claim.controls, noises)
    answers: Sequence[str] = getattr(source, "answers", ())
    names = _encoders(claim, answers, registry, encoders, offered(source))
    facts = {name: facts_of(name, registry, "--claims-encoder") for name in names}
    modalities = carried(source)
    fed = {name: found for name, found in facts.items() if found.requires <= modalities}
    for recommender in registry.recommenders.values():
        if not (recommender.content and admits(recommender)) or (claim.trained and recommender.training_free):
            continue
        if claim.recommenders and recommender.name not in claim.recommenders:
            continue
        for encoder, found in fed.items():
            if claim.modalities and found.modality not in claim.modalities:
                continue
            if not can_read(recommender, found):
                continue
            reads = _Reading(recommender, encoder, found, modalities, answers)
            for treatment, control, arms in reads.comparisons(claim.treatments, chosen, registry):
                yield Case(
                    claim, reference, source.name, recommender.name, treatment, control, arms, recommender.flavour
                )


def _encoders(
    claim: Claim, answers: Sequence[str], registry: Registry, asked: Sequence[str], offered: Sequence[str]
) -> list[str]:
    """The encoders that take part: those asked for, or else all there are and those that the dataset brings."""
    if not claim.encoders:
        return list(asked or [*registry.encoders, *offered])
    if asked:
        return [name for name in asked if name.partition(":")[0] in claim.encoders]
    kinds = {name: getattr(registry.encoders[name], "answers", None) for name in claim.encoders}
    return [
        reference
        for name, kind in kinds.items()
        for reference in ([f"{name}:{answer}" for answer in of_kind(answers, kind)] if kind else [name])
    ]


def can_read(recommender: Recommender, facts: EncoderFacts) -> bool:
    """Whether a recommender takes features of this kind."""
    return recommender.reads in ("any", facts.representation)


def _chosen(controls: Sequence[str], noises: Collection[str]) -> list[str]:
    """Leave out noise that was not asked for, unless nothing that the claim names was."""
    mine = [name for name in controls if name in CONTROLS]
    asked = [name for name in mine if name in noises] or mine
    return [name for name in controls if name not in mine or name in asked]


@dataclass(frozen=True)
class _Reading:
    """A recommender that reads an encoder's features of a dataset; the last two are what the dataset carries."""

    recommender: Recommender
    encoder: str
    facts: EncoderFacts
    modalities: frozenset[str]
    answers: Sequence[str]

    def comparisons(
        self, treatments: Sequence[str], controls: Sequence[str], registry: Registry
    ) -> Iterator[tuple[str, str, tuple[Arm, Arm]]]:
        """What people call both arms, and the arms."""
        for treatment in treatments:
            noise = None if treatment == REAL else treatment
            if noise and not self._fits(noise):
                continue
            label = f"{self.encoder}/{noise}" if noise else self.encoder
            for control in controls:
                other = self._control(control, registry)
                if other is not None:
                    yield label, control, (Arm(self.recommender.name, self.encoder, noise), other)

    def _control(self, control: str, registry: Registry) -> Arm | None:
        """The arm that a control's name means here; None where it means nothing."""
        if control in CONTROLS:
            return Arm(self.recommender.name, self.encoder, noise=control) if self._fits(control) else None
        if control in self.recommender.twins:
            return Arm(self.recommender.name, twin=control)
        if control == MISALIGNED:
            return self._misaligned()
        if control in registry.encoders:
            other = facts_of(control, registry)
            fed = other.requires <= self.modalities and can_read(self.recommender, other)
            return Arm(self.recommender.name, control) if fed else None
        return Arm(control) if control in registry.recommenders else None

    def _misaligned(self) -> Arm | None:
        """The same encoder on what the same model answered to a misaligned prompt."""
        encoder, _, answer = self.encoder.partition(":")
        other = counterpart(answer, MISALIGNED, self.answers)
        return Arm(self.recommender.name, f"{encoder}:{other}") if other else None

    def _fits(self, noise: str) -> bool:
        has_categories = "attributes" in self.modalities
        return CONTROLS[noise].unfit(self.facts.blocks, has_categories, self.recommender.reads) is None


def _check(claim: Claim, registry: Registry) -> None:
    """Notice a claim that compares with nothing there is, which would silently have no case."""
    collaborative = {name for name, found in registry.recommenders.items() if not found.content}
    twins = {twin for found in registry.recommenders.values() for twin in found.twins}
    others = {*CONTROLS, *twins, *collaborative, *registry.encoders, MISALIGNED}
    for kind, names, known in (
        ("control", claim.controls, others),
        ("control", claim.treatments, {REAL, *CONTROLS}),
        ("encoder", claim.encoders, {*registry.encoders}),
        ("recommender", claim.recommenders, {*registry.recommenders}),
    ):
        for name in names:
            if name not in known:
                raise UnknownNameError.of(kind, name, sorted(known), f"claim '{claim.id}'")
