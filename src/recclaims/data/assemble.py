"""From columns of external ids to a Dataset in canonical order."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from recclaims.data.catalogue import Item
from recclaims.data.dataset import Dataset, Interactions
from recclaims.data.splits import check_known
from recclaims.errors import DatasetError

if TYPE_CHECKING:
    import polars as pl


def assemble(name: str, items: Sequence[Item], table: pl.DataFrame, where: str, **facts: Any) -> Dataset:
    """Number users and items, keep the latest of repeated pairs, sort by user and item.

    Equal items and interactions give an equal dataset, in whatever order they came: splits, initial embeddings, noise
    and keys depend on the numbers.

    Args:
        name: the dataset's name.
        items: the catalogue.
        table: columns user_id and item_id (text), and rating, timestamp and split where they exist.
        where: the file, for messages.
        facts: further attributes of Dataset.

    Raises:
        DatasetError: no interactions, one with an item that the catalogue lacks (three are shown), or a given split
            whose parts do not meet (see check_known).
    """
    import polars as pl

    if table.is_empty():
        raise DatasetError(f"{where}: has no interactions")
    by_id = {item.item_id: item for item in items}
    items = [by_id[item_id] for item_id in sorted(by_id, key=_natural)]
    number = {item.item_id: i for i, item in enumerate(items)}
    catalogue = pl.DataFrame({"item_id": list(number), "item": np.arange(len(number), dtype=np.int32)})
    table = table.with_row_index("row").join(catalogue, on="item_id", how="left", maintain_order="left")
    unknown = table.filter(pl.col("item").is_null())
    if not unknown.is_empty():
        raise DatasetError(f"{where}: {_unknown_items(unknown, number)}")
    user_ids = in_order(table["user_id"].unique().to_list())
    users = pl.DataFrame({"user_id": user_ids, "user": np.arange(len(user_ids), dtype=np.int32)})
    table = table.join(users, on="user_id", how="left", maintain_order="left")
    by_age = ["user", "item", *(["timestamp"] if "timestamp" in table.columns else []), "row"]
    table = table.sort(by_age)
    kept = table.unique(["user", "item"], keep="last", maintain_order=True)
    split = kept["split"].cast(pl.Int8).to_numpy() if "split" in kept.columns else None
    dataset = Dataset(
        name=name,
        items=items,
        listed=tuple(by_id),
        user_ids=user_ids,
        interactions=Interactions(
            users=_column(kept, "user", np.int32),
            items=_column(kept, "item", np.int32),
            ratings=_column(kept, "rating", np.float32) if "rating" in kept.columns else None,
            timestamps=_column(kept, "timestamp", np.float64) if "timestamp" in kept.columns else None,
        ),
        given_split=None if split is None else np.ascontiguousarray(split),
        duplicates_dropped=len(table) - len(kept),
        **facts,
    )
    check_known(dataset, where)
    return dataset


def check_parts(table: pl.DataFrame, where: str) -> None:
    """Raise DatasetError where a user has an item in more than one part (column split)."""
    import polars as pl

    overlap = table.filter(pl.struct("user_id", "item_id").is_duplicated())
    pairs = overlap.group_by("user_id", "item_id", maintain_order=True).agg(pl.col("split").n_unique())
    twice = pairs.filter(pl.col("split") > 1)
    if len(twice):
        user, item = twice["user_id"][0], twice["item_id"][0]
        raise DatasetError(f"{where}: user '{user}' has item '{item}' in more than one part of the split")


def _column(table: pl.DataFrame, name: str, dtype: type[np.generic]) -> NDArray[Any]:
    return np.ascontiguousarray(table[name].to_numpy(), dtype=dtype)


def _natural(text: str) -> tuple[list[str | tuple[int, str]], str]:
    """Sort key by which `i2` comes before `i10`: digits count as numbers, of any length."""
    parts = re.split("([0-9]+)", text)
    numbers = [part.lstrip("0") for part in parts[1::2]]
    key: list[str | tuple[int, str]] = [*parts]
    key[1::2] = [(len(number), number) for number in numbers]
    return key, text


def in_order(ids: Iterable[str]) -> list[str]:
    """By number where all ids are numbers, else as text."""
    ids = list(ids)
    if all(text.isdecimal() for text in ids):
        return sorted(ids, key=lambda text: (int(text), text))
    return sorted(ids)


def _unknown_items(unknown: pl.DataFrame, known: dict[str, int]) -> str:
    first = unknown.unique("item_id", keep="first", maintain_order=True).head(3)
    examples = []
    for row, item_id in zip(first["row"], first["item_id"], strict=True):
        near = difflib.get_close_matches(item_id, known, n=1)
        examples.append(f"'{item_id}' (row {row + 1}{f', nearest {near[0]!r}' if near else ''})")
    return f"{len(unknown):,} interactions have an item_id that is not in the catalogue: {', '.join(examples)}"
