"""What a plugin's hook returned: made into a list of named factories, or one line that says what to write instead."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields
from typing import Any

from recclaims._model.claim import Claim
from recclaims._model.control import NEEDS
from recclaims.checked import claim_of
from recclaims.declared import said
from recclaims.errors import RecclaimsError, UnknownNameError, foreign

#: What is made of an offer, and the method by which a ready object is known from a factory.
MADE = {"encoders": "encode", "datasets": "load", "reporters": "render"}
#: What is used as it is, how it is written, and what it must have: a type, or one of some words.
DECLARED: dict[str, tuple[str, dict[str, Any]]] = {
    "recommenders": (
        'recclaims.Recommender("mine", version="1", model="my_package.model:Mine")',
        {
            "version": str,
            "model": str | type,
            "content": bool,
            "reads": ("any", "sets"),
            "training_free": bool,
            "parameters": Mapping,
            "sampler": ("catalogue", "train", "users", "distinct-users"),
            "separates": bool,
            "modalities": int,
            "scores_unseen_items": bool,
            "feature_free": bool,
            "on_request": bool,
            "flavour": str | None,
            "twins": Mapping,
        },
    ),
    "controls": (
        'recclaims.NoiseControl("mine", "1", draw, preserves="nothing")',
        {
            "version": str,
            "draw": Callable,
            "preserves": str,
            "keeps_sets": bool,
            "needs": (None, *NEEDS),
            "unfit": Callable,
            "apply": Callable,
        },
    ),
    "claims": (
        'recclaims.Claim(id="mine", version=1, statement="...", source="...", controls=("permuted",))',
        {},  # a Claim, which says itself what it can be
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
    who = f"{kind.removesuffix('s')} '{offer.name}'"
    if isinstance(offer, type):
        raise RecclaimsError(f"{who} cannot be used, a class; {_written(kind)}")
    if kind == "claims":
        if not isinstance(offer, Claim):
            raise RecclaimsError(f"{who} cannot be used, {offer!r}; {_written(kind)}")
        return claim_of({one.name: getattr(offer, one.name) for one in fields(Claim)}, who)
    for attribute, wanted in DECLARED[kind][1].items():
        value = said(offer, attribute)
        words = wanted if isinstance(wanted, tuple) else ()
        if not (value in words if None in words and value is None else isinstance(value, str if words else wanted)):
            raise RecclaimsError(f"{who} cannot be used, its {attribute} is {value!r}; {_written(kind)}")
        if words and value not in words:
            known = [word for word in words if word]
            raise UnknownNameError.of(f"value of {attribute}", str(value), known, who)
    return offer


def _written(kind: str) -> str:
    """How a plugin writes one."""
    if kind in DECLARED:
        return f"write {DECLARED[kind][0]}"
    return f"write a class with a name and a method {MADE[kind]}"
