"""What the batched forms of recommenders have in common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from recclaims.recommenders.batched.sampling import Batch


class BatchedModel:
    """Several cells of one recommender as one model: what each has is stacked, with the cell as the first dimension.

    It is made of the models that the cells would be trained as alone, so that whatever is drawn or derived when a
    model is built is the same here. Nothing that a cell computes reads what another has.

    Args:
        models: of one class, with parameters of equal shapes and equal hyper-parameters, on `device`.
        device, dtype: of what is computed.

    Attributes:
        parameters: by name, of all cells, (cells, ...), leaves.
        n_users, n_items: of each cell, padding included.
        opens_epochs: whether the first batch of an epoch has a loss of its own, which may wait for the device.
    """

    opens_epochs = False

    def __init__(self, models: Sequence[Any], device: torch.device, dtype: torch.dtype) -> None:
        self.models, self.device, self.dtype = models, device, dtype
        self.first = models[0]
        self.n_users: int = self.first.n_users
        self.n_items: int = self.first.n_items
        self.parameters = {
            name: self.stacked([dict(model.named_parameters())[name].detach() for model in models]).requires_grad_()
            for name, _ in self.first.named_parameters()
        }

    def stacked(self, tensors: Sequence[torch.Tensor]) -> torch.Tensor:
        """Tensors of the cells as one, (cells, ...)."""
        return torch.stack([tensor.to(self.device, self.dtype) for tensor in tensors])

    @classmethod
    def held_beside(cls, model: Any, batch_size: int) -> int:
        """How many numbers a step of a cell holds beside matrices as long as its nodes or its batch."""
        return 0

    def linear(self, layer: str, inputs: torch.Tensor) -> torch.Tensor:
        """A linear layer of each cell, with or without a bias, by its name: (cells, n, d) to (cells, n, s)."""
        weight, bias = self.parameters[f"{layer}.weight"].transpose(1, 2), self.parameters.get(f"{layer}.bias")
        return torch.bmm(inputs, weight) if bias is None else torch.baddbmm(bias.unsqueeze(1), inputs, weight)

    def begin_epoch(self, number: int) -> None:
        """Draw what is drawn once an epoch, counted from 0; it is written where it was before."""

    def loss(self, batch: Batch) -> torch.Tensor:
        """The loss of each cell, (cells,)."""
        raise NotImplementedError

    def opening_loss(self, batch: Batch) -> torch.Tensor:
        """The loss of each cell in the first batch of an epoch, (cells,)."""
        return self.loss(batch)

    def final_embeddings(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Users' and items' embeddings whose dot product is the score, (cells, n_users, s) and (cells, n_items, s)."""
        raise NotImplementedError

    def nodes(self, users: torch.Tensor, items: torch.Tensor) -> torch.Tensor:
        """Users, then items of each cell, (cells, n_users + n_items, s)."""
        return torch.cat([users, items], dim=1)

    def cut(self, nodes: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Nodes as users and items."""
        users, items = torch.split(nodes, [self.n_users, self.n_items], dim=1)
        return users, items

    def write_back(self, cell: int, state: Mapping[str, torch.Tensor]) -> None:
        """Give a cell's own model its weights, by name as in `parameters`, each without the first dimension."""
        own = dict(self.models[cell].named_parameters())
        with torch.no_grad():
            for name, value in state.items():
                own[name].copy_(value)
        self.models[cell].eval()
