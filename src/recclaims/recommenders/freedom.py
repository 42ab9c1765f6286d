"""FREEDOM (Zhou and Shen, ACM MM 2023) as MMRec implements it (flavour `mmrec`).

    A_m   : edges i -> its k cosine neighbours in modality m (itself included), every edge weighing 1/k
    A     = sum_m w_m A_m, frozen; one modality has weight 1, of two the visual one has w and the other 1 - w
    G     : user-item graph, symmetric normalised; each epoch trains on int((1 - rho) |E|) of its edges, drawn
            without replacement with probability proportional to 1 / sqrt(d_u d_i)
    E     = mean of [P; V] and two propagations over G         item = E_item + A V         s_ui = <E_u, item_i>
    loss  = BPR(s_ui, s_uj) + reg * sum_m BPR(<E_u, F_m(i)>, <E_u, F_m(j)>),   F_m = W_m f_m + b_m
F_m takes part in the loss alone, never in scoring; with `train_features` the f_m are trained, as in MMRec.
The feature-free twin has A = 0 and no second loss; `item_graph = "identity"` gives the other one, A = I.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp
import torch
from torch import nn

from recclaims.recommenders.content import ContentRecommender, bpr_loss, rows
from recclaims.recommenders.graphs import Propagator, bipartite, nearest
from recclaims.recommenders.recbole_bridge import TrainDataset
from recclaims.recommenders.sampling import history


class FREEDOM(ContentRecommender):
    """LightGCN on a pruned user-item graph plus one propagation over a frozen item-item graph."""

    def __init__(self, config: Any, dataset: TrainDataset) -> None:
        super().__init__(config, dataset)
        size = config["embedding_size"]
        self.n_layers: int = config["n_ui_layers"]
        self.n_item_layers: int = config["n_item_layers"]
        self.reg_weight: float = config["reg_weight"]
        self.dropout: float = config["edge_dropout"]
        self.users, self.items = history(dataset)
        self.user_embedding = nn.Parameter(nn.init.xavier_uniform_(torch.empty(self.n_users, size)))
        self.item_embedding = nn.Parameter(nn.init.xavier_uniform_(torch.empty(self.n_items, size)))
        self.projections = nn.ModuleDict()
        self.trained = nn.ParameterDict()
        for modality in self.modalities:
            matrix = self.features(modality)
            self.projections[modality] = nn.Linear(matrix.shape[1], size)
            if config["train_features"]:
                self.trained[modality] = nn.Parameter(matrix.clone())
        self.full_graph = bipartite(self.users, self.items, self.n_users, self.n_items, 1e-7).to(self.device)
        self.train_graph = self.full_graph
        self.item_graph = self._item_graph(config["knn_k"], config["visual_weight"], config["item_graph"])
        degrees = [np.bincount(ids).astype(np.float64) for ids in (self.users, self.items)]
        self._edge_log_weight = -0.5 * np.log(degrees[0][self.users] * degrees[1][self.items])
        self._random = np.random.default_rng([config["seed"], 0xF3E])
        self._scored: tuple[torch.Tensor, torch.Tensor] | None = None

    def _item_graph(self, k: int, visual_weight: float, kind: str) -> Propagator | None:
        if kind == "identity":
            return Propagator.symmetric(sp.identity(self.n_items, format="csr")).to(self.device)
        if not self.modalities:
            return None
        graph = sp.csr_matrix((self.n_items, self.n_items), dtype=np.float32)
        for modality in self.modalities:
            weight = 1.0
            if len(self.modalities) > 1:
                weight = visual_weight if modality == "visual" else (1 - visual_weight) / (len(self.modalities) - 1)
            # Row 0 is padding: no neighbour and nobody's neighbour.
            neighbours = nearest(self.features(modality)[1:], k)[0].cpu().numpy() + 1
            sources = np.repeat(np.arange(1, self.n_items), neighbours.shape[1])
            values = np.full(len(sources), weight / neighbours.shape[1], dtype=np.float32)
            graph = graph + sp.csr_matrix((values, (sources, neighbours.ravel())), shape=graph.shape)
        return Propagator.of(graph).to(self.device)

    def train(self, mode: bool = True) -> FREEDOM:
        """Switch mode; entering training starts an epoch and draws its edges."""
        super().train(mode)
        self._scored = None
        if mode and self.dropout > 0:
            # Gumbel top-k: the largest of log-weight + Gumbel noise are a draw without replacement.
            keys = self._edge_log_weight + self._random.gumbel(size=len(self.users))
            kept = int((1 - self.dropout) * len(self.users))
            edges = np.argpartition(-keys, kept)[:kept]
            self.train_graph = bipartite(self.users[edges], self.items[edges], self.n_users, self.n_items, 1e-7).to(
                self.device
            )
        return self

    def embeddings(self, graph: Propagator) -> tuple[torch.Tensor, torch.Tensor]:
        """Users' and items' final embeddings over a user-item graph, (n_users + 1, s) and (n_items + 1, s)."""
        total = layer = torch.cat([self.user_embedding, self.item_embedding])
        for _ in range(self.n_layers):
            layer = graph @ layer
            total = total + layer
        users, items = torch.split(total / (self.n_layers + 1), [self.n_users, self.n_items])
        if self.item_graph is not None:
            neighbourhood: torch.Tensor = self.item_embedding
            for _ in range(self.n_item_layers):
                neighbourhood = self.item_graph @ neighbourhood
            items = items + neighbourhood
        return users, items

    def calculate_loss(self, interaction: Any) -> torch.Tensor:
        """The loss of one batch of (user, item, negative item)."""
        positive, negative = interaction[self.ITEM_ID], interaction[self.NEG_ITEM_ID]
        users, items = self.embeddings(self.train_graph)
        users = rows(users, interaction[self.USER_ID])
        loss = bpr_loss((users * rows(items, positive)).sum(dim=1), (users * rows(items, negative)).sum(dim=1))
        if self.reg_weight > 0:
            for modality in self.modalities:
                weight = self.projections.get_submodule(modality).get_parameter("weight")
                features = self.trained[modality] if modality in self.trained else self.features(modality)
                # <u, F(i)> - <u, F(j)> = <u, W f_i> - <u, W f_j>: the bias cancels. Whichever is fewer rows
                # is projected: all items once, or those of the batch.
                if len(features) <= 2 * len(positive):
                    projected = features @ weight.T
                    difference = rows(projected, positive) - rows(projected, negative)
                else:
                    difference = (rows(features, positive) - rows(features, negative)) @ weight.T
                margin = (users * difference).sum(dim=1)
                loss = loss + self.reg_weight * bpr_loss(margin, torch.zeros_like(margin))
        return loss

    def item_scores(self, users: torch.Tensor) -> torch.Tensor:
        """See ContentRecommender; over the full user-item graph."""
        if self._scored is None:
            with torch.no_grad():
                self._scored = self.embeddings(self.full_graph)
        return self._scored[0][users] @ self._scored[1].T
