"""MicroLens' files: pairs of users and videos with their times, titles, and covers named by the videos.

`NAME_pairs.csv` begins with `user,item,timestamp`. Titles are in `NAME_titles.csv` (which begins with `item,title`) or
`NAME_title_en.csv` (which names no columns); covers are `ID.jpg` in `NAME_covers`. The folder may hold other files of a
download, `NAME_pairs.tsv` among them, which says the same without times.
"""

from __future__ import annotations

from pathlib import Path

from recclaims.data.assemble import in_order
from recclaims.data.catalogue import Item
from recclaims.data.importers.reader import Imported, Reader, cells_of, check_described, first_line, only
from recclaims.data.interactions_file import checked
from recclaims.data.items_file import ImageFolder
from recclaims.errors import DatasetError

HEADER, TITLES_HEADER = ["user", "item", "timestamp"], ["item", "title"]
COVERS, ENDINGS = "covers", (".jpg", ".jpeg", ".png", ".webp")


def _cells(path: Path) -> list[str]:
    return [cell.strip('" ') for cell in first_line(path).split(",")]


def _tables(folder: Path) -> list[Path]:
    return [path for path in sorted(folder.glob("*_pairs.csv")) if _cells(path) == HEADER]


def _titles(folder: Path) -> list[Path]:
    return [path for ending in ("titles", "title_en") for path in sorted(folder.glob(f"*_{ending}.csv"))]


def _covers(folder: Path) -> dict[str, Path]:
    """The covers, by the item that they are of."""
    found: dict[str, Path] = {}
    inside = ImageFolder(folder)
    for place in sorted(path for path in folder.glob(f"*{COVERS}") if path.is_dir()):
        for entry in sorted(place.iterdir()):
            if entry.suffix.lower() in ENDINGS:
                found.setdefault(entry.stem, inside.file(f"{place.name}/{entry.name}", str(place)))
    return found


def _read(folder: Path) -> Imported:
    path = only(_tables(folder), folder, "the data")
    table = checked(cells_of(path, ",").rename({"user": "user_id", "item": "item_id"}), path)
    titles: dict[str, str] = {}
    interacted = table["item_id"].unique().to_list()
    files = _titles(folder)
    if files:
        file = only(files, folder, "the titles")
        named = _cells(file) == TITLES_HEADER
        cells = cells_of(file, ",", () if named else TITLES_HEADER)
        for number, (item_id, title) in enumerate(cells.select(TITLES_HEADER).iter_rows(), 2 if named else 1):
            if not item_id:
                raise DatasetError(f"{file}: row {number} has no item")
            if item_id in titles:
                raise DatasetError(f"{file}: row {number}: duplicate item '{item_id}'")
            titles[item_id] = title or ""
        check_described(interacted, titles, file)
    covers = _covers(folder)
    check_described(interacted, covers, folder / COVERS)
    # A video that nobody has watched here belongs to a larger release of the same files.
    return Imported(
        [Item(one, title=titles.get(one, ""), image_path=covers.get(one)) for one in in_order(set(interacted))],
        table,
        str(path),
    )


def _carries(folder: Path) -> frozenset[str]:
    found = {"textual"} if _titles(folder) else set()
    return frozenset(found | ({"visual"} if any(path.is_dir() for path in folder.glob(f"*{COVERS}")) else set()))


MICROLENS = Reader(
    "MicroLens", "NAME_pairs.csv with user,item,timestamp", lambda folder: bool(_tables(folder)), _read, _carries
)
