"""A recommender that somebody wrote for another library, opened by what a person calls it."""

from __future__ import annotations

import importlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qsl

from recclaims.data.reference import check_question_mark, path_in
from recclaims.errors import RecclaimsError
from recclaims.interop.foreign.declaration import CONSTANT, OWN_KEYS, ForeignRecommender, switch_of
from recclaims.interop.foreign.modules import LIBRARIES, open_module
from recclaims.interop.foreign.settings import declared
from recclaims.interop.foreign.source import Source
from recclaims.own_objects import OwnObjects
from recclaims.paths import expanded

MMREC = "mmrec"
#: Raised when the same class would be trained or scored otherwise.
VERSION = "1"
#: By which methods a class of MMRec's interface is known.
METHODS = ("calculate_loss", "full_sort_predict")
_PLACE = re.compile(r"(?P<path>.+\.py)(?::(?P<name>[^:]*))?")


@dataclass(frozen=True)
class MMRecRecommender(ForeignRecommender):
    """A class of MMRec's interface."""

    def __call__(self) -> type:
        """Return what RecBole takes for a model, and what trains the class."""
        # Only now: it imports torch and RecBole.
        made: type = importlib.import_module("recclaims.interop.foreign.mmrec_model").MMRecModel
        return type("MMRecModel", (made,), {"recommender": self})


def is_reference(name: object) -> bool:
    """Whether a text names a class of another library."""
    return isinstance(name, str) and name.partition(":")[0] in (MMREC, *LIBRARIES) and ":" in name


def open_recommender(reference: str) -> ForeignRecommender:
    """Open a class of another library; nothing is imported.

    Args:
        reference: what a person wrote: `mmrec:PATH/TO/model.py[:Class][?key=value&config=FILE]`,
            `recbole:MODULE:CLASS[?key=value]` or `cornac:MODULE:CLASS[?key=value]`, each with `name=NAME` and
            `twin=key:value`, too.

    Raises:
        RecclaimsError: it names no class, or a key that nothing reads; says what to write.
    """
    library = reference.partition(":")[0]
    if library in LIBRARIES:
        return open_module(library, reference)
    place = reference.removeprefix(f"{MMREC}:")
    if place == reference:
        raise RecclaimsError(
            f"{reference}: write {MMREC}:PATH/TO/model.py, recbole:MODULE:CLASS or cornac:MODULE:CLASS"
        )
    check_question_mark(expanded(place), reference)
    place, _, query = place.partition("?")
    found = _PLACE.fullmatch(path_in(place))
    if found is None:
        raise RecclaimsError(f"{reference}: name the file of the class, as in {MMREC}:MMRec/src/models/mgcn.py")
    file = Path(expanded(found["path"])).absolute()
    if not file.is_file():
        raise RecclaimsError(f"{reference}: there is no file {file}")
    given = dict(parse_qsl(query, keep_blank_values=True))
    name, config, twin = (given.pop(key, None) for key in OWN_KEYS)
    source = Source.of(file, found["name"] or None, METHODS, reference)
    says = declared(source, Path(expanded(config)).absolute() if config else None, given, reference)
    switch = switch_of(twin, {*says.parameters, *source.keys}, reference)
    reads = says.parameters.get("is_multimodal_model", True) is not False
    return MMRecRecommender(
        name or f"{MMREC}-{source.name.lower()}",
        version=f"{VERSION} {source.digest[:16]}",
        model=f"{MMREC}:{source.name}",
        content=reads,
        training_free=says.parameters.get("req_training", True) is False,
        flavour=MMREC,
        parameters=says.parameters,
        fixed=says.fixed,
        sampler="train",
        separates=True,
        apart=True,
        stand_in=CONSTANT if reads and not switch else None,
        reference=reference,
        source=source,
        switch=switch,
    )


def opened(references: Sequence[str | ForeignRecommender]) -> list[ForeignRecommender]:
    """Open several; one that is open already is as good as its reference.

    Raises:
        RecclaimsError: one cannot be opened, or two would go by one name.
    """
    found: dict[str, tuple[str, ForeignRecommender]] = {}
    for reference in references:
        one = open_recommender(reference) if isinstance(reference, str) else reference
        said = reference if isinstance(reference, str) else one.model_path
        other, same = found.setdefault(one.name, (said, one))
        if one != same:
            raise RecclaimsError(f"{said}: {other} has the name {one.name} too; add ?name=ANOTHER to one of them")
    return [one for _, one in found.values()]


def own_objects(references: Sequence[str | ForeignRecommender]) -> OwnObjects:
    """What a program brings with references: known by their code and not by where it lies.

    Raises:
        RecclaimsError: see opened.
    """
    found = opened(references)
    return OwnObjects({"recommenders": found}, {("recommenders", one.name): f"{one.library} class" for one in found})
