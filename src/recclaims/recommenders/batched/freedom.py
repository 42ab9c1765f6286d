"""FREEDOM of several cells, whose user-item graphs are pruned on the device."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from recclaims.recommenders._kernels import draws
from recclaims.recommenders._kernels.propagation import Propagator
from recclaims.recommenders.batched.graph_model import BatchedGraphModel
from recclaims.recommenders.batched.sampling import Batch
from recclaims.recommenders.batched.tables import csr, mean_of_layers, propagated, rows, together


class PrunedGraphs:
    """The user-item graphs of several cells, of which each epoch keeps as many edges, drawn anew.

    All edges of all cells, in both directions, lie in the order of a CSR matrix. Those that are kept are in that order,
    too, and as many in every epoch: they are written into the same memory.

    Args:
        models: of FREEDOM.
        device, dtype: of the graph.

    Attributes:
        graph: over the nodes of all cells, symmetric.
    """

    def __init__(self, models: Sequence[Any], device: torch.device, dtype: torch.dtype) -> None:
        first = models[0]
        self._models, self._device = models, device
        n_nodes = first.n_users + first.n_items
        self._size = len(models) * n_nodes
        lengths = [len(model.users) for model in models]
        longest = max(lengths)
        log_weights = np.full((len(models), longest), -np.inf)
        parts = []
        for cell, model in enumerate(models):
            log_weights[cell, : lengths[cell]] = model.edge_log_weight
            users, items = torch.from_numpy(np.stack([model.users, model.items + first.n_users])).to(device)
            edges = torch.arange(len(users), device=device).repeat(2) + cell * longest
            parts.append(torch.stack([torch.cat([users, items]), torch.cat([items, users])]) + cell * n_nodes)
            parts[-1] = torch.cat([parts[-1], edges.unsqueeze(0)])
        entries = torch.cat(parts, dim=1)
        order = torch.argsort(entries[0] * self._size + entries[1])
        self._log_weights = torch.from_numpy(log_weights).to(device)
        self._sources, self._targets, self._edges = entries.index_select(1, order).unbind(0)
        self._places = torch.arange(longest, device=device)
        kept = torch.tensor([[model.kept] for model in models], device=device)
        self._is_kept = (self._places < kept).expand(len(models), -1).contiguous()
        n_entries = 2 * sum(model.kept for model in models)
        self._starts = torch.zeros(self._size + 1, dtype=torch.int32, device=device)
        self._columns = torch.zeros(n_entries, dtype=torch.int32, device=device)
        self._values = torch.zeros(n_entries, dtype=dtype, device=device)
        matrix = csr(self._starts, self._columns, self._values, (self._size, self._size))
        self.graph = Propagator(matrix, matrix)

    def draw(self, number: int) -> None:
        """Draw the edges of an epoch, counted from 0."""
        keys = [draws.key(model.seed, draws.EDGES, number) for model in self._models]
        drawn = draws.bits(torch.tensor(keys, device=self._device).unsqueeze(1), self._places)
        lots = self._log_weights - torch.log(-torch.log(draws.unit(drawn)))
        order = torch.sort(lots, dim=1, descending=True, stable=True).indices
        chosen = torch.zeros_like(self._is_kept).scatter_(1, order, self._is_kept)
        entries = chosen.view(-1).index_select(0, self._edges).nonzero().squeeze(1)
        sources, targets = self._sources.index_select(0, entries), self._targets.index_select(0, entries)
        counts = torch.bincount(sources, minlength=self._size)
        degrees = counts.double() + 1e-7
        # Rounded to float32 as the graph that a cell alone would be trained on.
        weights = (degrees.index_select(0, sources) * degrees.index_select(0, targets)).rsqrt().float()
        self._starts[1:].copy_(counts.cumsum(0))
        self._columns.copy_(targets)
        self._values.copy_(weights)


class BatchedFREEDOM(BatchedGraphModel):
    """See freedom.FREEDOM."""

    def __init__(self, models: Sequence[Any], device: torch.device, dtype: torch.dtype) -> None:
        super().__init__(models, device, dtype)
        self._full = together([model.full_graph for model in models], dtype).to(device)
        self._pruned = PrunedGraphs(models, device, dtype) if self.first.dropout > 0 else None
        self._item_graph: Propagator | None = None
        if self.first.item_graph is not None:
            self._item_graph = together([model.item_graph for model in models], dtype).to(device)

    def begin_epoch(self, number: int) -> None:
        """See BatchedModel."""
        if self._pruned is not None:
            self._pruned.draw(number)

    def _embeddings(self, graph: Propagator) -> torch.Tensor:
        own = self.parameters["item_embedding"]
        nodes = mean_of_layers(graph, self.nodes(self.parameters["user_embedding"], own), self.first.n_layers)
        if self._item_graph is None:
            return nodes
        neighbourhood = own
        for _ in range(self.first.n_item_layers):
            neighbourhood = propagated(self._item_graph, neighbourhood)
        users, items = self.cut(nodes)
        return self.nodes(users, items + neighbourhood)

    def loss(self, batch: Batch) -> torch.Tensor:
        """See BatchedModel."""
        nodes = self._embeddings(self._full if self._pruned is None else self._pruned.graph)
        found = rows(nodes, self.triples(batch))
        loss = self.ranking(found, batch)
        if self.first.reg_weight > 0:
            pairs = torch.stack([batch.positive, batch.negative], dim=1)
            for modality in self.first.modalities:
                positive, negative = rows(self._projected(modality), pairs).unbind(1)
                preference = (found[:, 0] * (positive - negative)).sum(dim=2)
                loss = loss - self.first.reg_weight * batch.mean(functional.logsigmoid(preference))
        return loss

    def _projected(self, modality: str) -> torch.Tensor:
        """W_m f_m of all items, (cells, n_items, s); the bias cancels."""
        return torch.bmm(self.features(modality), self.parameters[f"projections.{modality}.weight"].transpose(1, 2))

    def final_embeddings(self) -> tuple[torch.Tensor, torch.Tensor]:
        """See BatchedModel; over the full user-item graph."""
        return self.cut(self._embeddings(self._full))
