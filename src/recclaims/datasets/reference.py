"""References to datasets, as `--claims-data` takes them: `ml-100k`, `ml-100k?split=temporal`, `path/to/folder`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from recclaims.datasets import protocol
from recclaims.datasets.folder import FolderDataset
from recclaims.datasets.protocol import Protocol
from recclaims.errors import DatasetError, UnknownNameError

if TYPE_CHECKING:
    from recclaims.datasets.dataset import Dataset, DatasetSource
    from recclaims.plugin_manager import Registry


class _Named:
    """A registered source under a protocol; its name carries what the reference changed."""

    def __init__(self, source: DatasetSource, name: str, changes: Protocol) -> None:
        self.name, self._source, self._changes = name, source, changes

    @property
    def modalities(self) -> frozenset[str]:
        return self._source.modalities

    def load(self) -> Dataset:
        from dataclasses import replace

        return replace(self._changes.applied_to(self._source.load()), name=self.name)


def open_source(reference: str, registry: Registry, where: str = "--claims-data") -> DatasetSource:
    """Find what a reference refers to; nothing is read but a folder's manifest.

    `?key=value&key=value` sets `split` (random, temporal) and `relevance` (a rating, or none) of any dataset,
    and whatever else a registered source takes as keyword arguments.

    Args:
        reference: what to find.
        registry: the registered sources.
        where: the option or key that gave the reference, for messages.

    Raises:
        UnknownNameError: no dataset, key or value goes by that name; shows the nearest that does.
        DatasetError: the folder is not a dataset.
    """
    name, _, query = reference.partition("?")
    settings = dict(parse_qsl(query, keep_blank_values=True))
    changes = Protocol.parse(settings, reference)
    own = {key: value for key, value in settings.items() if key not in protocol.KEYS}
    if name in registry.datasets:
        return _Named(_made(registry, name, own, reference), reference, changes)
    if os.sep in name or Path(name).is_dir():
        for key in own:
            raise UnknownNameError.of("key", key, protocol.KEYS, reference)
        return FolderDataset(Path(name), registry, changes, f"?{query}" if query else "")
    raise UnknownNameError.of("dataset", name, [*registry.datasets, "a folder's path"], where)


def _made(registry: Registry, name: str, own: dict[str, str], reference: str) -> DatasetSource:
    factory = registry.datasets[name]
    known = getattr(factory, "settings", ())
    for key in own:
        if key not in known:
            raise UnknownNameError.of("key", key, [*protocol.KEYS, *known], reference)
    try:
        source: DatasetSource = factory(**own)
    except (TypeError, ValueError) as error:
        raise DatasetError(f"{reference}: {error}") from error
    return source
