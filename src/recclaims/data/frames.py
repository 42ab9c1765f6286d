"""A dataset from what a program has in memory: frames of interactions and items, and arrays of vectors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from recclaims.data.assemble import assemble, check_parts
from recclaims.data.catalogue import Item
from recclaims.data.ids import are_floats
from recclaims.data.interactions_file import FLOAT_IDS, checked
from recclaims.data.items_file import KEYS, item_of
from recclaims.data.splits import NAMES
from recclaims.data.vectors import FeatureArray, modality_of
from recclaims.errors import DatasetError

if TYPE_CHECKING:
    import polars as pl

    from recclaims.data.dataset import Dataset

#: Messages say it where those of a file have its path.
INTERACTIONS, ITEMS = "interactions", "items"


def dataset_of(
    name: str, interactions: Any, items: Any, features: Mapping[str, Any], domain: str, facts: Mapping[str, str]
) -> Dataset:
    """See Dataset.of, which puts it under a protocol."""
    if not (isinstance(name, str) and name.strip() and name.isprintable()):
        raise DatasetError(f"name is {name!r}, not a line of text")
    table = _interactions(interactions)
    if items is None:
        catalogue = [Item(item_id) for item_id in table["item_id"].unique(maintain_order=True)]
    else:
        catalogue = _items(items)
    if domain:
        catalogue = [replace(item, domain=domain) for item in catalogue]
    ids = [item.item_id for item in catalogue]
    arrays = {key: _vectors(key, value, ids) for key, value in features.items()}
    return assemble(name, catalogue, table, INTERACTIONS, features=arrays, **facts)


def frame_of(given: Any, what: str) -> pl.DataFrame:
    """A polars frame of whatever holds columns: a polars or pandas frame, an Arrow table, or a mapping of columns.

    Raises:
        DatasetError: it is none of these, or its columns are not of one length.
    """
    import polars as pl

    if isinstance(given, pl.DataFrame):
        return given
    try:
        if hasattr(given, "__dataframe__") or hasattr(given, "__arrow_c_stream__"):
            frame = pl.from_pandas(given) if hasattr(given, "iloc") else pl.from_arrow(given)
        else:
            frame = pl.DataFrame(dict(given))
    except Exception as error:  # what a frame of another library makes of it can be anything
        raise DatasetError(f"{what}: not a frame or a mapping of columns: {error}") from None
    if not isinstance(frame, pl.DataFrame):
        raise DatasetError(f"{what}: a single column, not a frame")
    return frame


def _interactions(given: Any) -> pl.DataFrame:
    import polars as pl

    frame = frame_of(given, INTERACTIONS)
    columns = [column for column in ("user_id", "item_id") if column in frame.columns]
    for column in columns:
        kind = frame.schema[column]
        if kind.is_float() or kind.is_decimal():
            raise DatasetError(f"{INTERACTIONS}: column '{column}' is of type {kind}, {FLOAT_IDS}")
    frame = frame.with_columns(pl.col(columns).cast(pl.String))
    if "timestamp" in frame.columns and frame.schema["timestamp"].is_temporal():
        frame = frame.with_columns(pl.col("timestamp").dt.epoch("us") / 1e6)
    table = checked(frame, Path(INTERACTIONS))
    if "split" not in frame.columns:
        return table
    label = {name: number for number, name in enumerate(NAMES)}
    parts = frame["split"].cast(pl.String).replace_strict(label, default=None, return_dtype=pl.Int8)
    if parts.null_count():
        wrong = parts.is_null().arg_true()[0]
        raise DatasetError(
            f"{INTERACTIONS}: row {wrong + 1}: split is {frame['split'][wrong]!r}, not one of {', '.join(NAMES)}"
        )
    table = table.with_columns(parts.alias("split"))
    check_parts(table, INTERACTIONS)
    return table


def _items(given: Any) -> list[Item]:
    if isinstance(given, Sequence) and given and all(isinstance(entry, Item) for entry in given):
        return list(given)
    import polars as pl

    frame = frame_of(given, ITEMS)
    if "item_id" not in frame.columns:
        raise DatasetError(f"{ITEMS}: column 'item_id' is missing; it has {', '.join(frame.columns)}")
    kind = frame.schema["item_id"]
    if kind.is_float() or are_floats(frame["item_id"].cast(pl.String)):
        raise DatasetError(f"{ITEMS}: column 'item_id' is of type {kind}, {FLOAT_IDS}")
    frame = frame.with_columns(pl.col("item_id").cast(pl.String))
    texts = [column for column in frame.columns if column in KEYS or frame.schema[column] == pl.List(pl.String)]
    found: dict[str, Item] = {}
    for number, record in enumerate(frame.select(texts).iter_rows(named=True), 1):
        where = f"{ITEMS}: row {number}"
        kept = {key: value for key, value in record.items() if value is not None}
        item = item_of(kept, lambda name, _: Path(name), where)
        if item.item_id in found:
            raise DatasetError(f"{where}: duplicate item_id '{item.item_id}'")
        found[item.item_id] = item
    return list(found.values())


def _vectors(name: str, given: Any, ids: Sequence[str]) -> FeatureArray:
    if not name.isprintable() or not name.strip() or any(mark in name for mark in ":?+/\\"):
        raise DatasetError(f"features {name!r}: a name must not contain : ? + / \\")
    made = given if isinstance(given, FeatureArray) else FeatureArray(given, modality_of(name) or "multimodal")
    matrix: NDArray[Any] = np.asarray(made.matrix)
    if matrix.ndim != 2 or matrix.dtype.kind not in "fiub" or not matrix.size:
        raise DatasetError(
            f"features '{name}': shape {matrix.shape} of {matrix.dtype}, not one row of numbers per item"
        )
    own = made.ids is not None
    rows = list(map(str, made.ids)) if made.ids is not None else list(ids)
    if len(rows) != len(matrix):
        whose = "ids" if own else "items"
        raise DatasetError(f"features '{name}': has {len(matrix):,} rows for {len(rows):,} {whose}")
    return FeatureArray(np.ascontiguousarray(matrix), made.modality, rows)
