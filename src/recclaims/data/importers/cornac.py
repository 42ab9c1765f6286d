"""Cornac's files: user, item and rating (and timestamp) on each line, texts by item, and matrices with their ids.

`rating.txt` (or `ratings`, `feedback`, `uir`, `uirt`; `.txt`, `.tsv` with tabs or `.csv` with commas) has no column
names; `text.txt` has `id::text`; row i of any `*features.npy` is the item in line i of `item_ids.txt`.
"""

from __future__ import annotations

from pathlib import Path

from recclaims.data.assemble import in_order
from recclaims.data.catalogue import Item
from recclaims.data.importers.elliot import bare, read_bare
from recclaims.data.importers.headers import names_column
from recclaims.data.importers.reader import Imported, Reader, check_described, first_line, lines_of, only
from recclaims.data.vectors import COMMON_IDS
from recclaims.errors import DatasetError

STEMS = ("rating", "ratings", "feedback", "uir", "uirt")
TEXTS, BETWEEN = "text.txt", "::"


def _separator(path: Path) -> str:
    return "\t" if "\t" in first_line(path) else ","


def _tables(folder: Path) -> list[Path]:
    paths = (folder / f"{stem}.{ending}" for stem in STEMS for ending in ("txt", "tsv", "csv"))
    return [path for path in paths if path.is_file() and bare(path, _separator(path))]


def _read(folder: Path) -> Imported:
    path = only(_tables(folder), folder, "the data")
    table = read_bare(path, _separator(path))
    texts: dict[str, str] = {}
    if (folder / TEXTS).is_file():
        for number, line in enumerate(lines_of(folder / TEXTS), 1):
            item_id, between, text = line.partition(BETWEEN)
            if line and not (item_id and between):
                raise DatasetError(f"{folder / TEXTS}:{number}: expected an id, '{BETWEEN}' and a text")
            if item_id in texts:
                raise DatasetError(f"{folder / TEXTS}:{number}: duplicate item '{item_id}'")
            if line:
                texts[item_id] = text
    ids = [line for line in lines_of(folder / COMMON_IDS) if line] if (folder / COMMON_IDS).is_file() else []
    if ids and names_column(ids[0]):
        raise DatasetError(f"{folder / COMMON_IDS}: line 1 names a column ('{ids[0]}'), not an item; remove it")
    # Items that nobody rated are candidates like the others, where the list of items names them.
    interacted = table["item_id"].unique().to_list()
    check_described(interacted, ids, folder / COMMON_IDS)
    order = dict.fromkeys([*ids, *in_order(set(interacted) - set(ids))])
    check_described(order, texts, folder / TEXTS)
    return Imported([Item(one, description=texts.get(one, "")) for one in order], table, str(path))


CORNAC = Reader(
    "Cornac",
    "rating.txt without column names",
    lambda folder: bool(_tables(folder)),
    _read,
    lambda folder: frozenset({"textual"} if (folder / TEXTS).is_file() else ()),
)
