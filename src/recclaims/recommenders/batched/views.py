"""MGCN and SMORE of several cells, and what both share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from recclaims.recommenders._kernels import draws
from recclaims.recommenders._kernels.dropout import kept_by_cell
from recclaims.recommenders.batched.contrast import info_nce, similarities
from recclaims.recommenders.batched.graph_model import BatchedGraphModel
from recclaims.recommenders.batched.sampling import Batch
from recclaims.recommenders.batched.tables import mean_of_layers, propagated, rows, together
from recclaims.recommenders.models.smore import FUSED
from recclaims.recommenders.models.views import TEMPERATURE


class BatchedViews(BatchedGraphModel):
    """See views.ViewRecommender. The side view is computed of all users and items, not only of those of a batch."""

    def __init__(self, models: Sequence[Any], device: torch.device, dtype: torch.dtype) -> None:
        super().__init__(models, device, dtype)
        self._graph = together([model.graph for model in models], dtype).to(device)
        self._item_graphs = {
            view: together([model.item_graphs[view] for model in models], dtype).to(device)
            for view in self.first.item_graphs
        }
        if self._item_graphs:
            self._to_users = together([model.to_users for model in models], dtype).to(device)

    @classmethod
    def held_beside(cls, model: Any, batch_size: int) -> int:
        """See BatchedModel: the similarities of users and of items, four times."""
        return 4 * sum(similarities(n, batch_size, over_all=False) for n in (model.n_users, model.n_items))

    def _contents(self) -> dict[str, torch.Tensor]:
        """See views.ViewRecommender.contents; (cells, n_items, s) each."""
        return {modality: self.projected(modality) for modality in self.first.modalities}

    def _side(
        self, views: Mapping[str, torch.Tensor], behaviour: torch.Tensor, step: torch.Tensor | None
    ) -> torch.Tensor:
        """S of all nodes, (cells, n, s), from views and E of them; in a step of training, or None when scoring."""
        raise NotImplementedError

    def _carried(self) -> dict[str, torch.Tensor]:
        """Nodes in each view, (cells, n, s)."""
        found = []
        for view, content in self._contents().items():
            items = self.parameters["item_embedding"] * torch.sigmoid(self.linear(f"gates.{view}", content))
            for _ in range(self.first.n_item_layers):
                items = propagated(self._item_graphs[view], items)
            found.append(items)
        of_items = torch.cat(found, dim=2)
        of_users = propagated(self._to_users, of_items)
        parts = torch.split(self.nodes(of_users, of_items), self.first.size, dim=2)
        return dict(zip(self._item_graphs, parts, strict=True))

    def _views(self, step: torch.Tensor | None) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Behaviour and side view of all nodes, (cells, n, s) each; the side view of a twin is None."""
        own = self.nodes(self.parameters["user_embedding"], self.parameters["item_embedding"])
        behaviour = mean_of_layers(self._graph, own, self.first.n_layers)
        return behaviour, self._side(self._carried(), behaviour, step) if self._item_graphs else None

    def loss(self, batch: Batch) -> torch.Tensor:
        """See BatchedModel."""
        behaviour, side = self._views(batch.step)
        found = rows(behaviour if side is None else behaviour + side, self.triples(batch))
        loss: torch.Tensor = self.ranking(found, batch) + self.half_squares(found, batch) * (
            self.first.reg_weight / self.first.batch_size
        )
        if side is None or not self.first.cl_weight:
            return loss
        for of_side, of_behaviour, ids in zip(
            self.cut(side), self.cut(behaviour), (batch.users, batch.positive), strict=True
        ):
            loss = loss + self.first.cl_weight * info_nce(of_side, of_behaviour, ids, batch, TEMPERATURE)
        return loss

    def final_embeddings(self) -> tuple[torch.Tensor, torch.Tensor]:
        """See BatchedModel."""
        behaviour, side = self._views(None)
        return self.cut(behaviour if side is None else behaviour + side)


class BatchedMGCN(BatchedViews):
    """See mgcn.MGCN."""

    def _side(
        self, views: Mapping[str, torch.Tensor], behaviour: torch.Tensor, step: torch.Tensor | None
    ) -> torch.Tensor:
        asked = [self.linear("query.2", torch.tanh(self.linear("query.0", view))) for view in views.values()]
        shares = torch.softmax(torch.cat(asked, dim=2), dim=2)
        common = torch.stack([shares[:, :, n : n + 1] * view for n, view in enumerate(views.values())]).sum(dim=0)
        total = common
        for modality, view in views.items():
            total = total + torch.sigmoid(self.linear(f"preferences.{modality}", behaviour)) * (view - common)
        return total / (len(views) + 1)


class BatchedSMORE(BatchedViews):
    """See smore.SMORE."""

    def __init__(self, models: Sequence[Any], device: torch.device, dtype: torch.dtype) -> None:
        super().__init__(models, device, dtype)
        self._keys = torch.tensor([draws.key(model.seed, draws.DROPOUT) for model in models], device=device)

    def _contents(self) -> dict[str, torch.Tensor]:
        spectra = {name: torch.fft.rfft(content, norm="ortho") for name, content in super()._contents().items()}
        one, other = spectra.values()
        found = {}
        for name, spectrum in {**spectra, FUSED: one * other}.items():
            filters = torch.view_as_complex(self.parameters[f"filters.{name}"]).unsqueeze(1)
            found[name] = torch.fft.irfft(spectrum * filters, n=self.first.size, norm="ortho")
        return found

    def _side(
        self, views: Mapping[str, torch.Tensor], behaviour: torch.Tensor, step: torch.Tensor | None
    ) -> torch.Tensor:
        fused = views[FUSED]
        total = torch.zeros_like(fused)
        for number, (name, view) in enumerate(views.items()):
            preference = torch.sigmoid(self.linear(f"preferences.{name}", behaviour))
            if step is not None and self.first.dropout > 0:
                preference = preference * self._kept(behaviour, step, number)
            if name != FUSED:
                asked = torch.tanh(self.linear(f"queries.{name}.0", fused))
                preference = preference * torch.softmax(self.linear(f"queries.{name}.2", asked), dim=2)
            total = total + preference * view
        return total / len(views)

    def _kept(self, like: torch.Tensor, step: torch.Tensor, number: int) -> torch.Tensor:
        """The masks of a view in a step, scaled so that their mean is 1, (cells, n, s)."""
        keys = draws.bits(self._keys, step)
        keys = draws.bits(keys, torch.full_like(keys, number))
        nodes = torch.arange(like.shape[1], device=self.device).expand(len(like), -1)
        kept = kept_by_cell(keys, nodes, like.shape[2], self.first.dropout).to(like)
        scaled: torch.Tensor = kept / (1 - self.first.dropout)
        return scaled
