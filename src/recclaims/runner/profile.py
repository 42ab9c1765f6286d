"""Profiles: how many replicates a run has, and the hyper-parameters of every recommender in it."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

from recclaims.errors import RecclaimsError, UnknownNameError
from recclaims.resources import shipped
from recclaims.runner.tuning import Search

if TYPE_CHECKING:
    from recclaims.recommenders.spec import Recommender

Table = Mapping[str, Any]


@dataclass(frozen=True)
class Profile:
    """A named budget. Both arms of every comparison read the same lines of it.

    Attributes:
        name: as in `quick`.
        seeds: replicates.
        flavours: the flavours that take part where nobody asks for others; empty: all.
        controls: the noise controls that claims compare with where nobody asks for others; empty: all.
        planted: whether "all" recommenders are tried on planted data, or those alone that are not trained ("probes").
        training: settings of all recommenders that are trained.
        flavour, recommender: settings by flavour and by recommender, over those before.
        dataset: settings by a dataset's name and a recommender, over all others.
        searches: what is tuned.
    """

    name: str
    seeds: int
    flavours: tuple[str, ...] = ()
    controls: tuple[str, ...] = ()
    planted: str = "all"
    training: Table = field(default_factory=dict)
    flavour: Mapping[str, Table] = field(default_factory=dict)
    recommender: Mapping[str, Table] = field(default_factory=dict)
    dataset: Mapping[str, Mapping[str, Table]] = field(default_factory=dict)
    searches: tuple[Search, ...] = ()

    @classmethod
    def named(cls, name: str) -> Profile:
        """Read a profile from suite/hyperparameters.toml; raises UnknownNameError."""
        profiles = _profiles()
        if name not in profiles:
            raise UnknownNameError.of("profile", name, profiles, "--claims-profile")
        table = dict(profiles[name])
        searches = tuple(Search.of(entry) for entry in table.pop("search", ()))
        flavours, controls = (tuple(table.pop(key, ())) for key in ("flavours", "controls"))
        return cls(name, flavours=flavours, controls=controls, searches=searches, **table)

    def of(self, recommender: Recommender, dataset: str = "") -> dict[str, Any]:
        """Hyper-parameters of one recommender on one dataset; empty where the profile says nothing of them."""
        return {
            **({} if recommender.training_free else self.training),
            **self.flavour.get(recommender.flavour or "", {}),
            **self.recommender.get(recommender.name, {}),
            **self.dataset.get(dataset, {}).get(recommender.name, {}),
        }

    def search(self, recommender: str) -> Search | None:
        """How a recommender is tuned; None: not at all."""
        return next((search for search in self.searches if recommender in search.recommenders), None)

    def plants(self, recommender: Recommender) -> bool:
        """Whether a recommender is tried on planted data."""
        return self.planted == "all" or recommender.training_free

    def admits(self, recommender: Recommender) -> bool:
        """Whether a recommender takes part where nobody asks for a flavour."""
        return not (self.flavours and recommender.flavour) or recommender.flavour in self.flavours


@cache
def _profiles() -> dict[str, dict[str, Any]]:
    path = shipped("suite", "hyperparameters.toml")
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise RecclaimsError(f"{path}: {error}") from error


def profile_names() -> list[str]:
    """The names of all profiles, in the file's order."""
    return list(_profiles())
