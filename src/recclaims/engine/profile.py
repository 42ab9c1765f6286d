"""Profiles: how many replicates a run has, and the hyper-parameters of every recommender in it."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

from recclaims.engine.hyperparameters import Hyperparameters
from recclaims.engine.tuning import Search
from recclaims.errors import UnknownNameError
from recclaims.resources import shipped
from recclaims.toml_file import read_toml

if TYPE_CHECKING:
    from recclaims.recommenders.spec import Recommender


@dataclass(frozen=True)
class Profile(Hyperparameters):
    """A named budget. Both arms of every comparison read the same lines of it.

    Attributes:
        name: as in `quick`.
        looks: after how many replicates a case is looked at; it goes on to the next look while it is undecided.
        probe_looks: the same of recommenders that are not trained, whose replicates cost next to nothing.
        budget_looks: the same of trained ones where a budget, and not a number, ends the run.
        flavours: the flavours that take part where nobody asks for others; empty: all.
        controls: the noise controls that claims compare with where nobody asks for others; empty: all.
        planted: whether "all" recommenders are tried on planted data, or those alone that are not trained ("probes").
        own: a user's own hyper-parameters: any of them has the last word.
    """

    name: str
    looks: tuple[int, ...] = (5,)
    probe_looks: tuple[int, ...] = (5,)
    budget_looks: tuple[int, ...] = (5,)
    flavours: tuple[str, ...] = ()
    controls: tuple[str, ...] = ()
    planted: str = "all"
    own: Hyperparameters = field(default_factory=Hyperparameters)

    @classmethod
    def named(cls, name: str) -> Profile:
        """Read a profile from suite/hyperparameters.toml; raises UnknownNameError."""
        profiles = _profiles()
        if name not in profiles:
            raise UnknownNameError.of("profile", name, profiles, "--claims-profile")
        table = dict(profiles[name])
        searches = tuple(Search.of(entry) for entry in table.pop("search", ()))
        looks, probe_looks, budget_looks, flavours, controls = (
            tuple(table.pop(key, ())) for key in ("looks", "probe_looks", "budget_looks", "flavours", "controls")
        )
        return cls(
            name,
            looks=looks,
            probe_looks=probe_looks,
            budget_looks=budget_looks,
            flavours=flavours,
            controls=controls,
            searches=searches,
            **table,
        )

    def of(self, recommender: Recommender, dataset: str = "") -> dict[str, Any]:
        """See Hyperparameters."""
        return {**super().of(recommender, dataset), **recommender.fixed, **self.own.of(recommender, dataset)}

    def search(self, recommender: str) -> Search | None:
        """See Hyperparameters."""
        return self.own.search(recommender) or super().search(recommender)

    def plants(self, recommender: Recommender) -> bool:
        """Whether a recommender is tried on planted data."""
        return self.planted == "all" or recommender.training_free

    def admits(self, recommender: Recommender) -> bool:
        """Whether a recommender takes part in a flavour that nobody asked for."""
        return not (self.flavours and recommender.flavour) or recommender.flavour in self.flavours


@cache
def _profiles() -> dict[str, dict[str, Any]]:
    return read_toml(shipped("suite", "hyperparameters.toml"))


def profile_names() -> list[str]:
    """The names of all profiles, in the file's order."""
    return list(_profiles())
