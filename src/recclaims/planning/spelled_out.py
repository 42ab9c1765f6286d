"""Arms that a claim spells out (`treatment = { ... }`, `control = { ... }`): which cells they are, and their names."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from recclaims._model.arm import Arm
from recclaims.data.beside import joined, split_content
from recclaims.data.reference import open_source
from recclaims.errors import UnknownNameError
from recclaims.features.resolve import facts_of, known_encoder
from recclaims.features.spec import spec_of, spec_of_factory
from recclaims.planning.arm import Pairing, Reading

if TYPE_CHECKING:
    from recclaims._model.reads import Reads
    from recclaims.plugin_manager import Registry
    from recclaims.recommenders.spec import Recommender

#: The twin that another arm may stand in for, see Recommender.stand_in.
TWIN = "twin"
#: What recommenders read to which an item without features has none, whatever could stand in.
SETS = "sets"


@dataclass(frozen=True)
class SpelledOut:
    """A control that says what it reads; see Control. What it does not say is the treatment's."""

    reads: Reads

    @property
    def name(self) -> str:
        """Its names depend on what it is compared with, see pairings."""
        reads = self.reads
        return reads.reference or reads.imputation or reads.noise or reads.twin or reads.recommender

    def pairings(self, reading: Reading, label: str, treated: Arm) -> Iterator[Pairing]:
        """See Control."""
        for named, arm in arms(self.reads, reading):
            if arm != treated:
                yield Pairing(label, named, (treated, arm), reading.asked)


def treatments(reads: Reads, reading: Reading) -> Iterator[tuple[str, Arm]]:
    """Yield what a treatment comes to for a recommender and its features, with its name; see arms."""
    if reads.modality in (None, reading.facts.modality):
        yield from arms(replace(reads, modality=None), reading, whole=True)


def arms(reads: Reads, reading: Reading, whole: bool = False) -> Iterator[tuple[str, Arm]]:
    """Yield what an arm comes to for a recommender and its features, each with its name; nothing for what cannot be.

    Args:
        reads: what the claim says of it.
        reading: who reads what, where it does not say.
        whole: whether the name says the encoder, too, where something else is said of the arm.
    """
    registry, mine = reading.registry, reading.recommender
    found: Recommender = registry.recommenders[reads.recommender] if reads.recommender else mine
    reader = replace(reading, recommender=found)
    dataset = _with_parameters(reading.dataset, reads.dataset) if reads.dataset else None

    def named(*parts: str) -> str:
        said = [found.name] if found.name != mine.name else []
        changed = [part.replace("=", "") for part in reads.dataset.split("&") if part]
        return "-".join(["/".join([*said, *parts]), *changed]).lstrip("-")

    if not found.content:
        yield named(), Arm(found.name, dataset=dataset)
        return
    if reads.twin in found.twins:
        yield named(reads.twin), Arm(found.name, twin=reads.twin, dataset=dataset)
        return
    noise = reads.noise or (found.stand_in if reads.twin == TWIN else None)
    if reads.twin and not noise:
        return
    for encoder in _encoders(reads, reader):
        if (noise and not reader.of(encoder).fits(noise)) or (reads.imputation and found.reads == SETS):
            continue
        changed = noise or reads.imputation or reads.dataset or found.name != mine.name
        shown = whole or reads.reference or reads.modality or not changed
        parts = [facts_of(encoder, registry).shown] if shown else []
        replaced = filter(None, (reads.imputation, noise))
        imputation = None if reads.imputation == _own_imputation(encoder, registry) else reads.imputation
        yield named(*parts, *replaced), Arm(found.name, encoder, noise, dataset=dataset, imputation=imputation)


def _own_imputation(encoder: str, registry: Registry) -> str | None:
    """What an encoder itself puts where items lack features; None where parts of a fusion differ in that."""
    known = known_encoder(encoder, registry)
    parts = spec_of(known).parts
    said = {_own_imputation(part.name, registry) for part in parts} if parts else {spec_of(known).imputation}
    return said.pop() if len(said) == 1 else None


def _encoders(reads: Reads, reader: Reading) -> Iterator[str]:
    """The encoders of an arm that the data can feed and its recommender reads."""
    if reads.reference:
        candidates: Sequence[str] = [reads.reference]
    elif reads.modality:
        candidates = [name for name in reader.others if _related(name, reader.encoder, reader.registry)]
    else:
        candidates = [reader.encoder]
    for name in candidates:
        fits = reads.modality is None or facts_of(name, reader.registry).modality == reads.modality
        if fits and reader.is_fed(name):
            yield name


def _related(one: str, other: str, registry: Registry) -> bool:
    """Whether one of two encoders is a part of the other, so that they differ in what is fused with it alone."""
    parts = {name: {part.name for part in spec_of(known_encoder(name, registry)).parts} for name in (one, other)}
    return other in parts[one] or one in parts[other]


def _with_parameters(reference: str, parameters: str) -> str:
    """A dataset's reference with other parameters; those that it has and that are not named stay."""
    alone, beside = split_content(reference)
    name, _, query = alone.partition("?")
    said = dict(part.partition("=")[::2] for part in (*query.split("&"), *parameters.split("&")) if part)
    return joined(f"{name}?{'&'.join(f'{key}={value}' for key, value in said.items())}", beside)


def check_reads(reads: Reads, registry: Registry, where: str) -> None:
    """Refuse an arm that names what there is not.

    Args:
        reads: what the claim says.
        registry: what is installed.
        where: whose arm it is, for messages.

    Raises:
        UnknownNameError: shows the nearest name that there is.
    """
    fusions = [name for name, made in registry.encoders.items() if spec_of_factory(made).fuses]
    twins = dict.fromkeys(twin for one in registry.recommenders.values() for twin in one.twins)
    for kind, names, known in (
        ("encoder", [reads.encoder, *reads.encoders], [*registry.encoders]),
        ("fusion", [reads.fusion], fusions),
        ("control", [reads.noise], [*registry.controls]),
        ("twin", [reads.twin], [*twins]),
        ("recommender", [reads.recommender], [*registry.recommenders]),
    ):
        for name in filter(None, names):
            base = name.partition(":")[0] if kind == "encoder" else name
            if base not in known:
                raise UnknownNameError.of(kind, base, known, where)


def check_dataset(reads: Reads, reference: str, registry: Registry, where: str) -> None:
    """Refuse parameters that the dataset does not have; raises UnknownNameError or DatasetError."""
    if reads.dataset:
        open_source(_with_parameters(reference, reads.dataset), registry, where)
