"""The formats that are read, and which of them a folder has."""

from __future__ import annotations

import os
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from recclaims.data.assemble import assemble
from recclaims.data.folder import (
    ITEMS,
    MANIFEST,
    FolderDataset,
    beside_in,
    find_features,
    read_manifest,
    with_category,
)
from recclaims.data.importers.cornac import CORNAC
from recclaims.data.importers.elliot import ELLIOT
from recclaims.data.importers.microlens import MICROLENS
from recclaims.data.importers.mmrec import MMREC
from recclaims.data.importers.reader import Reader
from recclaims.data.importers.recbole import RECBOLE
from recclaims.data.interactions_file import find_table
from recclaims.data.protocol import EvaluationProtocol
from recclaims.data.registered import is_registered
from recclaims.errors import DatasetError
from recclaims.paths import expanded

if TYPE_CHECKING:
    from recclaims.data.dataset import Dataset, DatasetSource
    from recclaims.data.vectors import FeatureFile
    from recclaims.plugin_manager import Registry

READERS = (MMREC, RECBOLE, ELLIOT, CORNAC, MICROLENS)
#: Keys of dataset.toml that have a meaning beside another program's files.
KEYS = ("name", "relevance", "split", "category", "domain", "answers")


def open_folder(path: Path, registry: Registry, protocol: EvaluationProtocol, suffix: str = "") -> DatasetSource:
    """A folder's dataset, in recclaims' own format or in another program's.

    Raises:
        DatasetError: the folder has none of the formats, or two of them.
    """
    manifest = read_manifest(path) if (path / MANIFEST).is_file() else {}
    own = (path / str(manifest.get("items", ITEMS))).is_file() or "base" in manifest
    reader = None if own else find_reader(path)
    if reader is not None:
        return ImportedDataset(path, reader, manifest, registry, protocol, suffix)
    if not own and not manifest and path.is_dir():
        table = find_table(path, "interactions")
        if table:
            raise DatasetError(_without_items(path, table))
        formats = "; ".join(f"{reader.name} ({reader.needs})" for reader in READERS)
        features = find_features(path)
        has = f"; its features ({', '.join(list(features)[:3])}) need interactions beside them" if features else ""
        raise DatasetError(f"{path}: has no {MANIFEST} and is not a {formats} folder{has}; see docs/other-formats.md")
    return FolderDataset(path, registry, protocol, suffix, _folder_below(path, manifest, registry))


def _folder_below(path: Path, manifest: dict[str, Any], registry: Registry) -> DatasetSource | None:
    """The folder that a dataset.toml names as its base; None where it names a registered dataset, or none.

    Raises:
        DatasetError: that folder has a base itself: a chain of folders could lead back to this one.
    """
    base = manifest.get("base")
    if base is None or is_registered(base.partition("?")[0], registry):
        return None
    place = path / expanded(base)
    try:
        if not (os.sep in base or place.is_dir()):
            return None
        below = read_manifest(place) if (place / MANIFEST).is_file() else {}
    except (OSError, ValueError) as error:  # what no path can be
        raise DatasetError(f"{path / MANIFEST}: key 'base' is no folder's name: {error}") from None
    if "base" in below:
        raise DatasetError(f"{path / MANIFEST}: key 'base': {base} has a base itself ({below['base']}); name that one")
    return open_folder(place, registry, EvaluationProtocol())


def _without_items(folder: Path, table: Path) -> str:
    example = '{"item_id": "cup", "title": "Blue cup"}'
    other = next((path.name for path in sorted(folder.glob("items.*")) if path.is_file()), None)
    instead = f"{other} is not read; " if other else ""
    return f"{folder}: {instead}{table.name} needs {ITEMS} beside it, one JSON object a line, as in {example}"


def find_reader(folder: Path) -> Reader | None:
    """The reader that recognises a folder; raises DatasetError where two do."""
    found = [reader for reader in READERS if reader.recognises(folder)]
    if len(found) > 1:
        names = " and ".join(reader.name for reader in found)
        raise DatasetError(f"{folder}: has files of {names}; put each format into its own folder")
    return found[0] if found else None


class ImportedDataset:
    """A folder that another program wrote.

    Args:
        path: the folder.
        reader: its format.
        manifest: what its dataset.toml says, if it has one.
        registry: whose names it may not bear.
        protocol: split and relevance, over those of the manifest.
        suffix: what is added to the name, so that a dataset under another protocol has another one.

    Raises:
        DatasetError: a name that is taken, or a key of dataset.toml that means nothing here.
    """

    def __init__(
        self,
        path: Path,
        reader: Reader,
        manifest: dict[str, Any],
        registry: Registry,
        protocol: EvaluationProtocol,
        suffix: str = "",
    ) -> None:
        self.path, self.reader, self.manifest = path, reader, manifest
        for key in manifest:
            if key not in KEYS:
                raise DatasetError(f"{path / MANIFEST}: key '{key}' is not used in a {reader.name} folder; remove it")
        name: str = manifest.get("name", path.resolve().name)
        if name in registry.datasets:
            raise DatasetError(
                f"{path}: '{name}' is the name of a registered dataset; set another by the key 'name' in {MANIFEST}"
            )
        self.name = name + suffix
        given = EvaluationProtocol(strategy=manifest.get("split"), relevance=manifest.get("relevance"))
        self.protocol = given.over(protocol)
        self.beside = beside_in(manifest, path)

    @cached_property
    def modalities(self) -> frozenset[str]:
        """What the reader sees in names and first lines."""
        return self.reader.carries(self.path) | self.beside.modalities

    @property
    def answers(self) -> tuple[str, ...]:
        """Names of the answers that dataset.toml says lie in files."""
        return self.beside.names

    @cached_property
    def features(self) -> dict[str, FeatureFile]:
        """The vectors that came with the folder."""
        return find_features(self.path)

    def load(self) -> Dataset:
        """Read the folder; see DatasetSource."""
        content = self.reader.read(self.path)
        domain: str = self.manifest.get("domain", "")
        if domain.endswith(".toml"):
            domain = str((self.path / domain).resolve())
        items = [replace(item, domain=domain) for item in content.items] if domain else content.items
        facts: dict[str, Any] = {"features": self.features, **self.protocol.facts}
        dataset = assemble(self.name, items, content.table, content.where, **facts)
        slot = self.manifest.get("category")
        return with_category(self.beside.over(dataset), slot, self.path / MANIFEST).under(self.protocol)
