"""RecBole's atomic files: tab-separated, each column's type behind its name, as in `item_id:token`.

`NAME.inter`, or its split as `NAME.train.inter`, `NAME.valid.inter` and `NAME.test.inter`; and `NAME.item`, if any:
a `title` or `name` becomes the title, a `description` the description, other columns of type token and token_seq
(words apart by blanks) attributes. Quotes mean what they mean to pandas, by which RecBole reads.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from recclaims.data.assemble import check_parts, in_order
from recclaims.data.catalogue import Item
from recclaims.data.importers.quotes import header_of, quoted_cells
from recclaims.data.importers.reader import Imported, Reader, check_described, first_line, only
from recclaims.data.interactions_file import checked
from recclaims.data.splits import NAMES
from recclaims.errors import DatasetError

if TYPE_CHECKING:
    import polars as pl

TYPES = ("token", "token_seq", "float", "float_seq")
_TITLES = ("title", "name")
_DESCRIPTIONS = ("description", "overview", "summary", "plot")


def _tables(folder: Path) -> list[Path]:
    return [path for path in sorted(folder.glob("*.inter")) if ":" in first_line(path)]


def _part(path: Path) -> str:
    """The part of a split that a file is; empty for the whole."""
    part = Path(path.stem).suffix.removeprefix(".")
    return part if part in NAMES else ""


def _read(folder: Path) -> Imported:
    import polars as pl

    paths = _tables(folder)
    parts = {_part(path): path for path in paths if _part(path)}
    if parts:
        for name in NAMES:
            if name not in parts:
                stem = Path(next(iter(parts.values())).stem).stem
                raise DatasetError(f"{folder}: {stem}.{name}.inter is missing next to the other parts of the split")
        stems = {Path(path.stem).stem for path in paths}
        if len(stems) > 1 or len(paths) > len(NAMES):
            raise DatasetError(
                f"{folder}: has {', '.join(path.name for path in paths[:4])}; keep the files of only one dataset"
            )
        tables = [
            checked(_cells(parts[name]), parts[name]).with_columns(pl.lit(label, dtype=pl.Int8).alias("split"))
            for label, name in enumerate(NAMES)
        ]
        if len({tuple(table.columns) for table in tables}) > 1:
            raise DatasetError(f"{folder}: the parts of the split have different columns")
        table = pl.concat(tables)
        check_parts(table, str(folder))
        return Imported(_items(folder, stems.pop(), table), table, str(folder))
    path = only(paths, folder, "the data")
    table = checked(_cells(path), path)
    return Imported(_items(folder, path.stem, table), table, str(path))


def _cells(path: Path) -> pl.DataFrame:
    """The table with bare column names; those of other types than RecBole's are an error."""
    cells = quoted_cells(path)
    for column in cells.columns:
        if column.partition(":")[2] not in TYPES:
            raise DatasetError(f"{path}: column '{column}': its type is not one of {', '.join(TYPES)}")
    return cells.rename(lambda column: column.partition(":")[0])


def _items(folder: Path, stem: str, table: pl.DataFrame) -> list[Item]:
    """The catalogue in the order of `.item`; items that only have interactions follow, with their id alone."""
    path = folder / f"{stem}.item"
    items = {} if not path.is_file() else {item.item_id: item for item in _described(path)}
    interacted = table["item_id"].unique().to_list()
    if items:
        check_described(interacted, items, path)
    others = set(interacted) - items.keys()
    return [*items.values(), *(Item(item_id) for item_id in in_order(others))]


def _described(path: Path) -> Iterator[Item]:
    import polars as pl

    cells = _cells(path).with_columns(pl.all().fill_null(""))
    if "item_id" not in cells.columns:
        raise DatasetError(f"{path}: column 'item_id' is missing; it has {', '.join(cells.columns)}")
    twice = cells["item_id"].filter(cells["item_id"].is_duplicated())
    if len(twice):
        raise DatasetError(f"{path}: duplicate item_id '{twice[0]}'")
    types = dict(column.split(":", 1) for column in header_of(path))
    title, description = (_column(types, names) for names in (_TITLES, _DESCRIPTIONS))
    # A value that no two items share tells nothing of an item but which it is.
    slots = [
        column
        for column, kind in types.items()
        if column not in ("item_id", title, description)
        and (kind == "token_seq" or (kind == "token" and cells[column].n_unique() < len(cells)))
    ]
    for row in cells.iter_rows(named=True):
        values = {slot: row[slot].split(" ") if types[slot] == "token_seq" else [row[slot]] for slot in slots}
        attributes = {slot: tuple(dict.fromkeys(filter(None, some))) for slot, some in values.items()}
        yield Item(
            row["item_id"],
            row[title] if title else "",
            row[description] if description else "",
            {slot: some for slot, some in attributes.items() if some},
        )


def _column(types: dict[str, str], names: tuple[str, ...]) -> str | None:
    """The first text column that is called so, or whose last word is one of these."""
    texts = [column for column, kind in types.items() if kind in ("token", "token_seq")]
    return next((column for name in names for column in texts if column.split("_")[-1] == name), None)


def _carries(folder: Path) -> frozenset[str]:
    found: set[str] = set()
    stems = {Path(path.stem).stem if _part(path) else path.stem for path in _tables(folder)}
    for path in (folder / f"{stem}.item" for stem in stems):
        types = dict(column.split(":", 1) for column in header_of(path) if ":" in column)
        texts = [column for names in (_TITLES, _DESCRIPTIONS) if (column := _column(types, names))]
        found |= {"textual"} if texts else set()
        rest = {kind for column, kind in types.items() if column not in ("item_id", *texts)}
        found |= {"attributes"} if rest & {"token", "token_seq"} else set()
    return frozenset(found)


RECBOLE = Reader(
    "RecBole", "NAME.inter with typed columns (user_id:token)", lambda folder: bool(_tables(folder)), _read, _carries
)
