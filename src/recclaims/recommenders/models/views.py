"""What MGCN and SMORE share: a behaviour view, item views that are carried to users, and a loss that aligns both.

    V_x    = A_x^n (V * sigmoid(G_x(x)))          a view x of the items: their ids, gated by content, over an item graph
    U_x    = R V_x                                 the same of the users, R the user-item block of the normalised graph
    E      = mean of [P; V] and n propagations over the symmetric user-item graph: the behaviour view, LightGCN
    S      = what a recommender makes of the views [U_x; V_x] and of E: the side view
    s_ui   = <E_u + S_u, E_i + S_i>
    loss   = -mean log sigma(s_ui - s_uj) + reg / 2 * (||u||^2 + ||i||^2 + ||j||^2) / batch_size
             + cl * (InfoNCE(S_i, E_i) + InfoNCE(S_u, E_u)),     at temperature .2, over the batch's pairs (u, i)

G_x are linear layers. A of a modality is Lap(top(f)) of its raw features, see lattice, built once for each model:
never read from a file, where those of other features might lie. Nothing is drawn when users are scored. The
feature-free twin has S = 0 and no InfoNCE: LightGCN with this loss.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import scipy.sparse as sp
import torch
from torch import nn
from torch.nn import functional

from recclaims.recommenders._kernels.edges import of_content
from recclaims.recommenders._kernels.gathers import BatchIndex, product_of_trained, rows
from recclaims.recommenders._kernels.losses import bpr, info_nce
from recclaims.recommenders._kernels.pairs import Pairs, score_differences
from recclaims.recommenders._kernels.propagation import Propagator, bipartite, mean_of_layers
from recclaims.recommenders._kernels.ties import Lot
from recclaims.recommenders._recbole.bridge import TrainDataset, triples
from recclaims.recommenders.models.graph_recommender import GraphRecommender

TEMPERATURE = 0.2


def two_layers(layers: nn.Module, inputs: torch.Tensor) -> torch.Tensor:
    """A linear layer, tanh, and a linear layer without a bias, one after the other: (n, d) to (n, s).

    tanh(x) = 2 sigmoid(2 x) - 1, and on a CPU a sigmoid takes a quarter of a tanh's time.
    """
    weight, bias, last = (layers.get_parameter(name) for name in ("0.weight", "0.bias", "2.weight"))
    hidden = torch.sigmoid(functional.linear(inputs, 2 * weight, 2 * bias))
    return functional.linear(hidden, 2 * last, -last.sum(dim=1))


class ViewRecommender(GraphRecommender):
    """LightGCN plus a side view of items and users.

    Attributes:
        gates: by view, the layer G_x.
        item_graphs: by view, A_x.
    """

    def __init__(self, config: Any, dataset: TrainDataset) -> None:
        super().__init__(config, dataset)
        self.size: int = config["embedding_size"]
        self.n_layers: int = config["n_ui_layers"]
        self.n_item_layers: int = config["n_item_layers"]
        self.reg_weight: float = config["reg_weight"]
        self.cl_weight: float = config["cl_weight"]
        self.batch_size: int = config["train_batch_size"]
        graph = bipartite(self.users, self.items, self.n_users, self.n_items)
        self.graph = self.propagator(graph, symmetric=True)
        self.gates = nn.ModuleDict()
        self.item_graphs: dict[str, Propagator] = {}
        if self.modalities:
            self.to_users = self.propagator(graph[: self.n_users, self.n_users :].tocsr())
            lot = Lot(self.n_items - 1, config["seed"])
            of_modalities = {
                modality: of_content(self.features(modality), self.k_of(modality, config), lot).matrix(self.n_items)
                for modality in self.modalities
            }
            for view, matrix in self.graphs_of_views(of_modalities).items():
                self.gates[view] = nn.Linear(self.size, self.size)
                self.item_graphs[view] = self.propagator(matrix)

    def k_of(self, modality: str, config: Any) -> int:
        """How many neighbours an item has in the graph of a modality."""
        k: int = config["knn_k"]
        return k

    def graphs_of_views(self, graphs: Mapping[str, sp.csr_matrix]) -> dict[str, sp.csr_matrix]:
        """A_x by view, of the graphs by modality."""
        return dict(graphs)

    def contents(self) -> dict[str, torch.Tensor]:
        """By view, the content x that gates the ids: float32 (n_items + 1, size)."""
        return {modality: self.content_of(modality) for modality in self.modalities}

    def side(self, views: Mapping[str, torch.Tensor], behaviour: torch.Tensor, nodes: torch.Tensor) -> torch.Tensor:
        """S of some nodes, (n, size).

        Args:
            views: by name, what they are in each view, (n, size).
            behaviour: E of them, (n, size).
            nodes: which, int64 (n,): users, then items from n_users.
        """
        raise NotImplementedError

    def content_of(self, modality: str) -> torch.Tensor:
        """F_m of all items, see projected."""
        if modality not in self.trained or self.projection_dtype != torch.float32 or not torch.is_grad_enabled():
            return self.projected(modality)
        bias = self.projections.get_submodule(modality).get_parameter("bias")
        return product_of_trained(self.trained[modality], self.weight(modality), bias, self._gradients[modality])

    def _carried(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Users and items in all views, side by side: (n_users + 1, views * size) and (n_items + 1, views * size)."""
        found = []
        for view, content in self.contents().items():
            items = self.item_embedding * torch.sigmoid(self.gates[view](content))
            for _ in range(self.n_item_layers):
                items = self.item_graphs[view] @ items
            found.append(items)
        of_items = torch.cat(found, dim=1)
        return self.to_users @ of_items, of_items

    def embeddings(
        self, users: torch.Tensor, items: torch.Tensor
    ) -> tuple[tuple[torch.Tensor, torch.Tensor], tuple[torch.Tensor, torch.Tensor] | None]:
        """Behaviour and side views of some users and items, int64 (n,) and (m,): (n, size) and (m, size) of each.

        The side view of a twin is None.
        """
        tables = mean_of_layers(self.graph, self.user_embedding, self.item_embedding, self.n_layers)
        behaviour = rows(tables[0], users), rows(tables[1], items)
        if not self.modalities:
            return behaviour, None
        carried = self._carried()
        of_nodes = torch.cat([rows(carried[0], users), rows(carried[1], items)])
        parts = dict(zip(self.item_graphs, torch.split(of_nodes, self.size, dim=1), strict=True))
        side = self.side(parts, torch.cat(behaviour), torch.cat([users, items + self.n_users]))
        of_users, of_items = torch.split(side, [len(users), len(items)])
        return behaviour, (of_users, of_items)

    def calculate_loss(self, interaction: Any) -> torch.Tensor:
        """The loss of one batch of (user, item, negative item)."""
        user_ids, positive_ids, negative_ids = triples(interaction)
        users, items = BatchIndex(user_ids), BatchIndex(torch.cat([positive_ids, negative_ids]))
        behaviour, side = self.embeddings(users.ids, items.ids)
        of_users, of_items = behaviour if side is None else (behaviour[0] + side[0], behaviour[1] + side[1])
        positive, negative = items.places.chunk(2)
        loss: torch.Tensor = bpr(score_differences(of_users, of_items, Pairs(users.places, positive, negative)))
        squares = (of_users.square().sum(dim=1) * users.counts).sum() + (
            of_items.square().sum(dim=1) * items.counts
        ).sum()
        loss = loss + self.reg_weight * squares / 2 / self.batch_size
        if side is None or not self.cl_weight:
            return loss
        counts = torch.bincount(positive, minlength=len(items.ids))
        had = counts.nonzero().squeeze(1)
        aligned = info_nce(rows(side[1], had), rows(behaviour[1], had), counts[had].float(), TEMPERATURE)
        aligned = aligned + info_nce(side[0], behaviour[0], users.counts.float(), TEMPERATURE)
        return loss + self.cl_weight * aligned

    def final_embeddings(self) -> tuple[torch.Tensor, torch.Tensor]:
        """See ContentRecommender."""
        every = (torch.arange(n, device=self.item_embedding.device) for n in (self.n_users, self.n_items))
        behaviour, side = self.embeddings(*every)
        return behaviour if side is None else (behaviour[0] + side[0], behaviour[1] + side[1])
