"""What FREEDOM, LATTICE and BM3 share: id embeddings, projected features, and scores by a dot product."""

from __future__ import annotations

from typing import Any

import scipy.sparse as sp
import torch
from torch import nn

from recclaims.recommenders._kernels.gathers import KeptGradient, row_differences, rows
from recclaims.recommenders._kernels.propagation import Propagator
from recclaims.recommenders._recbole.bridge import TrainDataset
from recclaims.recommenders._recbole.sampling import history
from recclaims.recommenders.models.content import ContentRecommender


class GraphRecommender(ContentRecommender):
    """A recommender that propagates id embeddings over the user-item graph.

    Attributes:
        users, items: the train pairs, internal ids, int64 (n,).
        user_embedding, item_embedding: P and V, float32 (n_users + 1, size) and (n_items + 1, size).
        projections: by modality, the layer F_m = W_m f_m + b_m.
        trained: by modality, features that are trained as well (`train_features`, as MMRec does).
        frozen: by modality, the others, in the projection's dtype.
    """

    def __init__(self, config: Any, dataset: TrainDataset) -> None:
        super().__init__(config, dataset)
        size = config["embedding_size"]
        self.stock = bool(config["stock"])
        self.users, self.items = history(dataset)
        self.user_embedding = nn.Parameter(nn.init.xavier_uniform_(torch.empty(self.n_users, size)))
        self.item_embedding = nn.Parameter(nn.init.xavier_uniform_(torch.empty(self.n_items, size)))
        self.projections = nn.ModuleDict()
        self.trained = nn.ParameterDict()
        self._gradients: dict[str, KeptGradient] = {}
        self.frozen: dict[str, torch.Tensor] = {}
        for modality in self.modalities:
            matrix = self.features(modality)
            self.projections[modality] = nn.Linear(matrix.shape[1], size)
            if config["train_features"]:
                self.trained[modality] = nn.Parameter(matrix.clone())
                self._gradients[modality] = KeptGradient(self.trained[modality])
            else:
                self.frozen[modality] = matrix.to(self.projection_dtype)

    def propagator(self, graph: sp.csr_matrix, *, symmetric: bool = False) -> Propagator:
        """A matrix to multiply embeddings with, on the model's device."""
        make = Propagator.stock if self.stock else Propagator.symmetric if symmetric else Propagator.of
        return make(graph).to(self.device)

    def weight(self, modality: str) -> torch.Tensor:
        """W_m, float32 (size, d)."""
        weight: torch.Tensor = self.projections.get_submodule(modality).get_parameter("weight")
        return weight

    def projected(self, modality: str, ids: torch.Tensor | None = None) -> torch.Tensor:
        """F_m of all items, float32 (n_items + 1, size), or of `ids`, (b, size)."""
        bias = self.projections.get_submodule(modality).get_parameter("bias")
        return self.project(self.current_features(modality, ids), self.weight(modality), bias)

    def current_features(self, modality: str, ids: torch.Tensor | None = None) -> torch.Tensor:
        """The features to be projected, of all items or of `ids`: trained ones where they are trained."""
        features = self.trained[modality] if modality in self.trained else self.frozen[modality]
        return features if ids is None else rows(features, ids, self._gradients.get(modality))

    def feature_differences(self, modality: str, i: torch.Tensor, j: torch.Tensor) -> torch.Tensor:
        """f_i - f_j of the current features, (b, d), for items i and j, int64 (b,)."""
        return row_differences(self.current_features(modality), i, j, self._gradients.get(modality))
