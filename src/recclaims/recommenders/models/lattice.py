"""LATTICE (Zhang et al., ACM MM 2021) as MMRec and as Elliot's external models implement it.

    top(X)   = cosine similarities of the rows of X, the k largest of each row kept, itself included
    Lap(A)   = D^-1/2 A D^-1/2, D the row sums; 0 instead of a D^-1/2 where the sum is not above 0
    w        = softmax(theta), theta trained from 1/M each
    A_item   = (1 - lambda) * Lap(sum_m w_m top(F_m)) + lambda * sum_m w_m Lap(top(f_m)),    F_m = W_m f_m + b_m
    h        = A_item^n V                E = layers of [P; V] over the user-item graph, averaged
    item     = E_item + h / ||h||        s_ui = <E_u, item_i>
    loss     = -mean log sigma(s_ui - s_uj) + reg / 2 * (||E_u||^2 + ||item_i||^2 + ||item_j||^2) / B

A_item is built anew by the first batch of an epoch, the only one whose gradient reaches W, f and theta, and
again for scoring. The flavours differ:
    mmrec    user-item graph D^-1 (A + I);               B the configured batch size
    elliot   user-item graph D^-1 (A + I) D^-1, every layer's output scaled to length 1; B the batch's own size;
             the diagonal of every top(X) is set to 1 before Lap

The graph is kept as edges, never as a dense items x items matrix. The feature-free twin has no h;
`item_graph = "identity"` gives the other one, h = V. A catalogue whose features are all zero has no cosine and
is refused; MMRec gives NaN there, and then zero for every metric.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.sparse as sp
import torch
from torch import nn
from torch.nn import functional

from recclaims.recommenders._kernels.edges import Edges, most_similar
from recclaims.recommenders._kernels.gathers import gathered
from recclaims.recommenders._kernels.losses import bpr, half_squares
from recclaims.recommenders._kernels.pairs import Pairs, score_differences
from recclaims.recommenders._kernels.propagation import Propagator, mean_of_layers, user_item_edges
from recclaims.recommenders._kernels.ties import Lot
from recclaims.recommenders._recbole.bridge import TrainDataset, triples
from recclaims.recommenders.models.graph_recommender import GraphRecommender


class LATTICE(GraphRecommender):
    """LightGCN plus propagation over an item graph that is learned from content (flavour mmrec)."""

    #: What is done to each layer over the user-item graph, (nodes, size), if anything.
    after_layer: Callable[[torch.Tensor], torch.Tensor] | None = None
    #: Whether every item is linked to itself with weight 1, see Edges.with_unit_diagonal.
    unit_diagonal = False

    def __init__(self, config: Any, dataset: TrainDataset) -> None:
        super().__init__(config, dataset)
        self.n_layers: int = config["n_ui_layers"]
        self.n_item_layers: int = config["n_item_layers"]
        self.k: int = config["knn_k"]
        self.lot = Lot(self.n_items - 1, config["seed"])
        self.kept: float = config["lambda_coeff"]
        self.reg_weight: float = config["reg_weight"]
        self.batch_size: int = config["train_batch_size"]
        self.identity = config["item_graph"] == "identity"
        self.graph = self._user_item_graph()
        if self.modalities:
            self.theta = nn.Parameter(torch.full((len(self.modalities),), 1 / len(self.modalities)))
            self.original = [self._original(self.features(modality)) for modality in self.modalities]
        self._item_graph: Propagator | None = None

    def _user_item_graph(self) -> Propagator:
        rows_, columns, size = user_item_edges(self.users, self.items, self.n_users, self.n_items)
        adjacency = sp.csr_matrix((np.ones(len(rows_)), (rows_, columns)), shape=(size, size)) + sp.identity(size)
        inverse = sp.diags(1.0 / np.asarray(adjacency.sum(axis=1)).ravel())
        return self.propagator(sp.csr_matrix(self._normalised(adjacency, inverse)))

    def _normalised(self, adjacency: Any, inverse: Any) -> Any:
        return inverse @ adjacency

    def _top(self, features: torch.Tensor) -> Edges:
        """The k nearest of every item; the weights carry the gradient of `features`."""
        edges = most_similar(features, self.k, self.lot)
        return edges.with_unit_diagonal(self.n_items) if self.unit_diagonal else edges

    def _original(self, features: torch.Tensor) -> Edges:
        if not bool(features.any()):
            raise ValueError("the features are all zero: no item is more similar to one than to another")
        return self._top(features).laplacian(self.n_items)

    def item_edges(self) -> Edges:
        """A_item as the parameters now make it, with their gradient."""
        weights = torch.softmax(self.theta, dim=0)
        learned = [self._top(self.projected(m)).scaled(w) for m, w in zip(self.modalities, weights, strict=True)]
        original = [edges.scaled(self.kept * w) for edges, w in zip(self.original, weights, strict=True)]
        learned_graph = Edges.together(*learned).laplacian(self.n_items).scaled(1 - self.kept)
        return Edges.together(learned_graph, *original)

    def train(self, mode: bool = True) -> LATTICE:
        """Switch mode; entering training starts an epoch, whose first batch builds the item graph."""
        super().train(mode)
        self._item_graph = None
        return self

    def embeddings(self, item_graph: Edges | Propagator | None) -> tuple[torch.Tensor, torch.Tensor]:
        """Users' and items' final embeddings, (n_users + 1, s) and (n_items + 1, s)."""
        users, items = mean_of_layers(
            self.graph, self.user_embedding, self.item_embedding, self.n_layers, self.after_layer
        )
        neighbourhood: torch.Tensor = self.item_embedding
        if item_graph is not None:
            for _ in range(self.n_item_layers):
                neighbourhood = item_graph @ neighbourhood
        elif not self.identity:
            return users, items
        return users, items + functional.normalize(neighbourhood, dim=1)

    def calculate_loss(self, interaction: Any) -> torch.Tensor:
        """The loss of one batch of (user, item, negative item)."""
        item_graph: Edges | Propagator | None = self._item_graph
        if self.modalities and item_graph is None:
            item_graph = self.item_edges()
            self._item_graph = self.propagator(item_graph.matrix(self.n_items))
        all_users, all_items = self.embeddings(item_graph)
        users, positive, negative = triples(interaction)
        loss = bpr(score_differences(all_users, all_items, Pairs(users, positive, negative)))
        squares = half_squares(gathered(all_users, users), gathered(all_items, torch.cat([positive, negative])))
        return loss + self.reg_weight * squares / self._divisor(len(users))

    def _divisor(self, n_pairs: int) -> int:
        return self.batch_size

    def final_embeddings(self) -> tuple[torch.Tensor, torch.Tensor]:
        """See ContentRecommender; over the item graph as the parameters now make it."""
        graph = self.propagator(self.item_edges().matrix(self.n_items)) if self.modalities else None
        return self.embeddings(graph)


class ElliotLATTICE(LATTICE):
    """The same with Elliot's normalisations (flavour elliot)."""

    after_layer = staticmethod(functional.normalize)
    unit_diagonal = True

    def _normalised(self, adjacency: Any, inverse: Any) -> Any:
        return inverse @ adjacency @ inverse

    def _divisor(self, n_pairs: int) -> int:
        return n_pairs
