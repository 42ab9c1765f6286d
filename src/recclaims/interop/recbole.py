"""RecBole's atomic files; see datasets.importers.recbole for the format."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from recclaims.data.splits import NAMES
from recclaims.interop.tables import Format, numbers, plain, write_table

if TYPE_CHECKING:
    from recclaims import Dataset
    from recclaims.data.splits import Split


def _write(dataset: Dataset, split: Split, folder: Path, name: str) -> None:
    import polars as pl

    users = pl.Series(plain(dataset.user_ids, "users"), dtype=pl.String)
    items = pl.Series(plain((item.item_id for item in dataset.items), "items"), dtype=pl.String)
    columns = {"user_id:token": users[dataset.interactions.users], "item_id:token": items[dataset.interactions.items]}
    columns |= {f"{key}:float": column for key, column in numbers(dataset).items()}
    for label, part in enumerate(NAMES):
        rows = split.labels == label
        mine = {key: column.filter(rows) for key, column in columns.items()}
        write_table(folder / f"{name}.{part}.inter", mine, quoted=True)
    write_table(folder / f"{name}.item", {"item_id:token": items, **_described(dataset)}, quoted=True)


def _described(dataset: Dataset) -> dict[str, list[str]]:
    """Title, description and attributes; within a value blanks become `_`, since a blank parts values."""
    texts = {
        "title": [" ".join(item.title.split()) for item in dataset.items],
        "description": [" ".join(item.description.split()) for item in dataset.items],
    }
    for slot in sorted({slot for item in dataset.items for slot in item.attributes}):
        called = re.sub(r"[\s:]+", "_", slot) or "attribute"
        while called in (*texts, "item_id"):
            called += "_"
        texts[called] = [
            " ".join("_".join(value.split()) for value in item.attributes.get(slot, ())) for item in dataset.items
        ]
    return {f"{key}:token_seq": column for key, column in texts.items() if any(column)}


RECBOLE = Format("recbole", _write, rows_need_ids=True)
