"""A recommender that somebody wrote for another library, as every recommender is declared."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from recclaims.errors import RecclaimsError, UnknownNameError
from recclaims.features.controls.noise import NOISE
from recclaims.interop.foreign.settings import value_of
from recclaims.interop.foreign.source import Source
from recclaims.recommenders.spec import Recommender

#: What takes the place of features where a class cannot be had without any.
CONSTANT = next(one.name for one in NOISE if one.name == "constant")
#: The keys of a reference that are not the class's own.
OWN_KEYS = ("name", "config", "twin")


@dataclass(frozen=True)
class ForeignRecommender(Recommender):
    """A class of another library.

    Attributes:
        source: the class; its digest is part of `version`, so of every key.
        switch: what its author sets to switch features off; empty where nobody said.
        library: whose interface it has.
    """

    source: Source | None = None
    switch: Mapping[str, Any] = field(default_factory=dict)
    library: str = "mmrec"

    @property
    def twins(self) -> dict[str, dict[str, Any]]:
        """The twin that the author's switch makes; see `stand_in` for where there is none."""
        return {"twin": dict(self.switch)} if self.switch else {}

    @property
    def known(self) -> Source:
        """The class."""
        assert self.source is not None  # noqa: S101 - as open_recommender makes it
        return self.source


def switch_of(text: str | None, known: Collection[str] | None, reference: str) -> dict[str, Any]:
    """What `twin=key:value,key:value` sets.

    Args:
        text: the value; None: nothing.
        known: the keys there are; None: nobody knows.
        reference: what a person wrote, for messages.

    Raises:
        RecclaimsError: it is not written so, or a key is unknown.
    """
    found: dict[str, Any] = {}
    for part in () if text is None else text.split(","):
        key, mark, value = part.partition(":")
        if not mark or not key:
            raise RecclaimsError(f"{reference}: twin is '{text}'; write twin=KEY:VALUE, as in twin=mm_weight:0")
        if known is not None and key not in known:
            raise UnknownNameError.of("key", key, known, f"{reference}: twin")
        found[key] = value_of(value)
    return found
