"""RecBole's BPR and LightGCN, with the same equations in fewer operations.

With `stock: true` each does what RecBole 1.2.1 does, so that the equality can be tested.
"""

from __future__ import annotations

import warnings
from typing import Any

import torch

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # see recbole_bridge
    from recbole.model import general_recommender as recbole

from recclaims.recommenders._kernels.gathers import gathered
from recclaims.recommenders._kernels.losses import bpr_gamma, unsquared_norms
from recclaims.recommenders._kernels.pairs import Pairs, score_differences
from recclaims.recommenders._kernels.propagation import Propagator, bipartite, mean_of_layers
from recclaims.recommenders._recbole.bridge import TrainDataset, triples
from recclaims.recommenders._recbole.sampling import history


class BPR(recbole.BPR):  # type: ignore[misc]
    """Matrix factorisation with the pairwise loss (Rendle et al., UAI 2009)."""

    fresh_scores = True

    def __init__(self, config: Any, dataset: TrainDataset) -> None:
        super().__init__(config, dataset)
        self.stock = bool(config["stock"])

    def calculate_loss(self, interaction: Any) -> torch.Tensor:
        """The loss of one batch of (user, item, negative item)."""
        if self.stock:
            stock: torch.Tensor = super().calculate_loss(interaction)
            return stock
        users, positive, negative = triples(interaction)
        tables = self.user_embedding.weight, self.item_embedding.weight
        return bpr_gamma(score_differences(*tables, Pairs(users, positive, negative)))


class LightGCN(recbole.LightGCN):  # type: ignore[misc]
    """Propagation over the user-item graph without transformations (He et al., SIGIR 2020)."""

    fresh_scores = True

    def __init__(self, config: Any, dataset: TrainDataset) -> None:
        self.stock = bool(config["stock"])
        self.train_pairs = history(dataset)
        super().__init__(config, dataset)

    def get_norm_adj_mat(self) -> Any:
        """The graph that RecBole builds, without its loop over all edges in Python."""
        graph = bipartite(*self.train_pairs, self.n_users, self.n_items, 1e-7)
        return Propagator.stock(graph).matrix if self.stock else Propagator.symmetric(graph)

    def forward(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Users' and items' final embeddings, (n_users + 1, s) and (n_items + 1, s)."""
        if self.stock:
            stock: tuple[torch.Tensor, torch.Tensor] = super().forward()
            return stock
        tables = self.user_embedding.weight, self.item_embedding.weight
        return mean_of_layers(self.norm_adj_matrix, *tables, self.n_layers)

    def calculate_loss(self, interaction: Any) -> torch.Tensor:
        """The loss of one batch of (user, item, negative item)."""
        if self.stock or self.require_pow:
            stock: torch.Tensor = super().calculate_loss(interaction)
            return stock
        self.restore_user_e = self.restore_item_e = None
        users, positive, negative = triples(interaction)
        all_users, all_items = self.forward()
        ranking = bpr_gamma(score_differences(all_users, all_items, Pairs(users, positive, negative)))
        table = self.item_embedding.weight
        used = gathered(self.user_embedding.weight, users), gathered(table, positive), gathered(table, negative)
        loss: torch.Tensor = ranking + self.reg_weight * unsquared_norms(*used) / len(users)
        return loss
