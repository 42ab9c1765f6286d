"""What the writers of formats have in common: columns of an export, and tables as text."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from recclaims import DatasetError
from recclaims.polars_writes import as_os_error

if TYPE_CHECKING:
    import polars as pl

    from recclaims import Dataset
    from recclaims.data.splits import Split


@dataclass(frozen=True)
class Format:
    """A format that can be written.

    Attributes:
        name: what --format calls it.
        write: (dataset, split, folder, name of the data) writes interactions, ids and catalogue into the folder.
        rows_need_ids: whether a matrix has the ids of its rows beside it; else its row i is the item of number i.
    """

    name: str
    write: Callable[[Dataset, Split, Path, str], None]
    rows_need_ids: bool


def numbers(dataset: Dataset) -> dict[str, pl.Series]:
    """The columns rating and timestamp, where the dataset has them, whole numbers without a point."""
    import polars as pl

    columns = {"rating": dataset.interactions.ratings, "timestamp": dataset.interactions.timestamps}
    found: dict[str, pl.Series] = {}
    for name, column in columns.items():
        if column is not None:
            whole = bool((column == np.trunc(column)).all() and (np.abs(column) < 2**53).all())
            found[name] = pl.Series(name, column.astype(np.int64) if whole else column)
    return found


def plain(ids: Iterable[str], what: str) -> list[str]:
    """The ids; raises DatasetError for one that a table with tabs cannot hold."""
    checked = list(ids)
    wrong = [one for one in checked if not one or any(end in one for end in "\t\r\n")]
    if wrong:
        raise DatasetError(f"{len(wrong):,} ids of {what} are empty or contain a tab or a line break: {wrong[0]!r}")
    return checked


def write_table(path: Path, columns: Mapping[str, Any], quoted: bool = False) -> None:
    """Write columns of equal length, with their names, apart by tabs.

    Args:
        path: the file.
        columns: by name.
        quoted: whether the readers of the file, as pandas does, take a quote that a cell begins with for one around it.
    """
    import polars as pl

    table = pl.DataFrame(dict(columns))
    if quoted:
        texts = pl.col(pl.String)
        inside = '"' + texts.str.replace_all('"', '""', literal=True) + '"'
        table = table.with_columns(pl.when(texts.str.starts_with('"')).then(inside).otherwise(texts).name.keep())
    with path.open("wb") as file, as_os_error(path):  # polars itself opens no path that is not UTF-8
        table.write_csv(file, separator="\t", quote_style="never")
