"""LATTICE of several cells, in both flavours.

The item graph has as many edges in every epoch, and from the same items: the first batch of an epoch, whose gradient
reaches the features, writes it into memory that the other batches read.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch.nn import functional

from recclaims.recommenders._kernels.graphs import nearest
from recclaims.recommenders._kernels.propagation import Propagator, product
from recclaims.recommenders.batched.graph_model import BatchedGraphModel
from recclaims.recommenders.batched.sampling import Batch
from recclaims.recommenders.batched.tables import csr, mean_of_layers, propagated, rows, together


class ItemGraphs:
    """The item graphs of several cells as one, whose edges' targets and weights change.

    Args:
        sources: int64 (e,), of all cells, numbered through; in any order, and the same for ever.
        n: items of all cells.
        dtype: of weights.

    Attributes:
        graph: over all items.
    """

    def __init__(self, sources: torch.Tensor, n: int, dtype: torch.dtype) -> None:
        self._n, self._order = n, torch.sort(sources, stable=True).indices
        self._sources = sources.index_select(0, self._order)
        counts = torch.bincount(sources, minlength=n)
        starts = functional.pad(counts.cumsum(0), (1, 0)).to(torch.int32)
        self._forth, self._back = (
            (
                begin,
                torch.zeros(len(sources), dtype=torch.int32, device=sources.device),
                sources.new_zeros(len(sources), dtype=dtype),
            )
            for begin in (starts, torch.zeros_like(starts))
        )
        self.graph = Propagator(*(csr(*part, (n, n)) for part in (self._forth, self._back)))
        self._targets = sources

    def write(self, targets: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
        """Set targets and weights, (e,) each, in the order of the sources; give the weights in that of the matrix."""
        self._targets = targets.index_select(0, self._order)
        ordered = weights.index_select(0, self._order)
        self._forth[1].copy_(self._targets)
        self._forth[2].copy_(ordered.detach())
        back = torch.sort(self._targets, stable=True).indices
        self._back[0][1:].copy_(torch.bincount(self._targets, minlength=self._n).cumsum(0))
        self._back[1].copy_(self._sources.index_select(0, back))
        self._back[2].copy_(ordered.detach().index_select(0, back))
        return ordered

    def product(self, weights: torch.Tensor, embeddings: torch.Tensor) -> torch.Tensor:
        """The product with embeddings (cells, n, d), with a gradient for the weights that `write` gave back."""
        flat = embeddings.reshape(-1, embeddings.shape[2])
        found: torch.Tensor = _WeightedProduct.apply(self.graph, self._sources, self._targets, weights, flat)
        return found.view(embeddings.shape)


class _WeightedProduct(torch.autograd.Function):
    @staticmethod
    def forward(
        context: Any,
        graph: Propagator,
        sources: torch.Tensor,
        targets: torch.Tensor,
        weights: torch.Tensor,
        embeddings: torch.Tensor,
    ) -> torch.Tensor:
        context.graph = graph
        context.save_for_backward(sources, targets, embeddings)
        return product(graph.matrix, embeddings)

    @staticmethod
    def backward(context: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        sources, targets, embeddings = context.saved_tensors
        gradient = gradients[0].contiguous()
        of_weights = (gradient.index_select(0, sources) * embeddings.index_select(0, targets)).sum(dim=1)
        return None, None, None, of_weights, product(context.graph.transpose, gradient)


class BatchedLATTICE(BatchedGraphModel):
    """See lattice.LATTICE."""

    def __init__(self, models: Sequence[Any], device: torch.device, dtype: torch.dtype) -> None:
        super().__init__(models, device, dtype)
        self._graph = together([model.graph for model in models], dtype).to(device)
        self.opens_epochs = bool(self.first.modalities)
        if self.opens_epochs:
            self._lay_out(models, device, dtype)

    def _lay_out(self, models: Sequence[Any], device: torch.device, dtype: torch.dtype) -> None:
        n_cells, n_own = len(models), self.n_items - 1
        self._first_rows = torch.arange(n_cells, device=device).unsqueeze(1) * self.n_items
        self._k = min(self.first.k, n_own)
        own = torch.arange(1, self.n_items, device=device)
        self._own = own.expand(n_cells, -1)
        self._from = own.repeat_interleave(self._k).expand(n_cells, -1)
        learned = [self._from] * len(self.first.modalities)
        if self.first.unit_diagonal:
            learned = [part for sources in learned for part in (sources, self._own)]
        self._learned = torch.cat(learned, dim=1)
        flat = [(self._learned + self._first_rows).reshape(-1)]
        self._kept: list[tuple[torch.Tensor, torch.Tensor, torch.Tensor]] = []
        for number in range(len(self.first.modalities)):
            of_cells = [model.original[number] for model in models]
            flat.append(torch.cat([edges.sources + n * self.n_items for n, edges in enumerate(of_cells)]))
            targets = torch.cat([edges.targets + n * self.n_items for n, edges in enumerate(of_cells)])
            weights = torch.cat([edges.weights for edges in of_cells]).to(dtype)
            cells = torch.cat([torch.full_like(edges.sources, n) for n, edges in enumerate(of_cells)])
            self._kept.append((targets, weights, cells))
        self._item_graphs = ItemGraphs(torch.cat(flat), n_cells * self.n_items, dtype)

    def _top(self, modality: str) -> tuple[torch.Tensor, torch.Tensor]:
        """Targets and weights of the edges to each item's nearest, (cells, e), the weights with their gradient."""
        features = self.projected(modality)
        found = [
            nearest(own, self.first.k, model.lot)[0]
            for own, model in zip(features.detach()[:, 1:], self.models, strict=True)
        ]
        targets = torch.stack(found).view(len(found), -1) + 1
        unit = functional.normalize(features, dim=2)
        weights = (rows(unit, self._from) * rows(unit, targets)).sum(dim=2)
        if not self.first.unit_diagonal:
            return targets, weights
        weights = torch.where(targets == self._from, 0.0, weights)
        return torch.cat([targets, self._own], dim=1), torch.cat(
            [weights, torch.ones_like(self._own, dtype=weights.dtype)], dim=1
        )

    def _write_item_graphs(self) -> torch.Tensor:
        """Build the item graphs as the parameters now make them; give their weights, with their gradient."""
        shares = torch.softmax(self.parameters["theta"], dim=1)
        learned = [self._top(modality) for modality in self.first.modalities]
        targets = torch.cat([part[0] for part in learned], dim=1)
        weights = torch.cat([part[1] * shares[:, n : n + 1] for n, part in enumerate(learned)], dim=1)
        degrees = torch.zeros(len(targets), self.n_items, dtype=weights.dtype, device=self.device)
        degrees = degrees.scatter_add(1, self._learned, weights)
        scale = torch.where(degrees > 0, degrees, 1.0).rsqrt() * (degrees > 0)
        weights = scale.gather(1, self._learned) * weights * scale.gather(1, targets)
        all_targets = [(targets + self._first_rows).reshape(-1)]
        all_weights = [((1 - self.first.kept) * weights).reshape(-1)]
        for number, (of_kept, of_weights, cells) in enumerate(self._kept):
            all_targets.append(of_kept)
            all_weights.append(self.first.kept * of_weights * shares[:, number].index_select(0, cells))
        return self._item_graphs.write(torch.cat(all_targets), torch.cat(all_weights))

    def _embeddings(self, weights: torch.Tensor | None = None) -> torch.Tensor:
        own = self.parameters["item_embedding"]
        nodes = self._over_users(self.nodes(self.parameters["user_embedding"], own))
        neighbourhood = own
        if self.opens_epochs:
            for _ in range(self.first.n_item_layers):
                if weights is None:
                    neighbourhood = propagated(self._item_graphs.graph, neighbourhood)
                else:
                    neighbourhood = self._item_graphs.product(weights, neighbourhood)
        elif not self.first.identity:
            return nodes
        users, items = self.cut(nodes)
        return self.nodes(users, items + functional.normalize(neighbourhood, dim=2))

    def _over_users(self, nodes: torch.Tensor) -> torch.Tensor:
        return mean_of_layers(self._graph, nodes, self.first.n_layers)

    def opening_loss(self, batch: Batch) -> torch.Tensor:
        """See BatchedModel."""
        return self._loss(self._embeddings(self._write_item_graphs()), batch)

    def loss(self, batch: Batch) -> torch.Tensor:
        """See BatchedModel."""
        return self._loss(self._embeddings(), batch)

    def _loss(self, nodes: torch.Tensor, batch: Batch) -> torch.Tensor:
        found = rows(nodes, self.triples(batch))
        regular = self.first.reg_weight * self.half_squares(found, batch) / self._divisor(batch)
        loss: torch.Tensor = self.ranking(found, batch) + regular
        return loss

    def _divisor(self, batch: Batch) -> torch.Tensor | int:
        divisor: int = self.first.batch_size
        return divisor

    def final_embeddings(self) -> tuple[torch.Tensor, torch.Tensor]:
        """See BatchedModel; over the item graphs as the parameters now make them."""
        if self.opens_epochs:
            self._write_item_graphs()
        return self.cut(self._embeddings())


class BatchedElliotLATTICE(BatchedLATTICE):
    """See lattice.ElliotLATTICE."""

    def _over_users(self, nodes: torch.Tensor) -> torch.Tensor:
        total = layer = nodes
        for _ in range(self.first.n_layers):
            layer = functional.normalize(propagated(self._graph, layer), dim=2)
            total = total + layer
        return total.div(self.first.n_layers + 1)

    def _divisor(self, batch: Batch) -> torch.Tensor:
        return batch.counts
