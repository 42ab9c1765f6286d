"""claims.csv and cells.csv: the two lists of results.json, for whatever reads tables."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from recclaims._model.results import ResultsDocument

#: Columns of which a table without any value says nothing.
_MAY_LACK = ("estimand", "threshold")
#: Where a formula may begin: at the start, and where a program that splits at line breaks or `;` starts a new cell.
_FORMULA = re.compile(r"(\A|[\n\r;])(?=[=+\-@\t\r])")


class ClaimsCsv:
    """One row per case."""

    name = "csv"
    filename = "claims.csv"
    typed = True

    def render(self, document: ResultsDocument) -> str:
        """Return the rows for a results.json document; the interval becomes two columns."""
        rows = [case.row() for case in document.claims]
        for column in _MAY_LACK:
            if all(row.get(column) is None for row in rows):
                for row in rows:
                    row.pop(column, None)
        first = ("claim", "version", "case", "dataset", "recommender", "treatment", "control", "metric")
        return _table(rows, first)


class CellsCsv:
    """One row per training, its metrics as columns."""

    name = "csv-cells"
    filename = "cells.csv"
    typed = True

    def render(self, document: ResultsDocument) -> str:
        """Return the rows for a results.json document."""
        rows = [cell.as_json() for cell in document.cells]
        for row in rows:
            row.update(row.pop("metrics"))
        return _table(rows, ("dataset", "features", "recommender", "seed"))


def _table(rows: Iterable[Mapping[str, Any]], first: Sequence[str]) -> str:
    """CSV with a column for every key that any row has; empty where a row has none."""
    rows = list(rows)
    columns = dict.fromkeys([*first, *(key for row in rows for key in row)])
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(map(_entry, columns))
    writer.writerows([_entry(row.get(column)) for column in columns] for row in rows)
    return file.getvalue()


def _entry(value: object) -> object:
    """A number as it is; a name that a spreadsheet would run as a formula behind an apostrophe."""
    if not isinstance(value, str):
        return value
    # The writer does not quote a bare carriage return, which would begin a row.
    return _FORMULA.sub(r"\1'", value.replace("\r\n", "\n").replace("\r", "\n"))
