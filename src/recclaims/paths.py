"""Paths as people give them, on machines that have no home folder, too."""

from __future__ import annotations

import os
from pathlib import Path


def expanded(text: str) -> str:
    """A path with `~` as the home folder: a shell leaves it alone in `--option=~/folder`."""
    return os.path.expanduser(text)  # noqa: PTH111 - Path's own raises where there is no home


def home() -> Path | None:
    """The home folder; None where there is none, as for a user of a container without a name."""
    try:
        return Path.home()
    except RuntimeError:
        return None


def here() -> Path | None:
    """The working directory; None where it has been removed."""
    try:
        return Path.cwd()
    except FileNotFoundError:
        return None
