"""BM3 of several cells."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from recclaims.recommenders._kernels import draws
from recclaims.recommenders._kernels.dropout import kept_by_cell
from recclaims.recommenders._kernels.losses import unit_rows
from recclaims.recommenders.batched.graph_model import BatchedGraphModel
from recclaims.recommenders.batched.sampling import Batch
from recclaims.recommenders.batched.tables import mean_of_layers, rows, together


class BatchedBM3(BatchedGraphModel):
    """See bm3.BM3. Every place of a batch is predicted for itself."""

    def __init__(self, models: Sequence[Any], device: torch.device, dtype: torch.dtype) -> None:
        super().__init__(models, device, dtype)
        self._graph = together([model.graph for model in models], dtype).to(device)
        self._keys = torch.tensor([draws.key(model.seed, draws.DROPOUT) for model in models], device=device)

    def _embeddings(self) -> torch.Tensor:
        own = self.parameters["item_embedding"]
        nodes = mean_of_layers(self._graph, self.nodes(self.parameters["user_embedding"], own), self.first.n_layers)
        users, items = self.cut(nodes)
        return self.nodes(users, items + own)

    def loss(self, batch: Batch) -> torch.Tensor:
        """See BatchedModel."""
        nodes = self._embeddings()
        ids = torch.stack([batch.users, batch.positive + self.n_users], dim=1)
        users, items = rows(nodes, ids).unbind(1)
        keys = draws.bits(self._keys, batch.step)
        of_users = self._targets(users, batch.users, keys, 0)
        of_items = self._targets(items, batch.positive, keys, 1)
        predicted_users, predicted_items = self.linear("predictor", torch.cat([users, items], dim=1)).chunk(2, dim=1)
        loss: torch.Tensor = self._distance(predicted_users, of_items, batch) + self._distance(
            predicted_items, of_users, batch
        )
        all_users, all_items = self.cut(nodes)
        # The padding rows are no user and no item.
        lengths = sum(table[:, 1:].square().sum(dim=(1, 2)).sqrt() for table in (all_users, all_items))
        loss = loss + self.first.reg_weight * lengths / (self.n_items - 1)
        for number, modality in enumerate(self.first.modalities, start=2):
            projected = rows(self.projected(modality), batch.positive)
            predicted = self.linear("predictor", projected)
            both = of_items + self._targets(projected, batch.positive, keys, number)
            # Two distances from the same prediction: 2 - <a, t + t'>.
            loss = loss + self.first.cl_weight * (1 + self._distance(predicted, both, batch))
        return loss

    def _distance(self, predicted: torch.Tensor, targets: torch.Tensor, batch: Batch) -> torch.Tensor:
        """1 - the mean over the batch of <a / |a|, t>, (cells,), a predicted and t as _targets gives them."""
        return 1 - batch.mean((unit_rows(predicted) * targets).sum(dim=2))

    def _targets(self, embeddings: torch.Tensor, nodes: torch.Tensor, keys: torch.Tensor, number: int) -> torch.Tensor:
        """Rows (cells, b, d) of nodes with some of their numbers left out, scaled to length 1, without a gradient."""
        of_target = draws.bits(keys, torch.full_like(keys, number))
        return unit_rows(embeddings.detach() * kept_by_cell(of_target, nodes, embeddings.shape[2], self.first.dropout))

    def final_embeddings(self) -> tuple[torch.Tensor, torch.Tensor]:
        """See BatchedModel."""
        users, items = self.cut(self.linear("predictor", self._embeddings()))
        return users, items
