"""LGMRec of several cells."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import torch
from torch.nn import functional

from recclaims.recommenders._kernels import draws
from recclaims.recommenders.batched.contrast import info_nce_over_all, similarities
from recclaims.recommenders.batched.graph_model import BatchedGraphModel
from recclaims.recommenders.batched.sampling import Batch
from recclaims.recommenders.batched.tables import mean_of_layers, propagated, rows, together
from recclaims.recommenders.models.lgmrec import MASK, NOISE, TEMPERATURE


class BatchedLGMRec(BatchedGraphModel):
    """See lgmrec.LGMRec. Content is computed of all users and items, not only of those of a batch."""

    def __init__(self, models: Sequence[Any], device: torch.device, dtype: torch.dtype) -> None:
        super().__init__(models, device, dtype)
        self._graph = together([model.graph for model in models], dtype).to(device)
        if self.first.modalities:
            self._to_users = together([model.to_users for model in models], dtype).to(device)
            self._per_item = self.stacked([model.per_item for model in models])
        self._keys = torch.tensor([draws.key(model.seed, draws.HYPEREDGES) for model in models], device=device)

    @classmethod
    def held_beside(cls, model: Any, batch_size: int) -> int:
        """See BatchedModel: the similarities of users and of items, three times for each pair of modalities."""
        pairs = len(model.modalities) * (len(model.modalities) - 1) // 2
        return 3 * pairs * sum(similarities(n, batch_size, over_all=True) for n in (model.n_users, model.n_items))

    def _contents(self) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
        """By modality, L_m and the logits of H_m, of all nodes: (cells, n, s) and (cells, n, hyperedges)."""
        of_items = []
        for modality in self.first.modalities:
            weights = [self.parameters[f"{layer}.{modality}.weight"] for layer in ("projections", "hyperedges")]
            of_items.append(torch.bmm(self.features(modality), torch.cat(weights, dim=1).transpose(1, 2)))
        items = torch.cat(of_items, dim=2)
        users = propagated(self._to_users, items)
        widths = [self.parameters["item_embedding"].shape[2], self.first.n_hyperedges] * len(of_items)
        # L_m and H_m of each modality in turn.
        parts = [torch.split(part, widths, dim=2) for part in (users, items)]
        diffused = self.nodes(torch.cat(parts[0][::2], dim=2) * self._per_item, torch.cat(parts[1][::2], dim=2))
        for _ in range(self.first.n_content_layers):
            diffused = propagated(self._graph, diffused)
        logits = [self.nodes(*pair) for pair in zip(parts[0][1::2], parts[1][1::2], strict=True)]
        return list(torch.split(diffused, widths[0], dim=2)), logits

    def _hyperedges(self, logits: torch.Tensor, step: torch.Tensor | None, number: int) -> torch.Tensor:
        """H_m of all nodes, (cells, n, hyperedges), of the modality of a number."""
        if step is None:
            return torch.softmax(logits / TEMPERATURE, dim=2)
        noise = -torch.log(-torch.log(self._drawn(logits, step, number, NOISE)))
        nodes = torch.softmax((logits + noise.to(logits)) / TEMPERATURE, dim=2)
        if self.first.keep_rate == 1:
            return nodes
        keep_rate: float = self.first.keep_rate
        return nodes * (self._drawn(logits, step, number, MASK) < keep_rate).to(logits) / keep_rate

    def _drawn(self, like: torch.Tensor, step: torch.Tensor, number: int, purpose: int) -> torch.Tensor:
        keys = draws.bits(self._keys, step)
        for counter in (number, purpose):
            keys = draws.bits(keys, torch.full_like(keys, counter))
        places = torch.arange(like[0].numel(), device=self.device)
        drawn: torch.Tensor = draws.unit(draws.bits(keys.unsqueeze(1), places)).view(like.shape)
        return drawn

    def _over_hyperedges(self, of_nodes: torch.Tensor, items: torch.Tensor) -> torch.Tensor:
        """T_m of all nodes, (cells, n, s), from H_m of them and E of the items."""
        of_users, of_items = self.cut(of_nodes)
        meet = torch.empty(0)
        for _ in range(self.first.n_hyper_layers):
            # The padding row is no item.
            meet = torch.bmm(of_items[:, 1:].transpose(1, 2), items[:, 1:])
            items = torch.bmm(of_items, meet)
        return self.nodes(torch.bmm(of_users, meet), items)

    def _embeddings(self, step: torch.Tensor | None) -> tuple[torch.Tensor, list[torch.Tensor]]:
        """N and each T_m of all nodes, (cells, n, s); in a step of training, or None when scoring."""
        own = self.nodes(self.parameters["user_embedding"], self.parameters["item_embedding"])
        nodes = behaviour = mean_of_layers(self._graph, own, self.first.n_layers)
        if not self.first.modalities:
            return nodes, []
        diffused, logits = self._contents()
        items = self.cut(behaviour)[1]
        hyper = [
            self._over_hyperedges(self._hyperedges(of_nodes, step, number), items)
            for number, of_nodes in enumerate(logits)
        ]
        nodes = nodes + self.first.alpha * functional.normalize(torch.stack(hyper).sum(dim=0), dim=2)
        for content in diffused:
            nodes = nodes + functional.normalize(content, dim=2)
        return nodes, hyper

    def loss(self, batch: Batch) -> torch.Tensor:
        """See BatchedModel."""
        nodes, hyper = self._embeddings(batch.step)
        found = rows(nodes, self.triples(batch))
        lengths = (found.square().sum(dim=3) * batch.present.unsqueeze(1)).sum(dim=2).sqrt().sum(dim=1)
        loss: torch.Tensor = self.ranking(found, batch) + self.first.reg_weight * lengths / batch.counts
        if not self.first.cl_weight:
            return loss
        for one, other in itertools.combinations(hyper, 2):
            for pair, ids in zip(
                zip(self.cut(one), self.cut(other), strict=True), (batch.users, batch.positive), strict=True
            ):
                loss = loss + self.first.cl_weight * info_nce_over_all(*pair, ids, batch, TEMPERATURE)
        return loss

    def final_embeddings(self) -> tuple[torch.Tensor, torch.Tensor]:
        """See BatchedModel; without noise."""
        return self.cut(self._embeddings(None)[0])
