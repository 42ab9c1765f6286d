"""A model of IDs and a model of content, trained apart; their scores are added.

    ids:       s_ui = a_u . b_i
    content:   t_ui = c_u . (W f_i + w)
    trained:   BPR(s) + BPR(t), each with its own regulariser: no parameter is in both, and Adam treats each by itself,
               so that each model becomes what it would without the other
    scored:    s / sd(s) + t / sd(t), the standard deviations over all users and items

Sums of models trained apart are what arXiv 2512.17820 sets against recommenders that fuse IDs and content. Here both
are matrix factorisations, so that VBPR differs from it in one thing: it trains them together. One schedule and one
choice of the epoch serve both, by the sum's validation.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from recclaims.recommenders._kernels.gathers import rows
from recclaims.recommenders._kernels.losses import bpr_gamma, unsquared_norms
from recclaims.recommenders._kernels.pairs import Pairs, score_differences
from recclaims.recommenders._recbole.bridge import TrainDataset, triples
from recclaims.recommenders.models.content import ContentRecommender


class Ensemble(ContentRecommender):
    """See the module; without features, the model of IDs alone."""

    def __init__(self, config: Any, dataset: TrainDataset) -> None:
        super().__init__(config, dataset)
        size = config["embedding_size"]
        self.reg_weight: float = config["reg_weight"]
        self.user_factors = nn.Parameter(nn.init.xavier_uniform_(torch.empty(self.n_users, size)))
        self.item_factors = nn.Parameter(nn.init.xavier_uniform_(torch.empty(self.n_items, size)))
        if self.modalities:
            joined = torch.cat([self.features(modality) for modality in self.modalities], dim=1)
            self.register_buffer("joined", joined.to(self.projection_dtype), persistent=False)
            self.projection = nn.Linear(joined.shape[1], size)
            nn.init.xavier_normal_(self.projection.weight)
            nn.init.zeros_(self.projection.bias)
            self.user_tastes = nn.Parameter(nn.init.xavier_uniform_(torch.empty(self.n_users, size)))

    def models(self) -> list[tuple[torch.Tensor, torch.Tensor]]:
        """Users' and items' factors of each model, (n_users + 1, size) and (n_items + 1, size)."""
        ids = self.user_factors, self.item_factors
        if not self.modalities:
            return [ids]
        return [ids, (self.user_tastes, self.project(self.joined, self.projection.weight, self.projection.bias))]

    def calculate_loss(self, interaction: Any) -> torch.Tensor:
        """The sum of both models' losses of one batch of (user, item, negative item)."""
        users, positive, negative = triples(interaction)
        pairs, losses = Pairs(users, positive, negative), []
        for user_factors, item_factors in self.models():
            lengths = torch.linalg.vector_norm(item_factors, dim=1)
            used = pairs.gathered_users(user_factors), rows(lengths, positive), rows(lengths, negative)
            ranking = bpr_gamma(score_differences(user_factors, item_factors, pairs))
            losses.append(ranking + self.reg_weight * unsquared_norms(*used) / len(users))
        return torch.stack(losses).sum()

    def final_embeddings(self) -> tuple[torch.Tensor, torch.Tensor]:
        """See ContentRecommender: both models' factors side by side, each model's users divided by its deviation."""
        models = self.models()
        users = torch.cat([user / deviation(user[1:], item[1:]) for user, item in models], dim=1)
        return users, torch.cat([item for _, item in models], dim=1)


def deviation(users: torch.Tensor, items: torch.Tensor) -> torch.Tensor:
    """The standard deviation of all products of rows of (n, s) and (m, s), from their moments: float32 ().

    1 where they are all the same.
    """
    users, items = users.double(), items.double()
    square = ((users.T @ users) * (items.T @ items)).sum() / (len(users) * len(items))
    spread = (square - (users.mean(dim=0) @ items.mean(dim=0)).square()).clamp(min=0).sqrt()
    return torch.where(spread > 0, spread, torch.ones_like(spread)).float()
