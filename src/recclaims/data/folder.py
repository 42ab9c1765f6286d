"""A dataset from a folder: dataset.toml, items.jsonl, interactions or a given split, and images."""

from __future__ import annotations

import os
import reprlib
import sys
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from recclaims.data.answers_file import AnswersFile
from recclaims.data.assemble import assemble, check_parts
from recclaims.data.beside import Beside, with_items
from recclaims.data.ducho import find_embeddings
from recclaims.data.interactions_file import ENDINGS, find_table, read_table
from recclaims.data.items_file import peek, peek_answers, read_items
from recclaims.data.protocol import STRATEGIES, EvaluationProtocol
from recclaims.data.registered import open_registered
from recclaims.data.source_spec import source_spec
from recclaims.data.splits import NAMES
from recclaims.data.vectors import find_matrices
from recclaims.errors import DatasetError, UnknownNameError
from recclaims.plugin_manager import Registry
from recclaims.toml_file import read_toml

if TYPE_CHECKING:
    import polars as pl

    from recclaims.data.catalogue import Item
    from recclaims.data.dataset import Dataset, DatasetSource
    from recclaims.data.vectors import FeatureFile

MANIFEST, ITEMS = "dataset.toml", "items.jsonl"
KEYS: dict[str, type | tuple[type, ...]] = {
    "name": str,
    "base": str,
    "items": str,
    "interactions": str,
    "relevance": (int, float),
    "split": str,
    "modalities": list,
    "category": str,
    "domain": str,
    "answers": dict,
}
MODALITIES = ("visual", "textual", "attributes", "answers")
MAX_NAME = 200


