"""MGCN (Yu et al., ACM MM 2023) as MMRec implements it (flavour `mmrec`); views.py has what is not said here.

    views    the modalities m, gated by x = F_m = W_m f_m + b_m
    a        = softmax over m of q . tanh(Q e_m + b), e_m a node's view
    c        = sum_m a_m e_m                                       what the modalities share
    S        = (c + sum_m sigmoid(P_m E + b_m) * (e_m - c)) / (M + 1)

With `train_features` the f_m are trained, as in MMRec; the item graphs stay those of the raw features. M is the number
of modalities. With one, a = 1 and S = e / 2; MMRec's class then fails, as it asks for what only two modalities have.
MMRec names the files of its item graphs by k alone and reads one of other features where it lies; `tau` and
`lambda_coeff`, which its configuration has, do nothing there and are no parameters here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from recclaims.recommenders._recbole.bridge import TrainDataset
from recclaims.recommenders.models.views import ViewRecommender, two_layers


class MGCN(ViewRecommender):
    """A side view that weighs what modalities share, and what each says alone, by the user's behaviour."""

    def __init__(self, config: Any, dataset: TrainDataset) -> None:
        super().__init__(config, dataset)
        self.preferences = nn.ModuleDict()
        if self.modalities:
            self.query = nn.Sequential(nn.Linear(self.size, self.size), nn.Tanh(), nn.Linear(self.size, 1, bias=False))
        for modality in self.modalities:
            self.preferences[modality] = nn.Linear(self.size, self.size)

    def side(self, views: Mapping[str, torch.Tensor], behaviour: torch.Tensor, nodes: torch.Tensor) -> torch.Tensor:
        """See ViewRecommender."""
        shares = torch.softmax(torch.cat([two_layers(self.query, view) for view in views.values()], dim=1), dim=1)
        first, *others = (shares[:, n : n + 1] * view for n, view in enumerate(views.values()))
        total = common = sum(others, first)
        for modality, view in views.items():
            total = total + torch.sigmoid(self.preferences[modality](behaviour)) * (view - common)
        return total / (len(views) + 1)
