"""MMRec's folder; see datasets.importers.mmrec for the format."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from recclaims.data.importers.mmrec import ITEM, ITEM_IDS, PART, USER, USER_IDS
from recclaims.data.splits import LEFT_OUT
from recclaims.interop.tables import Format, numbers, plain, write_table

if TYPE_CHECKING:
    from recclaims import Dataset
    from recclaims.data.splits import Split


def _write(dataset: Dataset, split: Split, folder: Path, name: str) -> None:
    interactions, parted = dataset.interactions, np.flatnonzero(split.labels != LEFT_OUT)
    columns: dict[str, Any] = {USER: interactions.users, ITEM: interactions.items, **numbers(dataset)}
    columns[PART] = split.labels
    write_table(folder / f"{name}.inter", {key: column[parted] for key, column in columns.items()})
    for path, column, ids, number in (
        (folder / USER_IDS, "user_id", plain(dataset.user_ids, "users"), USER),
        (folder / ITEM_IDS, "item_id", plain((item.item_id for item in dataset.items), "items"), ITEM),
    ):
        write_table(path, {column: ids, number: np.arange(len(ids))})


MMREC = Format("mmrec", _write, rows_need_ids=False)
