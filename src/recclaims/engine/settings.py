"""What a run is asked to do: profile, replicates, mask, device, reuse."""

from __future__ import annotations

import os
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import urlsplit

from recclaims.engine.profile import Profile
from recclaims.errors import RecclaimsError

#: The executor of this machine; any other is `dask://HOST:PORT`.
LOCAL = "local"


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
class Settings:
    """Everything besides the cases that a run depends on.

    Attributes:
        profile: see Profile.
        replicates: how many each case has, looked at once; None: as the profile's looks say. Replicate r has its own
            split, initialisation and sampling.
        budget: seconds after which no further look is begun; None: no end.
        mask: see Mask.
        reuse: see Reuse.
        device: "cpu", "cuda" or "cuda:n".
        trust_remote_code: whether code that comes with a checkpoint may run.
        workers: processes that train at once on the CPU; 0 trains in this one.
        executor: LOCAL, or the URL of a Dask scheduler, whose workers then train instead.
        together: whether cells of one shape are trained as one model; on a GPU they always are.
    """

    profile: Profile
    replicates: int | None = None
    mask: Mask = Mask.TRAIN_VALID
    reuse: Reuse = Reuse.MISSING
    device: str = "cpu"
    workers: int = 0
    executor: str = LOCAL
    trust_remote_code: bool = False
    together: bool = False
    budget: float | None = None

    @property
    def seeds(self) -> int:
        """The most replicates that a trained recommender can have."""
        return self.looks(training_free=False)[-1]

    def looks(self, training_free: bool, confirmatory: bool = True) -> tuple[int, ...]:
        """After how many replicates a case is looked at.

        Args:
            training_free: whether its recommender is a probe that is not trained.
            confirmatory: whether it decides something; what only describes is looked at once.
        """
        if self.replicates is not None:
            return (self.replicates,)
        trained = self.profile.looks if self.budget is None else self.profile.budget_looks
        looks = self.profile.probe_looks if training_free else trained
        return looks if confirmatory else looks[:1]

    @property
    def trains_together(self) -> bool:
        """Whether cells of one shape are trained as one model."""
        return self.together or self.device != "cpu"


def default_workers() -> int:
    """One process a core, each on one thread: two of them beat one on two threads."""
    allowed = getattr(os, "sched_getaffinity", None)  # Linux alone says which cores this process may use
    return max(1, len(allowed(0)) if allowed else os.cpu_count() or 1)


def checked_executor(text: str) -> str:
    """Return an executor as `--claims-executor` takes it.

    Raises:
        RecclaimsError: it is neither `local` nor `dask://HOST:PORT`.
    """
    try:
        url = urlsplit(text)
        good = url.scheme == "dask" and url.hostname and url.port and not (url.path or url.query or url.username)
    except ValueError:  # a port that is no number
        good = False
    if text != LOCAL and not good:
        raise RecclaimsError(
            f"'{text}' is not a valid executor: use 'local' or 'dask://HOST:PORT', the address of a scheduler"
        )
    return text
