"""VBPR (He and McAuley, AAAI 2016) as MMRec implements it (flavour `mmrec`).

With x(i) the item's features, all modalities side by side:
    e_i  = [v_i ; W x(i) + b]           s_ui = <p_u, e_i>
    loss = -mean log(1e-10 + sigma(s_ui - s_uj)) + reg * (||P_u|| + ||E_i|| + ||E_j||) / batch
The features are not trained. The feature-free twin has e_i = v_i: matrix factorisation with the same loss.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from recclaims.recommenders.content import ContentRecommender, rows, unsquared_norms
from recclaims.recommenders.recbole_bridge import TrainDataset


class VBPR(ContentRecommender):
    """Matrix factorisation whose item factors are extended by projected features."""

    def __init__(self, config: Any, dataset: TrainDataset) -> None:
        super().__init__(config, dataset)
        factors = config["embedding_size"]
        self.reg_weight = config["reg_weight"]
        self.item_factors = nn.Parameter(nn.init.xavier_uniform_(torch.empty(self.n_items, factors)))
        width = factors
        if self.modalities:
            joined = torch.cat([self.features(modality) for modality in self.modalities], dim=1)
            self.register_buffer("joined", joined, persistent=False)
            self.projection = nn.Linear(joined.shape[1], factors)
            nn.init.xavier_normal_(self.projection.weight)
            nn.init.zeros_(self.projection.bias)
            width += factors
        self.user_factors = nn.Parameter(nn.init.xavier_uniform_(torch.empty(self.n_users, width)))
        self._scored: torch.Tensor | None = None

    def item_embeddings(self) -> torch.Tensor:
        """All items' e_i, float32 (n_items + 1, factors or 2 factors)."""
        if not self.modalities:
            return self.item_factors
        return torch.cat([self.item_factors, self.projection(self.joined)], dim=1)

    def calculate_loss(self, interaction: Any) -> torch.Tensor:
        """The loss of one batch of (user, item, negative item)."""
        self._scored = None
        users = rows(self.user_factors, interaction[self.USER_ID])
        items = self.item_embeddings()
        positive, negative = (
            rows(items, interaction[self.ITEM_ID]),
            rows(items, interaction[self.NEG_ITEM_ID]),
        )
        difference = (users * (positive - negative)).sum(dim=1)
        ranking = -torch.log(1e-10 + torch.sigmoid(difference)).mean()
        loss: torch.Tensor = ranking + self.reg_weight * unsquared_norms(users, positive, negative)
        return loss

    def item_scores(self, users: torch.Tensor) -> torch.Tensor:
        """See ContentRecommender."""
        if self._scored is None:
            self._scored = self.item_embeddings().detach()
        return self.user_factors[users] @ self._scored.T
