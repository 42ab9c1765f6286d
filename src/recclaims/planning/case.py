"""Cases: the comparisons that a claim makes on one dataset, with everything installed that fits."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from recclaims._model.case import Case
from recclaims._model.claim import ALL_NOISE, REAL, Claim
from recclaims.data.answer_types import of_kind
from recclaims.data.source_spec import source_spec
from recclaims.errors import RecclaimsError, UnknownNameError
from recclaims.evaluation.metrics import check_comparable
from recclaims.features.available_inputs import available_modalities, bundled_encoders
from recclaims.features.fusion import parts_here
from recclaims.features.resolve import facts_of, known_encoder, suited, why_unavailable
from recclaims.features.spec import spec_of_factory
from recclaims.planning.arm import Pairing, Reading, can_read
from recclaims.planning.controls import controls_of, known_controls
from recclaims.planning.spelled_out import SpelledOut, check_dataset, check_reads, treatments
from recclaims.recommenders.spec import Recommender, joins_unasked

if TYPE_CHECKING:
    from recclaims._model.arm import Arm
    from recclaims._model.reads import Reads
    from recclaims.data.dataset import DatasetSource
    from recclaims.features.resolve import EncoderFacts
    from recclaims.planning.arm import Control
    from recclaims.plugin_manager import Registry


def cases(
    claim: Claim,
    reference: str,
    source: DatasetSource,
    registry: Registry,
    encoders: Sequence[str] = (),
    recommender_filter: Callable[[Recommender], bool] = joins_unasked,
    control_names: Collection[str] = (),
) -> Iterator[Case]:
    """Yield a claim's cases on a dataset: every content recommender and every encoder that the dataset can feed.

    Args:
        claim: the claim.
        reference: the dataset as it was asked for; `source` is what it refers to.
        registry: what is installed; a new encoder or recommender joins here without another line.
        encoders: the encoders to use, arguments included (`sbert:all-mpnet-base-v2`); empty: all.
        recommender_filter: which recommenders take part.
        control_names: which of the claim's noise controls to compare with; empty, or none of the claim's: all of them.

    Raises:
        UnknownNameError, FeatureError: `encoders` names none, or one that cannot be made, or the claim compares
            with something that does not exist.
    """
    check(claim, registry)
    where = f"claim '{claim.id}'"
    chosen: list[Control] = [
        *controls_of(claim.controls, registry, control_names, where),
        *map(SpelledOut, claim.control),
    ]
    for reads in claim.reads:
        check_dataset(reads, reference, registry, where)
    answers = source_spec(source).answers
    names = _encoders(claim, answers, registry, encoders, bundled_encoders(source))
    named = where if claim.treatment and claim.treatment.reference else "--claims-encoder"
    others = encoders or [*unasked(registry), *bundled_encoders(source)]
    modalities = available_modalities(source)
    names = [suited(name, modalities, registry) for name in names]
    facts = {name: facts_of(name, registry, named) for name in names}
    named_recommenders = _recommenders(claim, registry)
    parts = _parts(claim, encoders, registry) if names else ()
    fed = {name: found for name, found in distinct(facts).items() if found.requires <= modalities}
    seen: set[tuple[Arm, Arm]] = set()  # arms that name all they read are the same whatever the others read
    for recommender in registry.recommenders.values():
        if not (recommender.content and recommender_filter(recommender)) or (
            claim.trained and recommender.training_free
        ):
            continue
        if named_recommenders and recommender.name not in named_recommenders:
            continue
        for encoder, found in fed.items():
            if claim.modalities and found.modality not in claim.modalities:
                continue
            if not can_read(recommender, found):
                continue
            reading = Reading(recommender, encoder, found, modalities, answers, parts, registry, reference, others)
            for one in _comparisons(claim, reading, chosen):
                if claim.reads and one.arms in seen:
                    continue
                seen.add(one.arms)
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


def _comparisons(claim: Claim, reading: Reading, controls: Sequence[Control]) -> Iterator[Pairing]:
    """What a claim's treatment and controls come to for a recommender and its features."""
    if claim.treatment is None:
        yield from reading.comparisons(claim.treatments, controls)
        return
    for label, mine in treatments(claim.treatment, reading):
        for control in controls:
            yield from control.pairings(reading, label, mine)


def _recommenders(claim: Claim, registry: Registry) -> Sequence[str]:
    """Names of the recommenders that cases are about; empty: all."""
    treated = claim.treatment.recommender if claim.treatment else ""
    return [treated] if treated and registry.recommenders[treated].content else claim.recommenders


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
    all_there_are = asked or [*unasked(registry), *offered]
    if claim.treatment and claim.treatment.reference:
        return [claim.treatment.reference]
    if claim.treatment and _reads_nothing(claim.treatment, registry):
        # Its controls say on what features it is compared, if they do.
        return list(dict.fromkeys(filter(None, (reads.reference for reads in claim.control)))) or list(all_there_are)
    if claim.generative:
        return [name for name in asked or unasked(registry) if _generative(name, registry, bool(asked))]
    if not claim.encoders:
        return list(all_there_are)
    if asked:
        return [name for name in asked if name.partition(":")[0] in claim.encoders]
    kinds = {name: spec_of_factory(registry.encoders[name]).answers for name in claim.encoders}
    return [
        reference
        for name, kind in kinds.items()
        for reference in ([f"{name}:{answer}" for answer in of_kind(answers, kind)] if kind else [name])
    ]


def _reads_nothing(reads: Reads, registry: Registry) -> bool:
    """Whether an arm has no features: it is a twin, or a recommender without content."""
    return bool(reads.twin) or bool(reads.recommender and not registry.recommenders[reads.recommender].content)


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


def check(claim: Claim, registry: Registry, where: str = "") -> None:
    """Notice a claim about nothing there is, or that cannot be judged, before anything is trained for it.

    What it says of itself was checked when it came in, see checked.claim_of.

    Args:
        claim, registry: what is claimed, and what is installed.
        where: whose claim it is, for messages; empty: its id says it.

    Raises:
        UnknownNameError: it names what does not exist.
        RecclaimsError: its metric has no value of each user.
    """
    where = where or f"claim '{claim.id}'"
    if check_comparable(claim.metric, where).of_lists and claim.items:
        raise RecclaimsError(
            f"{where}: {claim.metric} describes whole lists, which items do not narrow; leave out items, or write users"
        )
    for reads in claim.reads:
        check_reads(reads, registry, f"{where}: {'treatment' if reads is claim.treatment else 'control'}")
    for kind, names, known in (
        ("control", claim.controls, {ALL_NOISE, *known_controls(registry)}),
        ("control", claim.treatments, {REAL, *registry.controls}),
        ("encoder", claim.encoders, {*registry.encoders}),
        ("recommender", claim.recommenders, {*registry.recommenders}),
    ):
        for name in names:
            if name not in known:
                raise UnknownNameError.of(kind, name, sorted(known), where)
