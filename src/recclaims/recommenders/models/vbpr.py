"""VBPR (He and McAuley, AAAI 2016) as MMRec and as Elliot's external models implement it.

With x(i) the item's features, all modalities side by side, B pairs in a batch, and per user u, items i (had), j (not):

flavour mmrec
    e_i  = [v_i ; W x(i) + b]           s_ui = <p_u, e_i>
    loss = -mean log(1e-10 + sigma(s_ui - s_uj)) + reg * (||P_u|| + ||E_i|| + ||E_j||) / B      not squared
flavour elliot
    e_i  = [v_i ; g_i],  g_i = (W x(i) + b) / ||W x(i) + b||: its length says nothing, whatever the features' scale
    loss = mean softplus(-(s_ui - s_uj)) + reg / 2 * (||P_u||^2 + ||E_i||^2 + ||E_j||^2) / B
    The user's half of P that meets g starts from N(0, 1), not from Xavier's narrow one, as in that code.

The features are not trained. The feature-free twin has e_i = v_i: matrix factorisation with the same loss.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn import functional

from recclaims.recommenders._kernels.gathers import narrowed, rows
from recclaims.recommenders._kernels.losses import bpr_gamma, bpr_softplus, half_squares, unsquared_norms
from recclaims.recommenders._kernels.pairs import Pairs, score_differences
from recclaims.recommenders._recbole.bridge import TrainDataset, triples
from recclaims.recommenders.models.content import ContentRecommender


class VBPR(ContentRecommender):
    """Matrix factorisation whose item factors are extended by projected features (flavour mmrec)."""

    def __init__(self, config: Any, dataset: TrainDataset) -> None:
        super().__init__(config, dataset)
        factors = config["embedding_size"]
        self.reg_weight = config["reg_weight"]
        self.item_factors = nn.Parameter(nn.init.xavier_uniform_(torch.empty(self.n_items, factors)))
        if self.modalities:
            joined = torch.cat([self.features(modality) for modality in self.modalities], dim=1)
            self.register_buffer("joined", joined.to(self.projection_dtype), persistent=False)
            self.projection = self._projection(joined.shape[1], factors)
        self.user_factors = nn.Parameter(self._user_factors(factors))

    def _projection(self, width: int, factors: int) -> nn.Linear:
        projection = nn.Linear(width, factors)
        nn.init.xavier_normal_(projection.weight)
        nn.init.zeros_(projection.bias)
        return projection

    def _user_factors(self, factors: int) -> torch.Tensor:
        width = 2 * factors if self.modalities else factors
        return nn.init.xavier_uniform_(torch.empty(self.n_users, width))

    def content_factors(self, features: torch.Tensor) -> torch.Tensor:
        """What features (n, d) make of items, float32 (n, factors)."""
        return self.project(features, self.projection.weight, self.projection.bias)

    def item_embeddings(self, ids: torch.Tensor | None = None) -> torch.Tensor:
        """e_i of all items, float32 (n_items + 1, factors or 2 factors), or of `ids`, int64 (n,)."""
        parts = [self.item_factors, self.joined] if self.modalities else [self.item_factors]
        own, *content = parts if ids is None else [rows(part, ids) for part in parts]
        return torch.cat([own, self.content_factors(*content)], dim=1) if content else own

    def calculate_loss(self, interaction: Any) -> torch.Tensor:
        """The loss of one batch of (user, item, negative item)."""
        users, positive, negative = triples(interaction)
        occurring = None
        if self.modalities:
            occurring, positive, negative = narrowed(self.n_items, positive, negative)
        items = self.item_embeddings(occurring)
        pairs = Pairs(users, positive, negative)
        differences = score_differences(self.user_factors, items, pairs)
        # A regulariser asks for sums of squares: those of the rows that were looked up are those of their lengths.
        lengths = torch.linalg.vector_norm(items, dim=1)
        used = pairs.gathered_users(self.user_factors), rows(lengths, positive), rows(lengths, negative)
        return self._loss(differences, used)

    def _loss(self, differences: torch.Tensor, used: tuple[torch.Tensor, ...]) -> torch.Tensor:
        lengths = unsquared_norms(*used)
        loss: torch.Tensor = bpr_gamma(differences) + self.reg_weight * lengths / len(differences)
        return loss

    def final_embeddings(self) -> tuple[torch.Tensor, torch.Tensor]:
        """See ContentRecommender."""
        return self.user_factors, self.item_embeddings()


class ElliotVBPR(VBPR):
    """The same with projected features of length 1 and squared norms (flavour elliot)."""

    def _projection(self, width: int, factors: int) -> nn.Linear:
        return nn.Linear(width, factors)

    def _user_factors(self, factors: int) -> torch.Tensor:
        own = nn.init.xavier_uniform_(torch.empty(self.n_users, factors))
        return torch.cat([own, torch.randn(self.n_users, factors)], dim=1) if self.modalities else own

    def content_factors(self, features: torch.Tensor) -> torch.Tensor:
        """See VBPR; every row has length 1."""
        return functional.normalize(super().content_factors(features), dim=1)

    def _loss(self, differences: torch.Tensor, used: tuple[torch.Tensor, ...]) -> torch.Tensor:
        squares = half_squares(*used)
        loss: torch.Tensor = bpr_softplus(differences) + self.reg_weight * squares / len(differences)
        return loss
