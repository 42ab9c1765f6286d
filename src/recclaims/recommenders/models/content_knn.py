"""Content kNN: the cheapest probe of whether features say anything about what users like; nothing is trained.

    sim(i, j) = <x_i, x_j> / (|x_i| |x_j| + shrink), the k largest of each row kept, itself included
    s_u       = sum of the rows of sim over the user's train items
As MMRec's ItemKNNCBF (k = 10, shrink = 10), with all modalities side by side, but for ties: a lot decides.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp
import torch

from recclaims.recommenders._kernels.ties import Lot, top
from recclaims.recommenders._recbole.bridge import TrainDataset
from recclaims.recommenders._recbole.sampling import history
from recclaims.recommenders.models.content import ContentRecommender


class ContentKNN(ContentRecommender):
    """Items like those the user had, by their features alone."""

    def __init__(self, config: Any, dataset: TrainDataset) -> None:
        super().__init__(config, dataset)
        if not self.modalities:
            raise ValueError("content-knn has no feature-free twin: without features there is nothing left")
        content = torch.cat([self.features(modality) for modality in self.modalities], dim=1)[1:]
        users, items = history(dataset)
        shape = (self.n_users, self.n_items)
        self.histories = sp.csr_matrix((np.ones(len(users), np.float32), (users, items)), shape=shape)
        lot = Lot(len(content), config["seed"])
        self.derived = self.similarity = self._similarity(content, config["k"], config["shrink"], lot)

    def _similarity(self, content: torch.Tensor, k: int, shrink: float, lot: Lot, block: int = 1024) -> sp.csr_matrix:
        norms = content.norm(dim=1)
        k = min(k, len(content))
        rows, columns, values = [], [], []
        for start in range(0, len(content), block):
            part = content[start : start + block]
            product = part @ content.T
            scale = norms[start : start + block, None] * norms + shrink
            best, places = top(torch.where(scale > 0, product / scale.clamp_min(1e-12), 0.0), k, lot, start)
            rows.append(np.repeat(np.arange(start, start + len(part)) + 1, k))
            columns.append(places.cpu().numpy().ravel() + 1)
            values.append(best.cpu().numpy().ravel())
        entries = np.concatenate(values), (np.concatenate(rows), np.concatenate(columns))
        return sp.csr_matrix(entries, shape=(self.n_items, self.n_items))

    def calculate_loss(self, interaction: Any) -> torch.Tensor:
        """Zero: nothing is trained."""
        return torch.zeros(())

    def item_scores(self, users: torch.Tensor) -> torch.Tensor:
        """See ContentRecommender."""
        scores = self.histories[users.cpu().numpy()] @ self.similarity
        return torch.from_numpy(scores.toarray()).to(self.device)
