"""Attributes as features: what the catalogue says of an item, without any model."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from recclaims.data.catalogue import Item
from recclaims.features.spec import EncoderSpec


class Attributes:
    """One column per value of a slot (`genres=Comedy`), 1 where the item has it."""

    name, modality, version = "attributes", "textual", "1"
    spec = EncoderSpec(requires=frozenset({"attributes"}), representation="sets")

    def covers(self, item: Item) -> bool:
        """Say whether the item has any attribute."""
        return any(item.attributes.values())

    def encode(self, items: Sequence[Item]) -> NDArray[np.float32]:
        """Return 0 and 1, float32 (n, number of values in these items), columns in the order of their names."""
        values = [[(slot, v) for slot, texts in item.attributes.items() for v in texts] for item in items]
        columns = {value: i for i, value in enumerate(sorted({v for mine in values for v in mine}))}
        matrix = np.zeros((len(items), len(columns)), dtype=np.float32)
        for row, mine in enumerate(values):
            matrix[row, [columns[value] for value in mine]] = 1.0
        return matrix
