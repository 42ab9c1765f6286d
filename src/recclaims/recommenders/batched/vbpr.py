"""VBPR of several cells, in both flavours."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch.nn import functional

from recclaims.recommenders.batched.collaborative import gamma
from recclaims.recommenders.batched.model import BatchedModel
from recclaims.recommenders.batched.sampling import Batch
from recclaims.recommenders.batched.tables import occurrences, rows


class BatchedVBPR(BatchedModel):
    """See vbpr.VBPR. All items are projected in every step, not only those that occur in it."""

    def __init__(self, models: Sequence[Any], device: torch.device, dtype: torch.dtype) -> None:
        super().__init__(models, device, dtype)
        self._joined = self.stacked([model.joined for model in models]) if self.first.modalities else None

    def _items(self) -> torch.Tensor:
        own = self.parameters["item_factors"]
        return own if self._joined is None else torch.cat([own, self._content(self._joined)], dim=2)

    def _content(self, joined: torch.Tensor) -> torch.Tensor:
        bias, weight = self.parameters["projection.bias"], self.parameters["projection.weight"]
        return torch.baddbmm(bias.unsqueeze(1), joined, weight.transpose(1, 2))

    def loss(self, batch: Batch) -> torch.Tensor:
        """See BatchedModel."""
        items = self._items()
        users = rows(self.parameters["user_factors"], batch.users)
        pairs = torch.stack([batch.positive, batch.negative], dim=1)
        positive, negative = rows(items, pairs).unbind(1)
        differences = (users * (positive - negative)).sum(dim=2)
        squares = [
            (occurrences(ids, batch.present, table.shape[1]) * table.square().sum(dim=2)).sum(dim=1)
            for table, ids in (
                (self.parameters["user_factors"], batch.users),
                (items, batch.positive),
                (items, batch.negative),
            )
        ]
        return self._loss(differences, torch.stack(squares), batch)

    def _loss(self, differences: torch.Tensor, squares: torch.Tensor, batch: Batch) -> torch.Tensor:
        lengths = squares.sqrt().sum(dim=0)
        loss: torch.Tensor = batch.mean(gamma(differences)) + self.first.reg_weight * lengths / batch.counts
        return loss

    def final_embeddings(self) -> tuple[torch.Tensor, torch.Tensor]:
        """See BatchedModel."""
        return self.parameters["user_factors"], self._items()


class BatchedElliotVBPR(BatchedVBPR):
    """See vbpr.ElliotVBPR."""

    def _content(self, joined: torch.Tensor) -> torch.Tensor:
        return functional.normalize(super()._content(joined), dim=2)

    def _loss(self, differences: torch.Tensor, squares: torch.Tensor, batch: Batch) -> torch.Tensor:
        ranking = batch.mean(functional.softplus(-differences.clamp(min=-80.0)))
        loss: torch.Tensor = ranking + self.first.reg_weight * 0.5 * squares.sum(dim=0) / batch.counts
        return loss
