"""BM3 (Zhou et al., WWW 2023) as MMRec implements it (flavour `mmrec`).

    E     = mean of [P; V] and n propagations over the symmetric user-item graph;     item = E_item + V
    q(x)  = W x + b, one predictor for all;      t(x) = dropout(x) without a gradient, alike wherever a node occurs
    c(a, b) = 1 - mean over the batch of cos(a, b)
    loss  = c(q(u), t(i)) + c(q(i), t(u)) + reg * (||E_users|| + ||E_items||) / n_items
            + cl * sum_m [c(q(F_m), t(i)) + c(q(F_m), t(F_m))],      F_m = W_m f_m + b_m of the batch's items
    s_ui  = <q(u), q(i)>

There are no negatives. Features act through the auxiliary loss alone: scoring never reads them. As the targets have no
gradient, that loss teaches W_m, b_m and q, and never P or V: of what features say of an item, no more reaches the
scores than they can bend q, which is the same for all. With `train_features` the f_m are trained, as in MMRec. The
feature-free twin has no auxiliary loss.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from recclaims.recommenders._kernels import draws
from recclaims.recommenders._kernels.dropout import kept
from recclaims.recommenders._kernels.gathers import BatchIndex, rows
from recclaims.recommenders._kernels.losses import cosine_distance, unit_rows, unsquared_norms
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
        users, items = BatchIndex(interaction[self.USER_ID]), BatchIndex(interaction[self.ITEM_ID])
        all_users, all_items = self.embeddings()
        own_users, own_items = rows(all_users, users.ids), rows(all_items, items.ids)
        target_users, target_items = self._targets(own_users, users.ids, 0), self._targets(own_items, items.ids, 1)
        loss = cosine_distance(self.predictor(own_users), users.sums(target_items, items.places), users)
        loss = loss + cosine_distance(self.predictor(own_items), items.sums(target_users, users.places), items)
        # The padding rows are no user and no item.
        lengths = unsquared_norms(all_users[1:], all_items[1:])
        loss = loss + self.reg_weight * lengths / (len(all_items) - 1)
        for number, modality in enumerate(self.modalities, start=2):
            projected = self.projected(modality, items.ids)
            # Two distances from the same prediction: 1 - <a, t> + 1 - <a, t'>.
            both = items.counts.unsqueeze(1) * (target_items + self._targets(projected, items.ids, number))
            loss = loss + self.cl_weight * (1 + cosine_distance(self.predictor(projected), both, items))
        self.steps += 1
        return loss

    def _targets(self, embeddings: torch.Tensor, nodes: torch.Tensor, number: int) -> torch.Tensor:
        """Embeddings of some nodes with some of their numbers left out, scaled to length 1, without a gradient."""
        key = draws.key(self.seed, draws.DROPOUT, self.steps, number)
        # What is kept is not scaled: a cosine does not see it.
        return unit_rows(embeddings.detach() * kept(key, nodes, embeddings.shape[1], self.dropout))

    def final_embeddings(self) -> tuple[torch.Tensor, torch.Tensor]:
        """See ContentRecommender."""
        users, items = self.embeddings()
        return self.predictor(users), self.predictor(items)
