"""How many examples a property is tried with: the same ones in every test command, new ones in a search.

What decides whether main is sound must not be drawn by lot. So examples follow from the test alone, unless
HYPOTHESIS_PROFILE=random asks for a search (`tox -e random`), which tries many more and other ones each time.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, settings

#: How many times as many examples a search tries.
MORE = 20
FIXED, RANDOM = "fixed", "random"


def load_profile() -> None:
    """Register both profiles and load the one that the environment asks for; raises ValueError for another name."""
    # Some tests read and write files, and a busy machine is no fault of theirs: time decides nothing.
    common: dict[str, Any] = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
    settings.register_profile(FIXED, derandomize=True, database=None, **common)
    # Said, as Hypothesis draws nothing by lot where it finds itself in CI.
    settings.register_profile(RANDOM, derandomize=False, max_examples=MORE * 100, print_blob=True, **common)
    name = os.environ.get("HYPOTHESIS_PROFILE", FIXED)
    if name not in (FIXED, RANDOM):
        raise ValueError(f"HYPOTHESIS_PROFILE is '{name}'; known: {FIXED}, {RANDOM}")
    settings.load_profile(name)


def examples(number: int, **others: Any) -> Callable[[Any], Any]:
    """Try a property with this many examples, in a search with MORE times as many; `others` are further settings."""
    searched = os.environ.get("HYPOTHESIS_PROFILE") == RANDOM
    return settings(max_examples=number * (MORE if searched else 1), **others)
