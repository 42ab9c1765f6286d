"""Durations as people write them: `90s`, `10m`, `1.5h`, or a number of seconds."""

from __future__ import annotations

import re

from recclaims.errors import RecclaimsError

_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600}


def seconds_of(text: str) -> float:
    """Read a duration; raises RecclaimsError where it is none, or not above 0."""
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([smh]?)\s*", str(text))
    seconds = float(found[1]) * _SECONDS[found[2]] if found else 0.0
    if not 0 < seconds < float("inf"):
        raise RecclaimsError(f"'{text}' is not a duration: write 90s, 10m or 1.5h")
    return seconds
