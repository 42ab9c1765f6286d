"""Interactions from a table on disk: TSV, CSV or Parquet, checked column by column."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from recclaims.errors import DatasetError

if TYPE_CHECKING:
    import polars as pl

ENDINGS = ("tsv", "csv", "parquet")
NEEDED = ("user_id", "item_id")
NUMBERS = ("rating", "timestamp")


def find_table(folder: Path, stem: str) -> Path | None:
    """The first of `stem.tsv`, `stem.csv` and `stem.parquet` that the folder has; a link must stay inside."""
    path = next((path for ending in ENDINGS if (path := folder / f"{stem}.{ending}").is_file()), None)
    if path is not None and not path.resolve().is_relative_to(folder.resolve()):
        raise DatasetError(f"{path}: leads out of the folder")
    return path


def read_table(path: Path) -> pl.DataFrame:
    """Read user_id and item_id as text, rating and timestamp as numbers where they exist.

    Raises:
        DatasetError: the file cannot be read, lacks a column, or holds an empty id or a value that is no number;
            the message names file, column, row and value.
    """
    import polars as pl

    if path.suffix != ".parquet":
        return checked(read_cells(path, "\t" if path.suffix == ".tsv" else ","), path)
    try:
        table = pl.read_parquet(path)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise DatasetError(f"{path}: cannot be read: {str(error).splitlines()[0]}") from None
    return checked(table, path)


def read_cells(path: Path, separator: str, columns: Sequence[str] = ()) -> pl.DataFrame:
    """Read a table of texts.

    Args:
        path: the file.
        separator: between cells; quotes mean something only beside commas.
        columns: names of the first columns, where the file does not begin with them; further ones are left out.

    Raises:
        DatasetError: the file cannot be read or is empty.
    """
    import polars as pl

    try:
        table = pl.read_csv(
            path,
            separator=separator,
            has_header=not columns,
            infer_schema=False,
            quote_char='"' if separator == "," else None,
        )
    except pl.exceptions.NoDataError:
        hint = "" if columns else f"; its first line names the columns {', '.join(NEEDED)}"
        raise DatasetError(f"{path}: is empty{hint}") from None
    except (OSError, pl.exceptions.PolarsError) as error:
        raise DatasetError(f"{path}: cannot be read: {str(error).splitlines()[0]}") from None
    if not columns:
        return table
    table = table[:, : len(columns)]
    return table.rename(dict(zip(table.columns, columns, strict=False)))


def checked(table: pl.DataFrame, path: Path) -> pl.DataFrame:
    """The columns that are used, ids as text and numbers as numbers; see read_table."""
    import polars as pl

    for column in NEEDED:
        if column not in table.columns:
            near = difflib.get_close_matches(column, table.columns, n=1)
            hint = f"; '{near[0]}' is nearest" if near else ""
            raise DatasetError(f"{path}: column '{column}' is missing{hint}; it has {', '.join(table.columns)}")
    _check_header(table.columns, path)
    table = table.select(*NEEDED, *(column for column in NUMBERS if column in table.columns))
    table = table.with_columns(pl.col(NEEDED).cast(pl.String))
    for column in NEEDED:
        empty = table.select(pl.arg_where(pl.col(column).is_null() | (pl.col(column) == ""))).to_series()
        if len(empty):
            raise DatasetError(f"{path}: row {empty[0] + 1}: {column} is empty")
    for column in NUMBERS:
        if column in table.columns:
            table = table.with_columns(_numbers(table[column], path))
    return table


def _check_header(columns: list[str], path: Path) -> None:
    """Refuse what would otherwise be left out in silence: a misspelt rating or time, a column that is there twice."""
    for column in columns:
        original = column.partition("_duplicated_")[0]
        if original != column and original in columns:
            raise DatasetError(f"{path}: column '{original}' is there twice")
        near = difflib.get_close_matches(column, NUMBERS, n=1, cutoff=0.8)
        if column not in NUMBERS and near and near[0] not in columns:
            raise DatasetError(f"{path}: unknown column '{column}'; did you mean '{near[0]}'?")


def _numbers(column: pl.Series, path: Path) -> pl.Series:
    import polars as pl

    numbers = column.cast(pl.Float64, strict=False)
    wrong = (numbers.is_null() | ~numbers.is_finite()).fill_null(value=True).arg_true()
    if len(wrong):
        raise DatasetError(f"{path}: row {wrong[0] + 1}: {column.name} is {column[wrong[0]]!r}, not a number")
    return numbers
