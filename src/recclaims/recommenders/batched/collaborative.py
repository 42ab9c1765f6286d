"""BPR and LightGCN of several cells."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from recclaims.recommenders.batched.model import BatchedModel
from recclaims.recommenders.batched.sampling import Batch
from recclaims.recommenders.batched.tables import mean_of_layers, occurrences, rows, together

USERS, ITEMS = "user_embedding.weight", "item_embedding.weight"


def gamma(differences: torch.Tensor) -> torch.Tensor:
    """losses.bpr_gamma of every pair."""
    return -torch.log(1e-10 + torch.sigmoid(differences))


def norm_of_used(table: torch.Tensor, ids: torch.Tensor, batch: Batch) -> torch.Tensor:
    """The Frobenius norm of the rows that are looked up, (cells,); a row that occurs c times counts c times."""
    return (occurrences(ids, batch.present, table.shape[1]) * table.square().sum(dim=2)).sum(dim=1).sqrt()


class BatchedBPR(BatchedModel):
    """See collaborative.BPR."""

    def loss(self, batch: Batch) -> torch.Tensor:
        """See BatchedModel."""
        users = rows(self.parameters[USERS], batch.users)
        pairs = torch.stack([batch.positive, batch.negative], dim=1)
        positive, negative = rows(self.parameters[ITEMS], pairs).unbind(1)
        return batch.mean(gamma((users * (positive - negative)).sum(dim=2)))

    def final_embeddings(self) -> tuple[torch.Tensor, torch.Tensor]:
        """See BatchedModel."""
        return self.parameters[USERS], self.parameters[ITEMS]


class BatchedLightGCN(BatchedModel):
    """See collaborative.LightGCN."""

    def __init__(self, models: Sequence[Any], device: torch.device, dtype: torch.dtype) -> None:
        super().__init__(models, device, dtype)
        self._graph = together([model.norm_adj_matrix for model in models], dtype).to(device)

    def loss(self, batch: Batch) -> torch.Tensor:
        """See BatchedModel."""
        of_users, of_items = self.parameters[USERS], self.parameters[ITEMS]
        nodes = mean_of_layers(self._graph, self.nodes(of_users, of_items), self.first.n_layers)
        ids = torch.stack([batch.users, batch.positive + self.n_users, batch.negative + self.n_users], dim=1)
        users, positive, negative = rows(nodes, ids).unbind(1)
        ranking = batch.mean(gamma((users * (positive - negative)).sum(dim=2)))
        norms = (
            norm_of_used(of_users, batch.users, batch)
            + norm_of_used(of_items, batch.positive, batch)
            + norm_of_used(of_items, batch.negative, batch)
        )
        loss: torch.Tensor = ranking + self.first.reg_weight * norms / batch.counts
        return loss

    def final_embeddings(self) -> tuple[torch.Tensor, torch.Tensor]:
        """See BatchedModel."""
        nodes = self.nodes(self.parameters[USERS], self.parameters[ITEMS])
        return self.cut(mean_of_layers(self._graph, nodes, self.first.n_layers))
