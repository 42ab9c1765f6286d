"""Tables without column names, and what must not be taken for their data: a line of names, a column of row numbers."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from recclaims.errors import DatasetError

if TYPE_CHECKING:
    import polars as pl

_THINGS = (
    r"user|reviewer|customer|member|account|session|visitor|person"
    r"|item|movie|product|book|song|track|artist|business|news|article|video|game|recipe|photo"
)
#: `userId`, `item_id`, `MOVIE-ID`, `uid`, `asin`: no user or item is called so.
_SURE = re.compile(
    rf"(({_THINGS})[ _-]?(id|ids|idx|index|no|nr|number|code|key)|[uip][ _-]?id|(parent[ _-]?)?asin)", re.I
)
_LIKELY = re.compile(rf"({_THINGS})s?", re.I)
#: A column of row numbers is one where so many rows say so.
_FEW = 3


def _bare(cell: str) -> str:
    """A cell without what stands around a name in it: blanks, quotes, a # before the line."""
    return cell.strip().strip('"').lstrip("#").strip()


def names_column(cell: str) -> bool:
    """Whether a cell is surely the name of a column of ids."""
    return _SURE.fullmatch(_bare(cell)) is not None


def names_columns(cells: list[str]) -> bool:
    """Whether the first two cells of a line name columns: one of them surely, or both likely."""
    cells = [_bare(cell) for cell in cells[:2]]
    return any(map(_SURE.fullmatch, cells)) or all(map(_LIKELY.fullmatch, cells))


def check_bare(cells: pl.DataFrame, path: Path) -> None:
    """Refuse a line of column names or a column of row numbers in a table that has neither.

    Args:
        cells: texts, user_id and item_id first.
        path: the file, for messages.

    Raises:
        DatasetError: the first line names columns, or is the only one whose id is a word where the others are
            numbers; or the first column counts the rows.
    """
    import polars as pl

    first = [str(cell or "") for cell in cells.head(1).rows()[0]] if len(cells) else []
    ids = cells.columns[:2]
    others = cells[1:].select(pl.col(ids).str.contains(r"^\d+$").fill_null(value=False).all())
    numbers = others.rows()[0] if len(cells) > 1 else (False,) * len(ids)
    word = any(rest and re.fullmatch(r"[^\W\d][^\d]*", one) for one, rest in zip(first, numbers, strict=False))
    if names_columns(first) or word:
        raise DatasetError(f"{path}: line 1 is a header ({', '.join(first)}), but this format has none; remove it")
    if len(cells) >= _FEW and (cells[ids[0]] == pl.Series(map(str, range(len(cells))))).all():
        raise DatasetError(f"{path}: its first column numbers the rows (0, 1, 2, ...), not users; remove it")
