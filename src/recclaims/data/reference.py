"""References to datasets, as `--claims-data` takes them.

`ml-100k`, `ml-100k?split=temporal`, `emoji?users=5000&dose=0.5&channel=visual`, `amazon2023:Baby_Products?core=10`,
`path/to/folder`, in which `%3F` stands for a question mark.
"""

from __future__ import annotations

import contextlib
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from recclaims.data import protocol
from recclaims.data.beside import WithContent, relocated, split_content
from recclaims.data.importers.registry import open_folder
from recclaims.data.registered import is_registered, open_registered, protocol_of
from recclaims.errors import RecclaimsError, UnknownNameError
from recclaims.plugin_manager import registry

if TYPE_CHECKING:
    from recclaims.data.dataset import Dataset, DatasetSource
    from recclaims.plugin_manager import Registry


#: How a question mark is written that belongs to a path.
_MARK = re.compile("%3[Ff]")


def open_source(reference: str, registry: Registry, where: str = "--claims-data") -> DatasetSource:
    """Find what a reference refers to; nothing is read but a folder's manifest.

    `?key=value&key=value` sets `split` (random, temporal, cold) and `relevance` (a rating, or none) of any dataset,
    and the parameters that a registered source declares, see SourceSpec. Its own `name` then says in tables and case
    names what they are. `with-answers=NAME=FILE` and `with-items=FILE` lay content over it, see beside.

    Args:
        reference: what to find.
        registry: the registered sources.
        where: the option or key that gave the reference, for messages.

    Raises:
        UnknownNameError: no dataset, key or value goes by that name; shows the nearest that does.
        DatasetError: the folder is not a dataset.
    """
    check_question_mark(reference, reference)
    alone, beside = split_content(reference)
    source = _open_alone(alone, registry, where)
    return WithContent(source, beside) if beside else source


def load_dataset(reference: str) -> Dataset:
    """Load a dataset by what `--claims-data` would name it: its items, users and interactions.

    Args:
        reference: a name, a name with parameters or a folder, as in `emoji?channel=visual`; see open_source.

    Raises:
        RecclaimsError: there is no such dataset, or it cannot be read; one line.
    """
    return open_source(reference, registry(), "load_dataset").load()


def _open_alone(reference: str, registry: Registry, where: str) -> DatasetSource:
    name, _, query = reference.partition("?")
    if is_registered(name, registry):
        return open_registered(reference, registry)
    path = path_in(name)
    if os.sep in path or is_folder(path):
        changes, own = protocol_of(query, reference)
        for key in own:
            raise UnknownNameError.of("key", key, protocol.KEYS, reference)
        return open_folder(Path(path), registry, changes.protocol, changes.suffix)
    raise UnknownNameError.of("dataset", name, [*registry.datasets, "a folder's path"], where)


def is_folder(name: str) -> bool:
    """Whether a text is the path of a folder; what no path can be (too long, with a zero byte) is none."""
    try:
        return Path(name).is_dir()
    except (OSError, ValueError):
        return False


def path_in(name: str) -> str:
    """The path that a reference names before its `?key=value`: `%3F` in it stands for a question mark, and no more."""
    return _MARK.sub("?", name)


def in_reference(path: str) -> str:
    """The opposite of path_in."""
    return path.replace("?", "%3F")


def check_question_mark(text: str, reference: str) -> None:
    """Refuse a path with a question mark of its own, which would be cut in two.

    Args:
        text: what could be such a path, as a whole.
        reference: what a person wrote, for messages.

    Raises:
        RecclaimsError: something exists there; says how to write it.
    """
    with contextlib.suppress(OSError, ValueError):  # what no path can be is none
        if "?" in text and Path(text).exists():
            raise RecclaimsError(f"{reference}: write a question mark in a path as %3F: {in_reference(reference)}")


def located(reference: str, registry: Registry, folder: Path) -> str:
    """A reference that means in any working directory what `reference` means in `folder`."""
    reference = relocated(reference, lambda path: folder / path)
    name, mark, query = reference.partition("?")
    return reference if is_registered(name, registry) else f"{in_reference(str(folder / path_in(name)))}{mark}{query}"
