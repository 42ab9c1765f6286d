"""What leaves a machine in a report: no folder names, no secrets of the environment."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from recclaims.data.beside import relocated
from recclaims.hidden import secrets, without_secrets
from recclaims.paths import here, home

#: What ends a name in a path, and what separates names: Python writes two backslashes for one.
_END, _BETWEEN = r"\s/\\\\'\"`,;:()<>|\[\]?", r"(?:/|\\+)"
#: A name of a folder; one with blanks in it is known by the separator behind it.
_MORE = rf"(?: (?!-)[^{_END}]+)"
_NAME = rf"[^{_END}]+{_MORE}{{0,3}}"
#: Where a path begins: at the root, after an option of one letter (`-I/home`), at a drive, a share or `file://`. A web
#: address has two slashes where these have one.
_START = (
    rf"(?:(?<![\w/.~-])(?=/[^{_END}])|(?<=\s-[A-Za-z])(?=/[^{_END}])|(?<=^-[A-Za-z])(?=/[^{_END}])"
    rf"|(?<![A-Za-z0-9])[A-Za-z]:(?=\\|/[^/])|(?<![\w:\\])\\{{2,4}}(?=[^{_END}])|(?<!\w)file://[^{_END}]*(?=/)"
    rf"|(?<![\w/])~(?=[^{_END}]))"
)
#: The folders of an absolute path, up to its last name. After a question mark stand options.
_FOLDERS = re.compile(rf"(?i){_START}{_BETWEEN}?(?:{_NAME}{_BETWEEN})+(?=[^\s/\\])")
#: A folder of homes, and somebody's in it.
_HOMES = re.compile(rf"(?i){_START}{_BETWEEN}?(?:home|users){_BETWEEN}[^{_END}]+(?![\w/\\-]|{_MORE}{{1,3}}{_BETWEEN})")
#: A path between quotes may hold anything but them.
_QUOTED = re.compile(rf"(?i)(['\"`])((?:[\w.+-]+[:=])?){_START}([^'\"`\n]*{_BETWEEN}[^'\"`\n]*)\1")
_NOT_TEXT = re.compile("[\ud800-\udfff]")


def shareable(reference: str) -> str:
    """A dataset's reference without the folders above it: they say whose machine it was, and lead nowhere else."""
    reference = relocated(reference, lambda path: Path("path/to") / path.name if path.is_absolute() else path)
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
    if "/" not in text and "\\" not in text:
        return text
    for root, shown in roots.items():
        text = root.sub(shown.replace("\\", r"\\"), text)
    text = _HOMES.sub("path/to/home", _QUOTED.sub(_unquoted, text))
    return _FOLDERS.sub("path/to/", text)


def _unquoted(found: re.Match[str]) -> str:
    """A path between quotes, shortened to what stands before it and its last name."""
    mark, before, path = found.groups()
    names = [name for name in re.split(r"[/\\]+", path) if name]
    if len(names) < 2:  # a folder at the root says nothing
        return found[0]
    last = "home" if len(names) == 2 and names[0].lower() in ("home", "users") else names[-1]
    return f"{mark}{before}path/to/{last}{mark}"
