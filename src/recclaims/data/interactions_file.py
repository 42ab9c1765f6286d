"""Interactions from a table on disk: TSV, CSV or Parquet, checked column by column."""

from __future__ import annotations

import contextlib
import difflib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from recclaims.data.ids import are_floats
from recclaims.data.packed import PACKED, is_packed
from recclaims.data.parquet import TooLargeError, is_plain, open_parquet, read_columns
from recclaims.errors import DatasetError, one_line
from recclaims.regular_file import LARGEST_TEXT, open_regular

if TYPE_CHECKING:
    import polars as pl

ENDINGS = ("tsv", "csv", "parquet")
NEEDED = ("user_id", "item_id")
NUMBERS = ("rating", "timestamp")
FLOAT_IDS = "not an id: a program turned ids into floats; write whole numbers or strings"
#: The most rows that are read, and the characters of the longest id: a small Parquet file can stand for a huge table.
MAX_ROWS, MAX_ID = 500_000_000, 1_000


def find_table(folder: Path, stem: str) -> Path | None:
    """The first of `stem.tsv`, `stem.csv` and `stem.parquet` that the folder has; a link must stay inside."""
    path = next((path for ending in ENDINGS if (path := folder / f"{stem}.{ending}").is_file()), None)
    if path is not None and not path.resolve().is_relative_to(folder.resolve()):
        raise DatasetError(f"{path}: leads out of the folder")
    return path


def read_table(path: Path) -> pl.DataFrame:
    """Read user_id and item_id as text, rating and timestamp as numbers where they exist.

    Raises:
        DatasetError: the file cannot be read, is compressed or too long, lacks a column, or holds an empty id, ids
            that are floats or a value that is no number; the message names file, column, row and value.
    """
    if path.suffix != ".parquet":
        return checked(read_cells(path, "\t" if path.suffix == ".tsv" else ","), path)
    with _readable(path):
        return checked(_parquet(path), path)


def read_cells(path: Path, separator: str, columns: Sequence[str] = ()) -> pl.DataFrame:
    """Read a table of texts.

    Args:
        path: the file.
        separator: between cells; quotes mean something only beside commas.
        columns: names of the first columns, where the file does not begin with them; further ones are left out.

    Raises:
        DatasetError: the file cannot be read, is compressed or is empty.
    """
    import polars as pl

    quote = '"' if separator == "," else None
    # Opened here: polars takes a path for a pattern.
    with _readable(path), open_regular(path, LARGEST_TEXT) as file:
        if is_packed(file):
            raise DatasetError(f"{path}: {PACKED}")
        try:
            table = pl.read_csv(file, separator=separator, has_header=not columns, infer_schema=False, quote_char=quote)
        except pl.exceptions.NoDataError:
            hint = "" if columns else f"; its first line must name the columns {', '.join(NEEDED)}"
            raise DatasetError(f"{path}: is empty{hint}") from None
    if not columns:
        return table
    table = table[:, : len(columns)]
    return table.rename(dict(zip(table.columns, columns, strict=False)))


@contextlib.contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Say in one line why a file cannot be read."""
    import polars as pl

    try:
        yield
    # A panic is how polars fails on a file that breaks its own format; it is no Exception.
    except (OSError, pl.exceptions.PolarsError, pl.exceptions.PanicException, OverflowError) as error:
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise DatasetError(f"{path}: cannot be read: {reason}") from None


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
    for column in NEEDED:
        long = table.select(pl.arg_where(pl.col(column).str.len_chars() > MAX_ID)).to_series()
        if len(long):
            raise DatasetError(f"{path}: row {long[0] + 1}: {column} is longer than {MAX_ID:,} characters")
        empty = table.select(pl.arg_where(pl.col(column).is_null() | (pl.col(column) == ""))).to_series()
        if len(empty):
            raise DatasetError(f"{path}: row {empty[0] + 1}: {column} is empty")
        if are_floats(table[column]):
            raise DatasetError(f"{path}: row 1: {column} is {table[column][0]!r}, {FLOAT_IDS}")
    for column in NUMBERS:
        if column in table.columns:
            table = table.with_columns(_numbers(table[column], path))
    return table


def _parquet(path: Path) -> pl.DataFrame:
    """Its columns that are needed, and no others; of none of which there are more rows than can be meant."""
    import polars as pl
    import pyarrow as pa

    try:
        with open_regular(path) as source, open_parquet(source) as file:
            columns = [str(name) for name in file.schema_arrow.names]
            rows = file.metadata.num_rows
            if rows > MAX_ROWS:
                raise DatasetError(f"{path}: has {rows:,} rows; at most {MAX_ROWS:,} are read")
            _check_header(columns, path)
            known = [column for column in (*NEEDED, *NUMBERS) if column in columns]
            if not set(NEEDED) <= set(known):
                return pl.DataFrame(schema=columns)
            for column in known:
                kind = file.schema_arrow.field(column).type
                if pa.types.is_nested(kind):
                    raise DatasetError(f"{path}: column '{column}' holds lists or objects, not one value per row")
                if not is_plain(kind):
                    raise DatasetError(f"{path}: column '{column}' is of type {kind}, not of strings or numbers")
                if column in NEEDED and (pa.types.is_floating(kind) or pa.types.is_decimal(kind)):
                    raise DatasetError(f"{path}: column '{column}' is of type {kind}, {FLOAT_IDS}")
            table = read_columns(file, known)
    except TooLargeError as error:
        raise DatasetError(f"{path}: {error}") from None
    except (pa.ArrowException, MemoryError, UnicodeDecodeError) as error:
        raise DatasetError(f"{path}: cannot be read: {one_line(error)}") from None
    return table.with_columns(pl.col(NEEDED).cast(pl.String))


def _check_header(columns: list[str], path: Path) -> None:
    """Refuse what would otherwise be left out in silence: a misspelt rating or time, a column that is there twice."""
    for column in columns:
        original = column.partition("_duplicated_")[0]
        if original != column and original in columns:
            raise DatasetError(f"{path}: duplicate column '{original}'")
        near = difflib.get_close_matches(column, NUMBERS, n=1, cutoff=0.8)
        if column not in NUMBERS and near and near[0] not in columns:
            raise DatasetError(f"{path}: unknown column '{column}'; did you mean '{near[0]}'?")


def _numbers(column: pl.Series, path: Path) -> pl.Series:
    import polars as pl

    numbers = column.cast(pl.Float64, strict=False)
    if column.name == "rating":  # kept as float32: what is beyond it becomes infinite
        numbers = pl.select(pl.when(numbers.abs() < 3e38).then(numbers)).to_series()
    wrong = (numbers.is_null() | ~numbers.is_finite()).fill_null(value=True).arg_true()
    if len(wrong):
        raise DatasetError(f"{path}: row {wrong[0] + 1}: {column.name} is {column[wrong[0]]!r}, not a number")
    return numbers