class FolderDataset:
    """A folder that holds a dataset, or content to lay over another dataset's interactions (`base`).

    Args:
        path: the folder.
        registry: where `base` is looked up; None: nothing is registered.
        protocol: split and relevance, over those of dataset.toml; None: those.
        suffix: what is added to the name, so that a dataset under another protocol has another one.
        base: the folder that `base` names, opened; None: `base` names a registered dataset, if any.

    Raises:
        DatasetError: the folder or its dataset.toml is not well-formed.
    """

    def __init__(
        self,
        path: Path,
        registry: Registry | None = None,
        protocol: EvaluationProtocol | None = None,
        suffix: str = "",
        base: DatasetSource | None = None,
    ) -> None:
        self.path, self.registry, self._folder_below = path, registry or Registry(), base
        self.manifest = read_manifest(path)
        self.name: str = self.manifest.get("name", path.resolve().name) + suffix
        if self.name in self.registry.datasets:
            taken = f"'{self.name}' is the name of a registered dataset"
            if "name" in self.manifest:
                raise DatasetError(f"{path / MANIFEST}: key 'name': {taken}")
            raise DatasetError(f"{path}: {taken}; give it another name with the key 'name' of {MANIFEST}")
        given = {key: self.manifest[key] for key in ("split", "relevance") if key in self.manifest}
        mine = EvaluationProtocol(strategy=given.get("split"), relevance=given.get("relevance"))
        self.protocol = mine.over(protocol) if protocol else mine
        self.beside = beside_in(self.manifest, path)

    @property
    def items_path(self) -> Path:
        """The catalogue's file."""
        name: str = self.manifest.get("items", ITEMS)
        return self.path / name

    @cached_property
    def modalities(self) -> frozenset[str]:
        """As dataset.toml says, or as the first lines of the catalogue show."""
        if "modalities" in self.manifest:
            return frozenset(self.manifest["modalities"]) | self.beside.modalities
        found = peek(self.items_path) | self.beside.modalities
        base = self._base()
        return found | base.modalities if base else found

    @cached_property
    def answers(self) -> tuple[str, ...]:
        """Names of the answers that the first lines of the catalogue have, and of those in files of their own."""
        below = source_spec(self._folder_below).answers if self._folder_below else ()
        return tuple(dict.fromkeys((*below, *peek_answers(self.items_path), *self.beside.names)))

    @cached_property
    def features(self) -> dict[str, FeatureFile]:
        """The vectors that lie in the folder, and those of its base."""
        base = self._base()
        return {**(source_spec(base).features if base else {}), **find_features(self.path)}

    @property
    def domain(self) -> str:
        """What the items are, as dataset.toml says: a name, or the path of a file of prompts in the folder."""
        named: str = self.manifest.get("domain", "")
        return str((self.path / named).resolve()) if named.endswith(".toml") else named

    def load(self) -> Dataset:
        """Read catalogue and interactions; see DatasetSource."""
        items = [replace(item, domain=self.domain) for item in read_items(self.items_path)]
        base = self._base()
        if base:
            dataset = self._over(base, items)
        else:
            table, where = self._interactions()
            dataset = assemble(self.name, items, table, where, **self.protocol.facts)
        dataset = self.beside.over(replace(dataset, features={**dataset.features, **self.features}))
        return with_category(dataset, self.manifest.get("category"), self.path / MANIFEST).under(self.protocol)

    def _base(self) -> DatasetSource | None:
        reference = self.manifest.get("base")
        if reference is None:
            return None
        if self._folder_below is not None:
            return self._folder_below
        where = f"{self.path / MANIFEST}: key 'base'"
        self.registry.find("datasets", reference.partition("?")[0].partition(":")[0], where)
        return open_registered(reference, self.registry)

    def _over(self, source: DatasetSource, items: list[Item]) -> Dataset:
        """The base's interactions with this folder's items; a base item that is not here keeps what it had."""
        base = source.load()
        if self._folder_below is not None:
            return replace(with_items(base, items, self.items_path), name=self.name)
        mine = {item.item_id: item for item in items}
        strangers = [item_id for item_id in mine if item_id not in {item.item_id for item in base.items}]
        if strangers:
            shown = ", ".join(f"'{item_id}'" for item_id in strangers[:3])
            raise DatasetError(
                f"{self.items_path}: {len(strangers):,} items are not in the base '{base.name}': {shown}"
            )
        return replace(base, name=self.name, items=[mine.get(item.item_id, item) for item in base.items])

    def _interactions(self) -> tuple[pl.DataFrame, str]:
        import polars as pl

        named = self.manifest.get("interactions")
        whole = self.path / named if named else find_table(self.path, "interactions")
        parts = {name: find_table(self.path, name) for name in NAMES}
        if whole:
            extra = next((path for path in parts.values() if path), None)
            if extra:
                raise DatasetError(f"{self.path}: has both {whole.name} and {extra.name}; keep only one of them")
            return read_table(whole), str(whole)
        if not any(parts.values()):
            raise DatasetError(
                f"{self.path}: has neither interactions.{{{','.join(ENDINGS)}}} nor train, valid and test tables, "
                f"and {MANIFEST} names no base"
            )
        tables = []
        for label, (name, path) in enumerate(parts.items()):
            if path is None:
                raise DatasetError(
                    f"{self.path}: {name}.{{{','.join(ENDINGS)}}} is missing next to the other parts of the split"
                )
            table = read_table(path)
            if table.is_empty():
                raise DatasetError(f"{path}: the {name} part of the split is empty")
            tables.append(table.with_columns(pl.lit(label, dtype=pl.Int8).alias("split")))
        try:
            table = pl.concat(tables)
        except pl.exceptions.PolarsError:
            columns = "; ".join(
                f"{path.name}: {', '.join(t.columns[:-1])}"
                for path, t in zip(parts.values(), tables, strict=True)
                if path
            )
            raise DatasetError(f"{self.path}: train, valid and test have different columns ({columns})") from None
        check_parts(table, str(self.path))
        return table, str(self.path)


def find_features(folder: Path) -> dict[str, FeatureFile]:
    """Every file of vectors that a folder has by its layout; raises DatasetError for a link out of it."""
    return {**find_matrices(folder), **find_embeddings(folder)}


