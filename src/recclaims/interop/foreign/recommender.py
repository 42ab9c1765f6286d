"""A recommender that somebody wrote for another library, opened by what a person calls it."""

from __future__ import annotations

import importlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from recclaims.data.reference import check_question_mark, path_in
from recclaims.errors import RecclaimsError, UnknownNameError
from recclaims.features.controls.noise import NOISE
from recclaims.interop.foreign.settings import declared, value_of
from recclaims.interop.foreign.source import Source
from recclaims.own_objects import OwnObjects
from recclaims.paths import expanded
from recclaims.recommenders.spec import Recommender

MMREC = "mmrec"
#: Raised when the same class would be trained or scored otherwise.
VERSION = "1"
#: By which methods a class of MMRec's interface is known.
METHODS = ("calculate_loss", "full_sort_predict")
#: What takes the place of features where a class cannot be had without any.
CONSTANT = next(one.name for one in NOISE if one.name == "constant")
_PLACE = re.compile(r"(?P<path>.+\.py)(?::(?P<name>[^:]*))?")
_OWN_KEYS = ("name", "config", "twin")


@dataclass(frozen=True)
class MMRecRecommender(Recommender):
    """A class of MMRec's interface.

    Attributes:
        source: the class; its digest is part of `version`, so of every key.
        switch: what its author sets to switch features off; empty where nobody said.
    """

    source: Source | None = None
    switch: Mapping[str, Any] = field(default_factory=dict)

    @property
    def twins(self) -> dict[str, dict[str, Any]]:
        """The twin that the author's switch makes; see `stand_in` for where there is none."""
        return {"twin": dict(self.switch)} if self.switch else {}

    def __call__(self) -> type:
        """Return what RecBole takes for a model, and what trains the class."""
        # Only now: it imports torch and RecBole.
        made: type = importlib.import_module("recclaims.interop.foreign.mmrec_model").MMRecModel
        return type("MMRecModel", (made,), {"recommender": self})


def is_reference(name: object) -> bool:
    """Whether a text names a class of another library."""
    return isinstance(name, str) and name.startswith(f"{MMREC}:")


def open_recommender(reference: str) -> MMRecRecommender:
    """Open `mmrec:PATH/TO/model.py[:Class][?key=value&config=FILE&name=NAME&twin=key:value]`; nothing is imported.

    Args:
        reference: what a person wrote.

    Raises:
        RecclaimsError: it names no class, or a key that nothing reads; says what to write.
    """
    place = reference.removeprefix(f"{MMREC}:")
    if place == reference:
        raise RecclaimsError(f"{reference}: write {MMREC}:PATH/TO/model.py")
    check_question_mark(expanded(place), reference)
    place, _, query = place.partition("?")
    found = _PLACE.fullmatch(path_in(place))
    if found is None:
        raise RecclaimsError(f"{reference}: name the file of the class, as in {MMREC}:MMRec/src/models/mgcn.py")
    file = Path(expanded(found["path"])).absolute()
    if not file.is_file():
        raise RecclaimsError(f"{reference}: there is no file {file}")
    given = dict(parse_qsl(query, keep_blank_values=True))
    name, config, twin = (given.pop(key, None) for key in _OWN_KEYS)
    source = Source.of(file, found["name"] or None, METHODS, reference)
    says = declared(source, Path(expanded(config)).absolute() if config else None, given, reference)
    switch = {} if twin is None else _switch(twin, {*says.parameters, *source.keys}, reference)
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


def _switch(text: str, known: set[str], reference: str) -> dict[str, Any]:
    """What `twin=key:value,key:value` sets."""
    found = {}
    for part in text.split(","):
        key, mark, value = part.partition(":")
        if not mark or not key:
            raise RecclaimsError(f"{reference}: twin is '{text}'; write twin=KEY:VALUE, as in twin=mm_weight:0")
        if key not in known:
            raise UnknownNameError.of("key", key, known, f"{reference}: twin")
        found[key] = value_of(value)
    return found


def opened(references: Sequence[str | MMRecRecommender]) -> list[MMRecRecommender]:
    """Open several; one that is open already is as good as its reference.

    Raises:
        RecclaimsError: one cannot be opened, or two would go by one name.
    """
    found: dict[str, tuple[str, MMRecRecommender]] = {}
    for reference in references:
        one = open_recommender(reference) if isinstance(reference, str) else reference
        said = reference if isinstance(reference, str) else one.model_path
        other, same = found.setdefault(one.name, (said, one))
        if one != same:
            raise RecclaimsError(f"{said}: {other} has the name {one.name} too; add ?name=ANOTHER to one of them")
    return [one for _, one in found.values()]


def own_objects(references: Sequence[str | MMRecRecommender]) -> OwnObjects:
    """What a program brings with references: known by their code and not by where it lies.

    Raises:
        RecclaimsError: see opened.
    """
    found = opened(references)
    return OwnObjects({"recommenders": found}, {("recommenders", one.name): f"{MMREC} class" for one in found})
