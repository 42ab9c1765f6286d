"""MostPop: RecBole's Pop, counting right."""

from __future__ import annotations

import warnings
from typing import Any

import torch

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # see recbole_bridge
    from recbole.model.general_recommender import Pop


class MostPop(Pop):  # type: ignore[misc]
    """Ranks items by how many train interactions they have.

    RecBole 1.2.1's Pop adds with `count[items] = count[items] + 1`, which counts an item once per batch
    however often it occurs in it: on ML-100K in batches of 2,048 the forty most popular items tie.
    """

    def calculate_loss(self, interaction: Any) -> torch.Tensor:
        """Count the batch; there is nothing to train, the loss is zero."""
        items = interaction[self.ITEM_ID]
        self.item_cnt.index_add_(0, items, torch.ones(len(items), 1, dtype=self.item_cnt.dtype, device=items.device))
        self.max_cnt = self.item_cnt.max(dim=0).values
        return torch.zeros(())
