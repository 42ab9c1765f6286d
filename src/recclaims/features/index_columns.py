"""Columns of a table of vectors that number its rows: pandas' index and its kin are no dimension."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from recclaims.errors import FeatureError

if TYPE_CHECKING:
    import polars as pl

#: What pandas, Arrow and polars call a column without a name.
_UNNAMED = re.compile(r"\s*|_duplicated_\d+|Unnamed: \d+(\.\d+)*(_level_\d+)?|__index_level_\d+__")
#: Names that programs give to numbers of rows, and that a dimension may have, too.
_NUMBERING = re.compile(
    r"index|level_\d+|X(\.\d+)?|V1|row|rows?[ ._-]?(names|nr|number|index|id)|rownames", re.IGNORECASE
)


def is_unnamed(name: str) -> bool:
    """Whether a column has no name, or the one that programs give to such a column."""
    return _UNNAMED.fullmatch(name) is not None


def without_index(table: pl.DataFrame, path: Path) -> pl.DataFrame:
    """The table without columns that are an index.

    Args:
        table: dimensions, and perhaps ids.
        path: the file, for messages.

    Raises:
        FeatureError: a column without a name holds fractions, and may be a dimension.
    """
    dropped = []
    for place, name in enumerate(table.columns, 1):
        column = table[name]
        if column.dtype.is_nested():
            continue
        if is_unnamed(name):
            if _has_fractions(column):
                raise FeatureError(f"{path}: column {place} has no name; name it, or remove it if it is an index")
            dropped.append(name)
        elif _NUMBERING.fullmatch(name) and _counts(column):
            dropped.append(name)
    return table.drop(dropped)


def _has_fractions(column: pl.Series) -> bool:
    import polars as pl

    numbers = column.cast(pl.Float64, strict=False).drop_nulls()
    return bool((numbers != numbers.floor()).any())


def _counts(column: pl.Series) -> bool:
    """Whether it is 0, 1, 2, ... or 1, 2, 3, ..."""
    if not column.dtype.is_numeric() or column.is_null().any() or len(column) == 0:
        return False
    numbers = column.to_numpy()
    return bool(numbers[0] in (0, 1) and np.array_equal(numbers, np.arange(len(numbers)) + numbers[0]))
