"""What a reader of somebody else's format is, and what the readers have in common."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from recclaims.data.catalogue import Item
from recclaims.data.ids import alike, shown_pairs
from recclaims.data.interactions_file import read_cells
from recclaims.errors import DatasetError
from recclaims.regular_file import open_text

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True)
class Imported:
    """A folder's content, before it is put in canonical order.

    Attributes:
        items: the catalogue; its order is that of the rows of matrices without ids.
        table: columns user_id and item_id (text), and rating, timestamp and split (0, 1, 2) where they exist.
        where: the file or folder, for messages.
    """

    items: Sequence[Item]
    table: pl.DataFrame
    where: str


@dataclass(frozen=True)
class Reader:
    """A format.

    Attributes:
        name: the program that writes it.
        needs: what a folder of this format has, for people.
        recognises: whether a folder is one, from file names and first lines.
        read: reads catalogue and interactions; raises DatasetError with file, row and value.
        carries: what the items have, of visual, textual and attributes, from file names and first lines.
    """

    name: str
    needs: str
    recognises: Callable[[Path], bool]
    read: Callable[[Path], Imported]
    carries: Callable[[Path], frozenset[str]] = lambda _: frozenset()


def check_inside(path: Path) -> None:
    """Raise DatasetError where a file of the folder is a link that leads out of it."""
    try:
        inside = path.resolve().is_relative_to(path.parent.resolve())
    except (OSError, RuntimeError) as error:  # a ring of links
        raise DatasetError(f"{path}: cannot be read as a file: {error}") from None
    if not inside:
        raise DatasetError(f"{path}: leads out of the folder")


def cells_of(path: Path, separator: str, columns: Sequence[str] = ()) -> pl.DataFrame:
    """A table of the folder; see interactions_file.read_cells and check_inside."""
    check_inside(path)
    return read_cells(path, separator, columns)


def first_line(path: Path) -> str:
    """The first line without its end; empty where the file cannot be read: reading it will say so.

    Raises:
        DatasetError: the file is a link out of its folder.
    """
    check_inside(path)
    try:
        with open_text(path, None) as file:
            return file.readline(1 << 16).rstrip("\r\n")
    except (OSError, UnicodeDecodeError):
        return ""


def lines_of(path: Path) -> list[str]:
    """The lines of a text file, without their ends; raises DatasetError where it cannot be read or leads out."""
    check_inside(path)
    try:
        with open_text(path) as file:
            return [line.rstrip("\r\n") for line in file]
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}") from None


def check_described(item_ids: Collection[str], described: Collection[str], path: Path) -> None:
    """Refuse what would leave items bare in silence: a file whose ids are theirs but for the spelling.

    Raises:
        DatasetError: an item that the file does not describe is nearly one that it does and nobody has.
    """
    pairs = alike(set(item_ids) - set(described), set(described) - set(item_ids))
    if pairs:
        raise DatasetError(
            f"{path}: {len(pairs):,} item ids differ from those of the interactions only in spelling: "
            f"{shown_pairs(sorted(pairs))}; write each id the same way in both"
        )


def only(paths: Sequence[Path], folder: Path, what: str) -> Path:
    """The one of these files; where there are more, that of the folder's name.

    Raises:
        DatasetError: there are several and none is called so.
    """
    if len(paths) == 1:
        return paths[0]
    for path in paths:
        if path.stem == folder.resolve().name:
            return path
    raise DatasetError(f"{folder}: has {', '.join(path.name for path in paths[:3])}; keep only one as {what}")
