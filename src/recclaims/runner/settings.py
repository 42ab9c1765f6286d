"""What a run is asked to do: profile, replicates, mask, device, reuse."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Any

from recclaims.errors import RecclaimsError, UnknownNameError
from recclaims.resources import shipped


class Reuse(StrEnum):
    """What to do with results that lie in the store."""

    MISSING = "missing"
    """Use what is there, compute what is not (the default): a second run recomputes nothing."""
    ALWAYS = "always"
    """Use what is there and compute nothing: a case that lacks a result is not run."""
    NEVER = "never"
    """Train every cell again and replace what is there; features and splits are kept."""


class Mask(StrEnum):
    """Which items are no candidates when the test part is scored."""

    TRAIN = "train"
    """Elliot's and MMRec's rule: what the user has in validation can still be recommended."""
    TRAIN_VALID = "train+valid"
    """RecBole's rule, and the default: nothing the user is known to have had is recommended."""


@dataclass(frozen=True)
class Profile:
    """A named budget: how many replicates, and the hyper-parameters of every recommender."""

    name: str
    seeds: int
    parameters: Mapping[str, Mapping[str, Any]]

    @classmethod
    def named(cls, name: str) -> Profile:
        """Read a profile from suite/hyperparameters.toml; raises UnknownNameError."""
        profiles = _profiles()
        if name not in profiles:
            raise UnknownNameError.of("profile", name, profiles, "--claims-profile")
        table = profiles[name]
        return cls(name, table["seeds"], {key: value for key, value in table.items() if isinstance(value, dict)})

    def of(self, recommender: str) -> Mapping[str, Any]:
        """Hyper-parameters of one recommender; empty where the profile says nothing of it."""
        return self.parameters.get(recommender, {})


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


@dataclass(frozen=True)
class Settings:
    """Everything besides the cases that a run depends on.

    Attributes:
        profile: see Profile.
        seeds: replicates; replicate r has its own split, initialisation, sampling and noise.
        mask: see Mask.
        reuse: see Reuse.
        device: "cpu", "cuda" or "cuda:n".
        workers: processes that train at once; 0 trains in this one.
    """

    profile: Profile
    seeds: int
    mask: Mask = Mask.TRAIN_VALID
    reuse: Reuse = Reuse.MISSING
    device: str = "cpu"
    workers: int = 0


def default_workers(device: str) -> int:
    """One process a core, each on one thread: two of them beat one on two threads. A GPU is not shared."""
    return 1 if device != "cpu" else max(1, len(os.sched_getaffinity(0)))
