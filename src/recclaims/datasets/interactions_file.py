"""Interactions from a table on disk: TSV, CSV or Parquet, checked column by column."""

from __future__ import annotations

import difflib
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

    try:
        if path.suffix == ".parquet":
            table = pl.read_parquet(path)
        else:
            separator = "\t" if path.suffix == ".tsv" else ","
            table = pl.read_csv(
                path, separator=separator, infer_schema=False, quote_char=None if separator == "\t" else '"'
            )
    except pl.exceptions.NoDataError:
        raise DatasetError(f"{path}: is empty; its first line names the columns {', '.join(NEEDED)}") from None
    except (OSError, pl.exceptions.PolarsError) as error:
        raise DatasetError(f"{path}: cannot be read: {str(error).splitlines()[0]}") from None
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
