"""FREEDOM (Zhou and Shen, ACM MM 2023) as MMRec and as Elliot's external models implement it.

    A_m   : edges i -> its k cosine neighbours in modality m (itself included), every edge weighing 1/k
    A     = sum_m w_m A_m, frozen; of two modalities the visual one has w and the other 1 - w (1/2 each where
            neither, or both, are visual)
    G     : user-item graph, symmetric normalised; each epoch trains on int((1 - rho) |E|) of its edges, drawn
            without replacement with probability proportional to 1 / sqrt(d_u d_i)
    E     = mean of [P; V] and two propagations over G         item = E_item + A V         s_ui = <E_u, item_i>
    loss  = BPR(s_ui, s_uj) + reg * sum_m BPR(<E_u, F_m(i)>, <E_u, F_m(j)>),   F_m = W_m f_m + b_m

F_m takes part in the loss alone, never in scoring; with `train_features` the f_m are trained, as in both.
The flavours differ in how batches are drawn, in their defaults, and in the weight of a single modality
(`single_weight`): 1 in mmrec; in elliot it keeps w (0.1), so that the item graph of an encoder that gives one
matrix counts a tenth of what it counts with two. That is a confound of comparisons between one and two
modalities, reproduced here because published results have it.
The feature-free twin has A = 0 and no second loss; `item_graph = "identity"` gives the other one, A = I.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy.sparse as sp
import torch

from recclaims.recommenders._kernels import draws
from recclaims.recommenders._kernels.graphs import nearest
from recclaims.recommenders._kernels.losses import bpr
from recclaims.recommenders._kernels.pairs import Pairs, score_differences
from recclaims.recommenders._kernels.propagation import Propagator, bipartite, mean_of_layers
from recclaims.recommenders._kernels.ties import Lot
from recclaims.recommenders._recbole.bridge import TrainDataset, triples
from recclaims.recommenders.models.graph_recommender import GraphRecommender


def graph_weights(modalities: Sequence[str], visual: float, single: float) -> list[float]:
    """w_m by modality: the visual ones share `visual`, the others the rest; without both kinds all weigh the same."""
    if len(modalities) == 1:
        return [single]
    seen = [modality.partition("_")[0] == "visual" for modality in modalities]
    n_visual, n_others = sum(seen), len(seen) - sum(seen)
    if not (n_visual and n_others):
        return [1 / len(seen)] * len(seen)
    return [visual / n_visual if is_visual else (1 - visual) / n_others for is_visual in seen]


class FREEDOM(GraphRecommender):
    """LightGCN on a pruned user-item graph plus one propagation over a frozen item-item graph."""

    def __init__(self, config: Any, dataset: TrainDataset) -> None:
        super().__init__(config, dataset)
        self.n_layers: int = config["n_ui_layers"]
        self.n_item_layers: int = config["n_item_layers"]
        self.reg_weight: float = config["reg_weight"]
        self.dropout: float = config["edge_dropout"]
        self.full_graph = self._user_item_graph(np.arange(len(self.users)))
        self.train_graph = self.full_graph
        self.item_graph = self._item_graph(config)
        degrees = [np.bincount(ids).astype(np.float64) for ids in (self.users, self.items)]
        self.edge_log_weight = -0.5 * np.log(degrees[0][self.users] * degrees[1][self.items])
        self.kept = int((1 - self.dropout) * len(self.users))
        self.seed: int = config["seed"]
        self.epochs_begun = 0

    def _user_item_graph(self, edges: np.ndarray[Any, Any]) -> Propagator:
        graph = bipartite(self.users[edges], self.items[edges], self.n_users, self.n_items, 1e-7)
        return self.propagator(graph, symmetric=True)

    def _item_graph(self, config: Any) -> Propagator | None:
        if config["item_graph"] == "identity":
            return self.propagator(sp.identity(self.n_items, format="csr"), symmetric=True)
        if not self.modalities:
            return None
        graph = sp.csr_matrix((self.n_items, self.n_items), dtype=np.float32)
        lot = Lot(self.n_items - 1, config["seed"])
        weights = graph_weights(self.modalities, config["visual_weight"], config["single_weight"])
        for modality, weight in zip(self.modalities, weights, strict=True):
            # Row 0 is padding: no neighbour and nobody's neighbour.
            neighbours = nearest(self.features(modality)[1:], config["knn_k"], lot)[0].cpu().numpy() + 1
            sources = np.repeat(np.arange(1, self.n_items), neighbours.shape[1])
            values = np.full(len(sources), weight / neighbours.shape[1], dtype=np.float32)
            graph = graph + sp.csr_matrix((values, (sources, neighbours.ravel())), shape=graph.shape)
        return self.propagator(graph)

    def train(self, mode: bool = True) -> FREEDOM:
        """Switch mode; entering training starts an epoch and draws its edges."""
        super().train(mode)
        if mode and self.dropout > 0:
            # Gumbel top-k: the largest of log-weight + Gumbel noise are a draw without replacement.
            drawn = draws.bits(draws.key(self.seed, draws.EDGES, self.epochs_begun), np.arange(len(self.users)))
            keys = self.edge_log_weight - np.log(-np.log(draws.unit(drawn)))
            self.train_graph = self._user_item_graph(np.argpartition(-keys, self.kept)[: self.kept])
            self.epochs_begun += 1
        return self

    def embeddings(self, graph: Propagator) -> tuple[torch.Tensor, torch.Tensor]:
        """Users' and items' final embeddings over a user-item graph, (n_users + 1, s) and (n_items + 1, s)."""
        users, items = mean_of_layers(graph, self.user_embedding, self.item_embedding, self.n_layers)
        if self.item_graph is not None:
            neighbourhood: torch.Tensor = self.item_embedding
            for _ in range(self.n_item_layers):
                neighbourhood = self.item_graph @ neighbourhood
            items = items + neighbourhood
        return users, items

    def calculate_loss(self, interaction: Any) -> torch.Tensor:
        """The loss of one batch of (user, item, negative item)."""
        pairs = Pairs(*triples(interaction))
        all_users, all_items = self.embeddings(self.train_graph)
        loss = bpr(score_differences(all_users, all_items, pairs))
        if self.reg_weight > 0:
            for modality in self.modalities:
                preference = self._content_preference(modality, all_users, pairs)
                loss = loss + self.reg_weight * bpr(preference)
        return loss

    def _content_preference(self, modality: str, all_users: torch.Tensor, pairs: Pairs) -> torch.Tensor:
        """<E_u, F_m(i) - F_m(j)> of a batch, float32 (b,); the bias cancels."""
        weight = self.weight(modality)
        if self.n_items <= len(pairs):
            return score_differences(all_users, self.project(self.current_features(modality), weight), pairs)
        # One row for each pair, fewer than the items that occur in it.
        projected = self.project(self.feature_differences(modality, pairs.i, pairs.j), weight)
        return (pairs.users_of(all_users) * projected).sum(dim=1)

    def final_embeddings(self) -> tuple[torch.Tensor, torch.Tensor]:
        """See ContentRecommender; over the full user-item graph."""
        return self.embeddings(self.full_graph)
