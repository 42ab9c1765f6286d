"""What the batched forms of recommenders over graphs share: projected features, and the pairwise loss."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch.nn import functional

from recclaims.recommenders.batched.model import BatchedModel
from recclaims.recommenders.batched.sampling import Batch


class BatchedGraphModel(BatchedModel):
    """See graph_recommender.GraphRecommender. All items are projected, not only those that occur in a step."""

    def __init__(self, models: Sequence[Any], device: torch.device, dtype: torch.dtype) -> None:
        super().__init__(models, device, dtype)
        self._frozen = {name: self.stacked([model.frozen[name] for model in models]) for name in self.first.frozen}

    def features(self, modality: str) -> torch.Tensor:
        """The features to be projected, (cells, n_items, d): trained ones where they are trained."""
        frozen = self._frozen.get(modality)
        return self.parameters[f"trained.{modality}"] if frozen is None else frozen

    def projected(self, modality: str) -> torch.Tensor:
        """W_m f_m + b_m of all items, (cells, n_items, s)."""
        return self.linear(f"projections.{modality}", self.features(modality))

    def triples(self, batch: Batch) -> torch.Tensor:
        """Users, positive and negative items of a batch as nodes, int64 (cells, 3, b)."""
        return torch.stack([batch.users, batch.positive + self.n_users, batch.negative + self.n_users], dim=1)

    @staticmethod
    def ranking(found: torch.Tensor, batch: Batch) -> torch.Tensor:
        """losses.bpr of each cell, (cells,), of the embeddings (cells, 3, b, s) of `triples`."""
        users, positive, negative = found.unbind(1)
        return batch.mean(-functional.logsigmoid((users * (positive - negative)).sum(dim=2)))

    @staticmethod
    def half_squares(found: torch.Tensor, batch: Batch) -> torch.Tensor:
        """losses.half_squares of each cell, (cells,), of the same."""
        return 0.5 * (found.square().sum(dim=(1, 3)) * batch.present).sum(dim=1)
