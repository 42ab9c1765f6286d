"""Rows of a table that programs of other people wrote: CSV, TSV or JSONL, each row a mapping of columns."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from recclaims.data.items_file import MAX_TEXT, json_records
from recclaims.errors import DatasetError
from recclaims.regular_file import open_text

#: Separators by the ending of the file's name.
TABLES = {".csv": ",", ".tsv": "\t"}
LINES = (".jsonl", ".ndjson")
#: Lines of the longest row that may be cut off at the end of a file; in more of them a quote was forgotten.
LONGEST_CUT = 20


class Rows:
    """The rows of a file, read once from its beginning to its end.

    Args:
        path: the file; its ending says what it is.

    Attributes:
        cut: whether the last row is cut off within a quoted cell, as where a download stopped; it is left out.

    Raises:
        DatasetError: while it is read: what cannot be, with file and row.
    """

    def __init__(self, path: Path) -> None:
        self.path, self.cut, self._ended = path, False, False
        ending = path.suffix.lower()
        if ending not in (*TABLES, *LINES):
            raise DatasetError(f"{path}: rows are read from {', '.join((*TABLES, *LINES))}, not from '{ending}'")
        self._separator = TABLES.get(ending)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        try:
            yield from self._records() if self._separator is None else self._table(self._separator)
        except UnicodeDecodeError as error:
            raise DatasetError(f"{self.path}: is not UTF-8 ({error.reason}); save it as UTF-8") from None
        except OSError as error:
            raise DatasetError(f"{self.path}: cannot be read: {error.strerror or error}") from None

    def _table(self, separator: str) -> Iterator[dict[str, Any]]:
        """Rows of a table whose first line names the columns; a quoted cell may hold separators and ends of lines."""
        with open_text(self.path) as file:
            reader = csv.reader(self._lines(file), delimiter=separator, strict=True)
            header = self._next(reader) or []
            if twice := [name for name, number in Counter(header).items() if number > 1]:
                raise DatasetError(f"{self.path}: duplicate column '{twice[0]}'")
            number = 0
            while (row := self._next(reader)) is not None:
                number += 1
                if len(row) != len(header):
                    raise DatasetError(
                        f"{self.path}: row {number} (line {reader.line_num}) has {len(row)} cells for {len(header)} "
                        "columns; quote a cell that holds the separator"
                    )
                yield dict(zip(header, row, strict=True))

    def _next(self, reader: Any) -> list[str] | None:
        """The next row that is not empty; None at the end."""
        row: list[str] = []
        while not row:
            begin = reader.line_num
            previous = csv.field_size_limit(MAX_TEXT)
            try:
                row = next(reader)
            except StopIteration:
                return None
            except csv.Error as error:
                if not self._ended:
                    raise DatasetError(f"{self.path}:{reader.line_num}: cannot be read: {error}") from None
                if reader.line_num - begin > LONGEST_CUT:
                    raise DatasetError(
                        f"{self.path}:{begin + 1}: a cell begins with a quote that is not closed"
                    ) from None
                self.cut = True
                return None
            finally:
                csv.field_size_limit(previous)
        return row

    def _lines(self, file: IO[str]) -> Iterator[str]:
        yield from file
        self._ended = True

    def _records(self) -> Iterator[dict[str, Any]]:
        for _, record in json_records(self.path):
            yield record
