"""Cases: the comparisons that a claim makes on one dataset, with everything installed that fits."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from recclaims.data.source_spec import source_spec
from recclaims.errors import RecclaimsError, UnknownNameError
from recclaims.evaluation.metrics import check_comparable
from recclaims.features.answer_types import of_kind
from recclaims.features.available_inputs import carried, offered
from recclaims.features.fusion import parts_here
from recclaims.features.protocol import MODALITIES
from recclaims.features.resolve import facts_of, known_encoder, why_unavailable
from recclaims.features.spec import spec_of_factory
from recclaims.planning.arm import Arm, Reading, can_read
from recclaims.planning.claim import DIRECTIONS, REAL, Claim
from recclaims.planning.controls import ALL_NOISE, controls_of, known_controls

if TYPE_CHECKING:
    from recclaims.data.dataset import DatasetSource
    from recclaims.engine.cell import Cell
    from recclaims.features.resolve import EncoderFacts
    from recclaims.plugin_manager import Registry
    from recclaims.recommenders.spec import Recommender


#: The noise and the twin that decide a question; the others describe.
CONFIRMATORY_NOISE, CONFIRMATORY_TWIN = "permuted", "twin"


class Expectation(StrEnum):
    """What a case on planted data must find."""

    FOUND = "found"
    SILENT = "silent"


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
    def dealt(self) -> bool:
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
    check(claim, registry)
    chosen = controls_of(claim.controls, registry, noises, f"claim '{claim.id}'")
    answers = source_spec(source).answers
    names = _encoders(claim, answers, registry, encoders, offered(source))
    facts = {name: facts_of(name, registry, "--claims-encoder") for name in names}
    modalities = carried(source)
    parts = _parts(claim, encoders, registry) if names else ()
    fed = {name: found for name, found in distinct(facts).items() if found.requires <= modalities}
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
            reads = Reading(recommender, encoder, found, modalities, answers, parts, registry)
            for one in reads.comparisons(claim.treatments, chosen):
                yield Case(
                    claim,
                    reference,
                    source.name,
                    recommender.name,
                    one.treatment,
                    one.control,
                    one.arms,
                    recommender.flavour,
                    one.asked,
                )


def distinct(facts: Mapping[str, EncoderFacts]) -> dict[str, EncoderFacts]:
    """Of encoders that people call the same, as a file that lies in two places, the first."""
    first: dict[tuple[str, str], str] = {}
    for name, found in facts.items():
        first.setdefault((found.shown, found.modality), name)
    return {name: facts[name] for name in first.values()}


def _encoders(
    claim: Claim, answers: Sequence[str], registry: Registry, asked: Sequence[str], offered: Sequence[str]
) -> list[str]:
    """The encoders that take part: those asked for, or else all there are and those that the dataset brings."""
    if claim.generative:
        return [name for name in asked or registry.encoders if _generative(name, registry, bool(asked))]
    if not claim.encoders:
        return list(asked or [*unasked(registry), *offered])
    if asked:
        return [name for name in asked if name.partition(":")[0] in claim.encoders]
    kinds = {name: spec_of_factory(registry.encoders[name]).answers for name in claim.encoders}
    return [
        reference
        for name, kind in kinds.items()
        for reference in ([f"{name}:{answer}" for answer in of_kind(answers, kind)] if kind else [name])
    ]


def unasked(registry: Registry) -> list[str]:
    """Names of the encoders that join where nobody asks for any."""
    return [name for name, made in registry.encoders.items() if not spec_of_factory(made).on_request]


def without_argument(registry: Registry) -> list[str]:
    """Those of them that need no argument, as one that reads an answer of a catalogue does."""
    return [name for name in unasked(registry) if not spec_of_factory(registry.encoders[name]).answers]


def _generative(name: str, registry: Registry, asked: bool) -> bool:
    """Whether an encoder reads the states of a model that answers, and was asked for or can run here.

    Otherwise every dataset with images would get cases of a model of 15 GB that nobody has, and train their controls.
    """
    if not spec_of_factory(registry.find("encoders", name.partition(":")[0], "--claims-encoder")).generative:
        return False
    try:
        return asked or why_unavailable(known_encoder(name, registry)) is None
    except RecclaimsError:
        return True  # its cases say why it cannot be made


def _parts(claim: Claim, asked: Sequence[str], registry: Registry) -> list[str]:
    """What the fusions that a claim compares with are made of: as those that were asked for, else what is here."""
    fusions = {name for name, made in registry.encoders.items() if spec_of_factory(made).fuses}
    if not fusions.intersection(claim.controls):
        return []
    split = [name.partition(":") for name in asked]
    named = [parts for base, _, parts in split if parts and base in fusions]
    return list(dict.fromkeys(named)) or [parts_here(registry)]


def check(claim: Claim, registry: Registry) -> None:
    """Notice a claim about nothing there is, or that cannot be judged, before anything is trained for it.

    Raises:
        UnknownNameError: it names what does not exist.
        RecclaimsError: its margin is no share.
    """
    where = f"claim '{claim.id}'"
    check_comparable(claim.metric, where)
    if claim.direction not in DIRECTIONS:
        raise UnknownNameError.of("direction", claim.direction, DIRECTIONS, where)
    _check_threshold(claim, where)
    for kind, names, known in (
        ("control", claim.controls, {ALL_NOISE, *known_controls(registry)}),
        ("control", claim.treatments, {REAL, *registry.controls}),
        ("modality", claim.modalities, {*MODALITIES}),
        ("encoder", claim.encoders, {*registry.encoders}),
        ("recommender", claim.recommenders, {*registry.recommenders}),
    ):
        for name in names:
            if name not in known:
                raise UnknownNameError.of(kind, name, sorted(known), where)


def _check_threshold(claim: Claim, where: str) -> None:
    for key in ("margin", "at_least", "not_worse_than", "not_better_than"):
        share: object = getattr(claim, key)
        if share is None and key.startswith("not_"):
            continue
        if isinstance(share, bool) or not isinstance(share, int | float) or not 0 <= share < math.inf:
            raise RecclaimsError(f"{where}: {key} is {share!r}, not a number of 0 or more; write 0.02 for 2 %")
    asked = [claim.equivalence, claim.at_least > 0, claim.not_worse_than is not None, claim.not_better_than is not None]
    if sum(asked) > 1:
        raise RecclaimsError(
            f"{where}: it can say only one of equivalence, at_least, not_worse_than and not_better_than"
        )
    if not 0 < claim.level < 1:
        raise RecclaimsError(f"{where}: level is {claim.level!r}, not a share between 0 and 1; write 0.05 for 5 %")
