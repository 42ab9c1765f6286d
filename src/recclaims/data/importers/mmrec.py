"""MMRec's folders: numbered interactions with their split, matrices in the order of the items, maps to the ids.

`NAME.inter` is tab-separated with the columns userID, itemID, x_label (0 train, 1 valid, 2 test) and, where they
exist, rating and timestamp. Row i of `image_feat.npy` and `text_feat.npy` is item i. `u_id_mapping.csv` and
`i_id_mapping.csv`, tab-separated in spite of their names, give the ids that the numbers stand for.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from recclaims.data.assemble import check_parts
from recclaims.data.catalogue import Item
from recclaims.data.importers.reader import Imported, Reader, cells_of, first_line, lines_of, only
from recclaims.data.interactions_file import checked
from recclaims.data.splits import NAMES
from recclaims.errors import DatasetError

if TYPE_CHECKING:
    import polars as pl

USER, ITEM, PART = "userID", "itemID", "x_label"
USER_IDS, ITEM_IDS = "u_id_mapping.csv", "i_id_mapping.csv"


def _tables(folder: Path) -> list[Path]:
    return [path for path in sorted(folder.glob("*.inter")) if {USER, ITEM} <= set(first_line(path).split("\t"))]


def _read(folder: Path) -> Imported:
    import polars as pl

    path = only(_tables(folder), folder, "the data")
    cells = cells_of(path, "\t").rename({USER: "user_id", ITEM: "item_id"})
    table = checked(cells, path)
    if PART in cells.columns:
        table = table.with_columns(_parts(cells[PART], path))
        check_parts(table, str(path))
    ids: dict[str, list[str]] = {}
    for column, name in (("user_id", USER_IDS), ("item_id", ITEM_IDS)):
        numbers = _numbers(table[column], path)
        ids[column] = _mapping(folder / name) or [str(i) for i in range(int(numbers.to_numpy().max(initial=-1)) + 1)]
        beyond = numbers.filter(numbers >= len(ids[column])).unique(maintain_order=True)
        if len(beyond):
            shown = ", ".join(map(str, beyond.head(3)))
            raise DatasetError(f"{folder / name}: has {len(ids[column]):,} ids; {path.name} has the numbers {shown}")
        table = table.with_columns(pl.Series(column, ids[column], dtype=pl.String)[numbers])
    return Imported([Item(item_id) for item_id in ids["item_id"]], table, str(path))


def _parts(labels: pl.Series, path: Path) -> pl.Series:
    import polars as pl

    parts = labels.cast(pl.Float64, strict=False)
    wrong = (~parts.is_in([float(part) for part in range(len(NAMES))])).fill_null(value=True).arg_true()
    if len(wrong):
        raise DatasetError(f"{path}: row {wrong[0] + 1}: {PART} is {labels[wrong[0]]!r}, not 0, 1 or 2")
    return parts.cast(pl.Int8).alias("split")


def _numbers(ids: pl.Series, path: Path) -> pl.Series:
    import polars as pl

    numbers = ids.cast(pl.Int64, strict=False)
    wrong = (numbers.is_null() | (numbers < 0)).fill_null(value=True).arg_true()
    if len(wrong):
        column = USER if ids.name == "user_id" else ITEM
        raise DatasetError(
            f"{path}: row {wrong[0] + 1}: {column} is {ids[wrong[0]]!r}, not a whole number of 0 or more"
        )
    return numbers


def _mapping(path: Path) -> list[str]:
    """The ids in the order of their numbers; empty where there is no file."""
    if not path.is_file():
        return []
    pairs = [line.rsplit("\t", 1) for line in lines_of(path)[1:] if line]
    ids: dict[int, str] = {}
    for row, pair in enumerate(pairs, 1):
        if len(pair) != 2 or not pair[0] or not pair[1].isdecimal():
            raise DatasetError(f"{path}: row {row}: expected an id, a tab and a number")
        if int(pair[1]) in ids:
            raise DatasetError(f"{path}: row {row}: number {pair[1]} already has the id '{ids[int(pair[1])]}'")
        ids[int(pair[1])] = pair[0]
    if sorted(ids) != list(range(len(ids))):
        missing = next(number for number in range(len(ids)) if number not in ids)
        raise DatasetError(f"{path}: number {missing} has no id")
    twice, times = Counter(ids.values()).most_common(1)[0] if ids else ("", 0)
    if times > 1:
        raise DatasetError(f"{path}: id '{twice}' has {times} numbers")
    return [ids[number] for number in range(len(ids))]


MMREC = Reader("MMRec", f"NAME.inter with columns {USER} and {ITEM}", lambda folder: bool(_tables(folder)), _read)
