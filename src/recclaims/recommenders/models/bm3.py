"""BM3 (Zhou et al., WWW 2023) as MMRec implements it (flavour `mmrec`).

    E     = mean of [P; V] and n propagations over the symmetric user-item graph;     item = E_item + V
    q(x)  = W x + b, one predictor for all;      t(x) = dropout(x) without a gradient
    c(a, b) = 1 - mean over the batch of cos(a, b)
    loss  = c(q(u), t(i)) + c(q(i), t(u)) + reg * (||E_users|| + ||E_items||) / n_items
            + cl * sum_m [c(q(F_m), t(i)) + c(q(F_m), t(F_m))],      F_m = W_m f_m + b_m of the batch's items
    s_ui  = <q(u), q(i)>

There are no negatives. Features act through the auxiliary loss alone: scoring never reads them. With
`train_features` the f_m are trained, as in MMRec. The feature-free twin has no auxiliary loss.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import nn

from recclaims.recommenders._kernels import draws
from recclaims.recommenders._kernels.gathers import BatchIndex, rows
from recclaims.recommenders._kernels.losses import cosine_distance, unsquared_norms
from recclaims.recommenders._kernels.propagation import bipartite, mean_of_layers
from recclaims.recommenders._recbole.bridge import TrainDataset
from recclaims.recommenders.models.graph_recommender import GraphRecommender


class BM3(GraphRecommender):
    """Bootstrapped latent representations: users and items predict each other's dropped-out embeddings."""

    def __init__(self, config: Any, dataset: TrainDataset) -> None:
        super().__init__(config, dataset)
        size = config["embedding_size"]
        self.n_layers: int = config["n_layers"]
        self.reg_weight: float = config["reg_weight"]
        self.cl_weight: float = config["cl_weight"]
        self.dropout: float = config["dropout"]
        graph = bipartite(self.users, self.items, self.n_users, self.n_items, 1e-7)
        self.graph = self.propagator(graph, symmetric=True)
        self.predictor = nn.Linear(size, size)
        self.seed: int = config["seed"]
        self.steps = 0
        for layer in (self.predictor, *self.projections.children()):
            nn.init.xavier_normal_(layer.get_parameter("weight"))

    def embeddings(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Users' and items' embeddings before the predictor, (n_users + 1, s) and (n_items + 1, s)."""
        users, items = mean_of_layers(self.graph, self.user_embedding, self.item_embedding, self.n_layers)
        return users, items + self.item_embedding

    def calculate_loss(self, interaction: Any) -> torch.Tensor:
        """The loss of one batch of (user, item); its negatives are not read."""
        user_ids, item_ids = interaction[self.USER_ID], interaction[self.ITEM_ID]
        users, items = BatchIndex(user_ids), BatchIndex(item_ids)
        all_users, all_items = self.embeddings()
        target_users, target_items = self._targets(all_users, user_ids, 0), self._targets(all_items, item_ids, 1)
        loss = cosine_distance(self.predictor(rows(all_users, users.ids)), users, target_items)
        loss = loss + cosine_distance(self.predictor(rows(all_items, items.ids)), items, target_users)
        # The padding rows are no user and no item.
        lengths = unsquared_norms(all_users[1:], all_items[1:])
        loss = loss + self.reg_weight * lengths / (len(all_items) - 1)
        for number, modality in enumerate(self.modalities, start=2):
            projected = self.projected(modality, items.ids)
            predicted = self.predictor(projected)
            of_itself = self._targets(projected, items.places, number)
            loss = loss + self.cl_weight * (
                cosine_distance(predicted, items, target_items) + cosine_distance(predicted, items, of_itself)
            )
        self.steps += 1
        return loss

    def _targets(self, embeddings: torch.Tensor, places: torch.Tensor, number: int) -> torch.Tensor:
        targets = rows(embeddings.detach(), places)
        # 16 bits for each number: four of them are one draw. What is kept is not scaled: a cosine does not see it.
        key = draws.key(self.seed, draws.DROPOUT, self.steps, number)
        bits = draws.bits(key, np.arange(-(-targets.numel() // 4))).view(np.uint16)
        kept = bits[: targets.numel()] >= round(self.dropout * 2**16)
        return targets * torch.from_numpy(kept.view(np.int8)).view(targets.shape).to(targets)

    def final_embeddings(self) -> tuple[torch.Tensor, torch.Tensor]:
        """See ContentRecommender."""
        users, items = self.embeddings()
        return self.predictor(users), self.predictor(items)
