"""The one category of each item, where the catalogue gives any: what is shuffled within it, and what it explains."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from recclaims.data.dataset import Dataset

DEFAULT_SLOT = "category"


def category_slot(dataset: Dataset) -> str | None:
    """The attribute slot that holds an item's category; None where no slot tells items apart.

    The slot that the dataset names (`Dataset.category`); else `category`; else, of the slots whose first values
    differ, the one with the fewest of them, and of equals the first by name.
    """
    if dataset.category is not None:
        return dataset.category
    found: dict[str, set[str]] = {}
    for item in dataset.items:
        for slot, values in item.attributes.items():
            found.setdefault(slot, set()).update(values[:1])
    usable = {slot: len(values) for slot, values in found.items() if len(values) > 1}
    if DEFAULT_SLOT in usable:
        return DEFAULT_SLOT
    return min(usable, key=lambda slot: (usable[slot], slot), default=None)


def categories(dataset: Dataset) -> NDArray[np.int64] | None:
    """The category of each item: int64 (n_items,), or None where there are not two of them.

    It is the first value of the category slot; items without one make a category of their own.
    """
    slot = category_slot(dataset)
    if slot is None:
        return None
    firsts = [item.attributes.get(slot, ())[:1] for item in dataset.items]
    number = {value: i for i, value in enumerate(sorted(set(firsts)))}
    return np.array([number[value] for value in firsts], dtype=np.int64) if len(number) > 1 else None