def beside_in(manifest: dict[str, Any], folder: Path) -> Beside:
    """The files of answers that a folder's dataset.toml names, each of which can be read."""
    where = f"{folder / MANIFEST}: key 'answers'"
    named = dict(manifest.get("answers", {}))
    for name, text in named.items():
        if not isinstance(text, str):
            raise DatasetError(f"{where}: {name} is {reprlib.repr(text)}, not the name of a file")
    files = tuple(AnswersFile.of(name, text, where, folder) for name, text in named.items())
    for file in files:
        _check_inside(file.path, folder, f"{where}: {str(file)!r}")
    beside = Beside(files)
    beside.check()
    return beside


def with_category(dataset: Dataset, slot: str | None, manifest: Path) -> Dataset:
    """The dataset with the category slot that its manifest names; raises UnknownNameError where no item has it."""
    if slot is None:
        return dataset
    slots = {slot for item in dataset.items for slot in item.attributes}
    if slot not in slots:
        raise UnknownNameError.of("attribute slot", slot, slots, f"{manifest}: key 'category'")
    return replace(dataset, category=slot)


def read_manifest(folder: Path) -> dict[str, Any]:
    """Read a folder's dataset.toml; empty where the folder has none, and items.jsonl says what it is.

    Raises:
        DatasetError: the folder has neither, or dataset.toml is not well-formed.
    """
    path = folder / MANIFEST
    try:
        is_folder, has_items = folder.is_dir(), (folder / ITEMS).is_file()
        has_manifest = os.path.lexists(path)  # what is there and is no file is refused when it is read
    except (OSError, ValueError) as error:  # too long, or not ours to look into
        raise DatasetError(f"{folder}: cannot be read as a folder: {error}") from None
    if not is_folder:
        raise DatasetError(f"{folder}: is not a folder")
    if not (has_manifest or has_items):
        raise DatasetError(f"{folder}: has neither {MANIFEST} nor {ITEMS}; see docs/folder-dataset.md")
    _check_inside(path, folder, str(path))
    manifest = read_toml(path, DatasetError) if has_manifest else {}
    _check(manifest, path)
    _check_inside(folder / ITEMS, folder, str(folder / ITEMS))
    named = [key for key in ("items", "interactions", "domain") if key in manifest]
    if not manifest.get("domain", ".toml").endswith(".toml"):
        named.remove("domain")
    for key in named:
        _check_inside(folder / manifest[key], folder, f"{path}: key '{key}': {manifest[key]!r}")
    return manifest


def _check_inside(path: Path, folder: Path, what: str) -> None:
    """Refuse a path that leads out of the folder, links resolved, or that no file can have."""
    try:
        inside = path.resolve().is_relative_to(folder.resolve())
    except (OSError, ValueError, RuntimeError) as error:  # too long, with a zero byte, or a ring of links
        raise DatasetError(f"{what} is not a file name: {error}") from None
    if not inside:
        raise DatasetError(f"{what} leads out of the folder")


def _check(manifest: dict[str, Any], path: Path) -> None:
    for key, value in manifest.items():
        if key not in KEYS:
            raise UnknownNameError.of("key", key, KEYS, str(path))
        if not isinstance(value, KEYS[key]) or isinstance(value, bool):
            raise DatasetError(f"{path}: key '{key}' is {reprlib.repr(value)}, which has the wrong type")
    name = manifest.get("name", "-")
    if not (name.strip() and name.isprintable() and len(name) <= MAX_NAME):
        raise DatasetError(f"{path}: key 'name' is {name[:MAX_NAME]!r}, not one line of 1 to {MAX_NAME} characters")
    # NaN is in no order, and a whole number in TOML may be larger than any float.
    if not abs(manifest.get("relevance", 0)) <= sys.float_info.max:
        raise DatasetError(f"{path}: key 'relevance' is {reprlib.repr(manifest['relevance'])}, not a rating such as 4")
    if manifest.get("split", STRATEGIES[0]) not in STRATEGIES:
        raise UnknownNameError.of("split", manifest["split"], STRATEGIES, str(path))
    for modality in manifest.get("modalities", ()):
        if modality not in MODALITIES:
            raise UnknownNameError.of("modality", str(modality), MODALITIES, str(path))
