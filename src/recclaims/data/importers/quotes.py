"""Tab-separated tables as pandas reads them: a cell that begins with a quote may hold tabs and ends of lines."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING

from recclaims.data.importers.reader import cells_of, check_inside, first_line
from recclaims.errors import DatasetError
from recclaims.regular_file import LARGEST_TEXT, open_regular, open_text

if TYPE_CHECKING:
    import polars as pl

_BEGINS = re.compile(rb'[\t\r\n](\xef\xbb\xbf)?"')
#: Bytes that are searched at once.
BLOCK = 1 << 24
#: Ends the file: a quote that is still open swallows it.
_END = "\0end of the table"
#: Characters of the longest cell.
MAX_CELL = 1_000_000


def header_of(path: Path) -> list[str]:
    """The names in the first line; see reader.first_line."""
    return next(csv.reader([first_line(path)], delimiter="\t"), [])


def quoted_cells(path: Path) -> pl.DataFrame:
    """Read a table of texts whose first line names the columns; empty cells are None.

    Raises:
        DatasetError: see reader.cells_of; or a quote is not closed, or a line has more cells than there are columns.
    """
    import polars as pl

    check_inside(path)
    if not _has_quoted(path):
        return cells_of(path, "\t")
    previous = csv.field_size_limit(MAX_CELL)
    try:
        with open_text(path) as file:
            rows = list(csv.reader(_ended(file), delimiter="\t"))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DatasetError(f"{path}: cannot be read: {error}") from None
    finally:
        csv.field_size_limit(previous)
    if rows.pop() != [_END]:
        raise DatasetError(f"{path}: a cell begins with a quote that is not closed; double each quote inside of quotes")
    names, *rows = (row for row in rows if row)
    for number, row in enumerate(rows, 1):
        if len(row) > len(names):
            raise DatasetError(f"{path}: row {number}: has {len(row)} cells for {len(names)} columns")
    columns = zip(*([cell or None for cell in row] + [None] * (len(names) - len(row)) for row in rows), strict=True)
    return pl.DataFrame(dict(zip(names, map(list, columns), strict=True)), schema=dict.fromkeys(names, pl.String))


def _has_quoted(path: Path) -> bool:
    """Whether a cell begins with a quote; what cannot be read is left to reading."""
    before = b"\n"
    try:
        with open_regular(path, LARGEST_TEXT) as file:
            while block := file.read(BLOCK):
                if _BEGINS.search(before + block):
                    return True
                before = block[-1:]
    except OSError:
        pass
    return False


def _ended(file: IO[str]) -> Iterator[str]:
    line = "\n"
    for line in file:
        yield line
    yield f"{'' if line.endswith(chr(10)) else chr(10)}{_END}\n"
