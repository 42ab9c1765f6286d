"""Parquet by Arrow: polars ends the whole process at some damaged files, which want more memory than there is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl
    import pyarrow.parquet as pq


def read_columns(file: pq.ParquetFile, columns: Sequence[str] | None = None) -> pl.DataFrame:
    """Read an open file's columns, all of them or those named, in the file's order.

    Raises:
        pyarrow.ArrowException, MemoryError: the file is damaged.
    """
    import polars as pl
    import pyarrow as pa

    read = file.read(columns=columns, use_threads=False)
    # Without what the file says of its columns beside their names, which need not even be text.
    names = [str(name) for name in read.column_names]
    found = pl.from_arrow(pa.Table.from_arrays(read.columns, names=names))
    table = found if isinstance(found, pl.DataFrame) else found.to_frame()
    table.columns = names  # polars calls one without a name column_0, as it calls those of an array
    return table
