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
from urllib.parse import parse_qsl

from recclaims.datasets import protocol
from recclaims.datasets.importers.registry import open_folder
from recclaims.datasets.parameters import read_parameters
from recclaims.datasets.protocol import Protocol
from recclaims.errors import DatasetError, RecclaimsError, UnknownNameError, foreign

if TYPE_CHECKING:
    from collections.abc import Mapping

    from recclaims.datasets.dataset import Dataset, DatasetSource
    from recclaims.datasets.vectors import FeatureFile
    from recclaims.plugin_manager import Registry


#: How a question mark is written that belongs to a path.
_MARK = re.compile("%3[Ff]")


class _Named:
    """A registered source under a protocol; its name carries what the reference changed."""

    def __init__(self, source: DatasetSource, name: str, changes: Protocol) -> None:
        self.name, self._source, self._changes = name, source, changes

    @property
    def modalities(self) -> frozenset[str]:
        return self._source.modalities

    @property
    def answers(self) -> tuple[str, ...]:
        return getattr(self._source, "answers", ())

    @property
    def features(self) -> Mapping[str, FeatureFile]:
        return getattr(self._source, "features", {})

    def load(self) -> Dataset:
        from dataclasses import replace

        return replace(self._changes.applied_to(self._source.load()), name=self.name)


def open_source(reference: str, registry: Registry, where: str = "--claims-data") -> DatasetSource:
    """Find what a reference refers to; nothing is read but a folder's manifest.

    `?key=value&key=value` sets `split` (random, temporal) and `relevance` (a rating, or none) of any dataset,
    and the parameters that a registered source declares (`parameters`, a mapping from names to Parameter): it is
    called with them. Its own `name` then says in tables and case names what they are. A source that declares what
    follows a colon (`argument`, as in `argument = "CATEGORY"`) is called with that text first.

    Args:
        reference: what to find.
        registry: the registered sources.
        where: the option or key that gave the reference, for messages.

    Raises:
        UnknownNameError: no dataset, key or value goes by that name; shows the nearest that does.
        DatasetError: the folder is not a dataset.
    """
    name, _, query = reference.partition("?")
    check_question_mark(reference, reference)
    settings = _settings(query, reference)
    changes = Protocol.parse(settings, reference)
    common = {key: value for key, value in settings.items() if key in protocol.KEYS}
    own = {key: value for key, value in settings.items() if key not in protocol.KEYS}
    suffix = "?" + "&".join(f"{key}={value}" for key, value in common.items()) if common else ""
    if is_registered(name, registry):
        source = _made(registry, name, own, reference)
        return _Named(source, source.name + suffix, changes)
    path = path_in(name)
    if os.sep in path or is_folder(path):
        for key in own:
            raise UnknownNameError.of("key", key, protocol.KEYS, reference)
        return open_folder(Path(path), registry, changes, suffix)
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
            raise RecclaimsError(f"{reference}: a question mark in a path is written %3F: {in_reference(reference)}")


def located(reference: str, registry: Registry, folder: Path) -> str:
    """A reference that means in any working directory what `reference` means in `folder`."""
    name, mark, query = reference.partition("?")
    return reference if is_registered(name, registry) else f"{in_reference(str(folder / path_in(name)))}{mark}{query}"


def make_source(reference: str, registry: Registry, where: str) -> DatasetSource:
    """Make the registered source of a reference that does not change the protocol; see open_source."""
    name, _, query = reference.partition("?")
    if not is_registered(name, registry):
        raise UnknownNameError.of("dataset", name.partition(":")[0], registry.datasets, where)
    return _made(registry, name, _settings(query, reference), reference)


def is_registered(name: str, registry: Registry) -> bool:
    """Say whether `NAME` or `NAME:ARGUMENT` names a registered source."""
    return name.partition(":")[0] in registry.datasets


def _settings(query: str, reference: str) -> dict[str, str]:
    """The keys and values of a reference; one that is given twice could mean either."""
    settings: dict[str, str] = {}
    for key, value in parse_qsl(query, keep_blank_values=True):
        if key in settings:
            raise DatasetError(f"{reference}: key '{key}' is given twice")
        settings[key] = value
    return settings


def _made(registry: Registry, name: str, own: dict[str, str], reference: str) -> DatasetSource:
    base, colon, argument = name.partition(":")
    factory = registry.datasets[base]
    takes: str | None = getattr(factory, "argument", None)
    if bool(takes) != bool(argument) or (colon and not takes):
        raise DatasetError(
            f"{reference}: '{base}' is named with its {takes}, as in {base}:{takes}"
            if takes
            else f"{reference}: nothing follows '{base}' but ?key=value"
        )
    given = read_parameters(getattr(factory, "parameters", {}), own, protocol.KEYS, reference)
    with foreign(f"dataset '{reference}' cannot be opened", DatasetError):
        try:
            source: DatasetSource = factory(argument, **given) if takes else factory(**given)
        except (TypeError, ValueError) as error:
            raise DatasetError(f"{reference}: {error}") from error
        return _looked_at(source, reference)


def _looked_at(source: DatasetSource, reference: str) -> DatasetSource:
    """Return what a factory made, or say what it lacks."""
    for attribute, wanted, example in (
        ("name", str, f'name = "{reference}"'),
        ("modalities", frozenset | set, 'modalities = frozenset({"textual"})'),
    ):
        value = getattr(source, attribute, None)
        if not isinstance(value, wanted):
            fault = f"has no {attribute}" if value is None else f"has {attribute} {value!r}"
            raise DatasetError(f"dataset '{reference}' {fault}; write, as in {example}")
    if not callable(getattr(source, "load", None)):
        raise DatasetError(f"dataset '{reference}' has no method load() that returns a recclaims.Dataset")
    return source
