"""What leaves a machine in a report: no folder names, no secrets of the environment."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from recclaims.errors import secrets, without_secrets
from recclaims.paths import here, home

#: The folders of an absolute path, up to its last name. A web address has two slashes where these have one,
#: and after a question mark stand options.
_FOLDERS = re.compile(r"(?<![\w/.~-])(?:/[^\s/'\"`,;:()<>|\[\]?]+)+/(?=[^\s/])")

_NOT_TEXT = re.compile("[\ud800-\udfff]")


def shareable(reference: str) -> str:
    """A dataset's reference without the folders above it: they say whose machine it was, and lead nowhere else."""
    place, mark, query = reference.partition("?")
    if Path(place).is_absolute():
        place = f"path/to/{Path(place).name}"
    return f"{place}{mark}{query}"


def share(value: Any, places: Iterable[str] = ()) -> Any:
    """A document with every text in it made fit to be shown: absolute paths shortened to their last name.

    Args:
        value: what JSON can hold; anything else in it becomes a text.
        places: further absolute paths that may stand in it, as of a dataset, with spaces perhaps.
    """
    roots = {root: Path(root).name for root in (*places, *filter(None, [str(here() or "")]))}
    if house := home():
        roots[str(house)] = "home"  # its own name is somebody's
    longest_first = sorted((root for root in roots if len(Path(root).parts) > 1), key=len, reverse=True)
    return _shared(value, {_standing(root): f"/path/to/{roots[root]}" for root in longest_first}, secrets())


def _standing(root: str) -> re.Pattern[str]:
    """A path where it is not a part of a longer name."""
    return re.compile(rf"(?<![\w/.~-]){re.escape(root)}(?![\w-])")


def _shared(value: Any, roots: Mapping[re.Pattern[str], str], hidden: Sequence[str]) -> Any:
    if isinstance(value, str):
        # A path that is no UTF-8 could not be written.
        return _NOT_TEXT.sub("\N{REPLACEMENT CHARACTER}", _without_places(without_secrets(value, hidden), roots))
    if isinstance(value, dict):
        return {_shared(key, roots, hidden): _shared(entry, roots, hidden) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_shared(entry, roots, hidden) for entry in value]
    return value if value is None or isinstance(value, bool | int | float) else _shared(str(value), roots, hidden)


def _without_places(text: str, roots: Mapping[re.Pattern[str], str]) -> str:
    if "/" not in text:
        return text
    for root, shown in roots.items():
        text = root.sub(shown.replace("\\", r"\\"), text)
    return _FOLDERS.sub("path/to/", text)
