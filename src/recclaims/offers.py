"""What a plugin's hook returned: made into a list of named factories, or one line that says what to write instead."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from recclaims.declared import said
from recclaims.errors import RecclaimsError, foreign

#: What is made of an offer, and the method by which a ready object is known from a factory.
MADE = {"encoders": "encode", "datasets": "load", "reporters": "render"}
_TEXTS = "a tuple of strings"
#: What is used as it is, how it is written, and what it must have: a type, or _TEXTS.
DECLARED: dict[str, tuple[str, dict[str, Any]]] = {
    "recommenders": (
        'recclaims.Recommender("mine", version="1", model="my_package.model:Mine")',
        {
            "version": str,
            "model": str | type,
            "content": bool,
            "reads": str,
            "training_free": bool,
            "parameters": Mapping,
            "separates": bool,
            "flavour": str | None,
            "twins": Mapping,
        },
    ),
    "controls": (
        'recclaims.NoiseControl("mine", "1", draw, preserves="nothing")',
        {"version": str, "draw": Callable, "preserves": str, "keeps_sets": bool, "unfit": Callable, "apply": Callable},
    ),
    "claims": (
        'recclaims.Claim(id="mine", version=1, statement="...", source="...", controls=("permuted",))',
        {
            "version": int,
            "statement": str,
            "source": str,
            "controls": _TEXTS,
            "treatments": _TEXTS,
            "modalities": _TEXTS,
            "encoders": _TEXTS,
            "recommenders": _TEXTS,
            "margin": int | float,
            "metric": str,
        },
    ),
}
#: Signs that mean something in a reference, so that a name with one could never be asked for.
_SIGNS = {"encoders": ":+", "datasets": ":?/\\"}


class Ready:
    """A factory of an object that a plugin gave ready-made: its attributes are the object's."""

    def __init__(self, kind: str, made: Any) -> None:
        self._kind, self._made = kind.removesuffix("s"), made

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):  # what copy and pickle look for before there is an object
            raise AttributeError(name)
        return getattr(self._made, name)

    def __call__(self, *arguments: Any, **given: Any) -> Any:
        """Return a copy: what one dataset does to it must not reach another.

        Raises:
            TypeError: an argument, which nothing could be done with.
        """
        if arguments or given:
            raise TypeError(f"it is a ready {self._kind} and takes no argument; offer its class instead")
        return copy.copy(self._made)


def listed(kind: str, returned: object) -> list[Any]:
    """The offers that a hook returned.

    Raises:
        RecclaimsError: no list.
    """
    if returned is None or isinstance(returned, str | bytes | Mapping) or not isinstance(returned, Iterable):
        shown = "nothing" if returned is None else repr(returned)
        raise RecclaimsError(f"recclaims_{kind} returned {shown}, not a list; write `return [...]`")
    return list(returned)


def factory_of(kind: str, offer: Any) -> Any:
    """The named factory, or the declaration, that an offer is.

    Raises:
        RecclaimsError: it cannot be used; the line names it and says what to write.
    """
    with foreign(f"recclaims_{kind} returned an object that cannot be inspected"):
        name = said(offer, "name")
        if not isinstance(name, str):
            raise RecclaimsError(f"recclaims_{kind} returned {offer!r}, which has no name; {_written(kind)}")
        one = kind.removesuffix("s")
        signs = [sign for sign in _SIGNS.get(kind, "") if sign in name]
        if not name or name != name.strip() or not name.isprintable() or signs:
            why = (
                f"'{signs[0]}' has a meaning of its own in references"
                if signs
                else "it is empty or not one line of printable text"
            )
            raise RecclaimsError(f"{one} '{name}' cannot have that name: {why}")
        if kind == "claims" and name.startswith("_"):
            raise RecclaimsError(f"claim '{name}' cannot be a marker of pytest: start its id with a letter")
        if kind in DECLARED:
            return _declared(kind, offer)
        method = MADE[kind]
        if not isinstance(offer, type) and callable(said(offer, method)):
            return Ready(kind, offer)
        if not callable(offer):
            raise RecclaimsError(
                f"{one} '{name}' has no method {method}, and is not a class or function that makes one"
            )
        return offer


def _declared(kind: str, offer: Any) -> Any:
    _, needed = DECLARED[kind]
    for attribute, wanted in needed.items():
        value = said(offer, attribute)
        if wanted is _TEXTS:
            good = isinstance(value, tuple | list) and all(isinstance(text, str) for text in value)
        else:
            good = isinstance(value, wanted)
        if isinstance(offer, type) or not good:
            shown = "a class" if isinstance(offer, type) else f"its {attribute} is {value!r}"
            raise RecclaimsError(f"{kind.removesuffix('s')} '{offer.name}' cannot be used, {shown}; {_written(kind)}")
    return offer


def _written(kind: str) -> str:
    """How a plugin writes one."""
    if kind in DECLARED:
        return f"write {DECLARED[kind][0]}"
    return f"write a class with a name and a method {MADE[kind]}"
