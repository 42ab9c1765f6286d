"""Parquet by Arrow, bounded before it is decoded: a few hundred bytes can stand for gigabytes.

Polars ends the whole process at some damaged files, which want more memory than there is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    import polars as pl
    import pyarrow as pa
    import pyarrow.parquet as pq

#: Characters of the longest text, and bytes of all texts of a column together, that are read.
MAX_TEXT, MAX_TEXTS = 1_000, 16_000_000_000
#: Bytes that UTF-8 takes for a character, at most; and rows that are decoded at once.
_WIDEST, _ROWS = 4, 65_536
#: Bytes that an encoding may take beside each value, and a column beside all of them.
_BESIDE, _AROUND = 64, 1 << 20


class TooLargeError(ValueError):
    """What a file would unpack to is more than is read; the message names column and row."""


def open_parquet(source: IO[bytes]) -> pq.ParquetFile:
    """Open a file so that a text that stands in many rows is one text in memory.

    Raises:
        pyarrow.ArrowException, MemoryError: the file is damaged.
    """
    import pyarrow.parquet as pq

    schema = pq.read_schema(source)
    source.seek(0)
    return pq.ParquetFile(source, read_dictionary=[str(field.name) for field in schema if is_text(field.type)])


def is_text(kind: pa.DataType) -> bool:
    """Whether values of this type have a length of their own."""
    import pyarrow as pa

    if pa.types.is_dictionary(kind):
        return is_text(kind.value_type)
    kinds = (pa.string(), pa.large_string(), pa.string_view(), pa.binary(), pa.large_binary(), pa.binary_view())
    return kind in kinds


def is_plain(kind: pa.DataType) -> bool:
    """Whether values are texts, or numbers and times of a few bytes: no lists, objects or blocks of bytes."""
    import pyarrow as pa

    if pa.types.is_dictionary(kind):
        return is_plain(kind.value_type)
    return any(test(kind) for test in (is_text, pa.types.is_null, pa.types.is_primitive, pa.types.is_decimal))


def read_columns(file: pq.ParquetFile, columns: Sequence[str] | None = None) -> pl.DataFrame:
    """Read the columns of a file of open_parquet, all of them or those named, in the file's order; texts as texts.

    Raises:
        TooLargeError: a text is longer than MAX_TEXT characters, or they are larger than MAX_TEXTS together.
        pyarrow.ArrowException, MemoryError: the file is damaged.
    """
    import polars as pl
    import pyarrow as pa

    _check_sizes(file, columns)
    totals: dict[str, int] = {}
    tables = []
    row = 0
    for batch in file.iter_batches(batch_size=_ROWS, columns=columns, use_threads=False):
        # Without what the file says of its columns beside their names, which need not even be text.
        names = [str(name) for name in batch.schema.names]
        for name, column in zip(names, batch.columns, strict=True):
            if pa.types.is_dictionary(column.type):
                totals[name] = totals.get(name, 0) + _bytes(column, name, row)
                if totals[name] > MAX_TEXTS:
                    raise TooLargeError(f"column '{name}' unpacks to more than {MAX_TEXTS:,} bytes")
        row += len(batch)
        tables.append(_table(batch.columns, names))
    if not tables:
        schema = file.schema_arrow
        kept = [field for field in schema if columns is None or field.name in columns]
        return _table([pa.array([], type=field.type) for field in kept], [str(field.name) for field in kept])
    return pl.concat(tables, rechunk=False)


def _table(columns: Sequence[Any], names: Sequence[str]) -> pl.DataFrame:
    import polars as pl
    import pyarrow as pa

    plain = [
        column.cast(column.type.value_type) if pa.types.is_dictionary(column.type) else column for column in columns
    ]
    found = pl.from_arrow(pa.Table.from_arrays(plain, names=list(names)))
    table = found if isinstance(found, pl.DataFrame) else found.to_frame()
    table.columns = list(names)  # polars calls one without a name column_0, as it calls those of an array
    return table


def _check_sizes(file: pq.ParquetFile, columns: Sequence[str] | None) -> None:
    """Refuse a column that says of itself that its texts cannot all be as short as they must."""
    metadata = file.metadata
    for number in range(metadata.num_row_groups):
        group = metadata.row_group(number)
        for place in range(group.num_columns):
            column = group.column(place)
            name = column.path_in_schema.partition(".")[0]
            if columns is not None and name not in columns:
                continue
            most = column.num_values * (_WIDEST * MAX_TEXT + _BESIDE) + _AROUND
            if column.total_uncompressed_size > most:
                raise TooLargeError(
                    f"column '{name}' unpacks to {column.total_uncompressed_size:,} bytes for {column.num_values:,} "
                    f"values; a text has at most {MAX_TEXT:,} characters"
                )


def _bytes(column: pa.DictionaryArray, name: str, row: int) -> int:
    """The bytes that the texts of a column from this row on take, each of them short enough."""
    import pyarrow.compute as pc

    if not is_text(column.type.value_type) or not len(column.dictionary):
        return 0
    # Of the rows: a dictionary also has what stands further down.
    lengths = pc.binary_length(column.dictionary).take(column.indices)
    # In bytes: what is longer is too long in characters, too; the rest is seen when it is text.
    place = pc.index(pc.greater(lengths, _WIDEST * MAX_TEXT), value=True).as_py()
    if place >= 0:
        raise TooLargeError(f"row {row + place + 1}: {name} is longer than {MAX_TEXT:,} characters")
    return int(pc.sum(lengths).as_py() or 0)
