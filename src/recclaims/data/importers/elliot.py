"""Elliot's files: tab-separated without column names: user, item and, where they exist, rating and timestamp.

`train.tsv`, `validation.tsv` (or `val.tsv`) and `test.tsv` are a split; `dataset.tsv` is all. An attribute file
(`map.tsv`, or a name with `attribute` or `item_features` in it) has an item and the numbers of its attributes on
each line; `features.tsv` beside `map.tsv` says what the numbers stand for.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from recclaims.data.assemble import check_parts, in_order
from recclaims.data.catalogue import Item
from recclaims.data.importers.headers import check_bare
from recclaims.data.importers.reader import Imported, Reader, cells_of, check_described, first_line, lines_of
from recclaims.data.interactions_file import checked
from recclaims.errors import DatasetError

if TYPE_CHECKING:
    import polars as pl

WHOLE = "dataset.tsv"
PARTS = {"train": ("train.tsv",), "valid": ("validation.tsv", "valid.tsv", "val.tsv"), "test": ("test.tsv",)}
COLUMNS = ("user_id", "item_id", "rating", "timestamp")
NAMES_OF_VALUES = "features.tsv"


def _part(folder: Path, name: str) -> Path | None:
    return next((path for one in PARTS[name] if (path := folder / one).is_file()), None)


def bare(path: Path, separator: str = "\t") -> bool:
    """Whether a table has no line of column names: its third cell, or without one its first, is a number or an id."""
    cells = first_line(path).split(separator)
    if len(cells) < 3:
        # Names of our own columns are those of our own format; others are refused where the table is read.
        return len(cells) == 2 and not {"user_id", "item_id"} & set(cells)
    try:
        float(cells[2])
    except ValueError:
        return False
    return True


def _recognises(folder: Path) -> bool:
    return any(path is not None and path.is_file() and bare(path) for path in (_part(folder, "train"), folder / WHOLE))


def _read(folder: Path) -> Imported:
    import polars as pl

    parts = {name: _part(folder, name) for name in PARTS}
    whole = folder / WHOLE
    if parts["train"] is None:
        table, where = read_bare(whole), str(whole)
    else:
        if whole.is_file():
            raise DatasetError(f"{folder}: has both {WHOLE} and {parts['train'].name}; keep only one of them")
        tables = []
        for label, (name, path) in enumerate(parts.items()):
            if path is None:
                raise DatasetError(
                    f"{folder}: {PARTS[name][0]} is missing; it chooses the epochs, which the test part must not"
                )
            tables.append(read_bare(path).with_columns(pl.lit(label, dtype=pl.Int8).alias("split")))
        if len({tuple(table.columns) for table in tables}) > 1:
            raise DatasetError(f"{folder}: {', '.join(p.name for p in parts.values() if p)} have different columns")
        table, where = pl.concat(tables), str(folder)
        check_parts(table, where)
    item_ids = in_order(table["item_id"].unique().to_list())
    attributes = {}
    for path in _attribute_files(folder):
        attributes[path.stem] = _attributes(path)
        check_described(item_ids, attributes[path.stem], path)
    items = []
    for item_id in item_ids:
        slots = {slot: values[item_id] for slot, values in attributes.items() if values.get(item_id)}
        items.append(Item(item_id, attributes=slots))
    return Imported(items, table, where)


def read_bare(path: Path, separator: str = "\t") -> pl.DataFrame:
    """Read user, item, rating and timestamp of a table without column names; see check_bare and checked."""
    cells = cells_of(path, separator, COLUMNS)
    check_bare(cells, path)
    return checked(cells, path)


def _attribute_files(folder: Path) -> list[Path]:
    return [
        path
        for path in sorted(folder.glob("*.tsv"))
        if path.name == "map.tsv" or "attribute" in path.stem or "item_features" in path.stem
    ]


def _attributes(path: Path) -> dict[str, tuple[str, ...]]:
    """By item, its attributes, by name where the folder says them."""
    names: dict[str, str] = {}
    beside = path.with_name(NAMES_OF_VALUES)
    if path.name == "map.tsv" and beside.is_file():
        names = {key: name for line in lines_of(beside) for key, _, name in [line.partition("\t")] if name}
    found: dict[str, tuple[str, ...]] = {}
    for number, line in enumerate(lines_of(path), 1):
        item_id, *values = line.split("\t")
        if not line:
            continue
        if item_id in found:
            raise DatasetError(f"{path}:{number}: duplicate item '{item_id}'")
        found[item_id] = tuple(dict.fromkeys(names.get(value, value) for value in values if value))
    return found


ELLIOT = Reader(
    "Elliot",
    "train.tsv, validation.tsv and test.tsv, or dataset.tsv, without column names",
    _recognises,
    _read,
    lambda folder: frozenset({"attributes"} if _attribute_files(folder) else ()),
)
