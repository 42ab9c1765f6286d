"""What content recommenders have in common: how they read features, and how they score."""

from __future__ import annotations

import warnings
from typing import Any

import scipy.sparse as sp
import torch
from torch.nn import functional

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # see recbole_bridge
    from recbole.model.abstract_recommender import GeneralRecommender
    from recbole.utils import InputType

from recclaims.recommenders._recbole.bridge import TrainDataset

#: What features, the weights they are multiplied with, and their product are rounded to; all else is float32. A gemm in
#: bfloat16 takes half the time or less where the processor has instructions for it, and longer where it has none.
PROJECTION_DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}


class ContentRecommender(GeneralRecommender):  # type: ignore[misc]
    """A pairwise recommender that may read features.

    Attributes:
        modalities: names of the feature matrices, in order; empty in the feature-free twin, which is this
            same recommender with every content term left out.
        derived, fresh_scores: see model_spec.ModelSpec; if nothing is trained, `derived` is set when it is built.
        projection_dtype: the type in which features are multiplied, set by the hyper-parameter of this name.

    Raises:
        ValueError: `projection_dtype` is not one of PROJECTION_DTYPES.
    """

    input_type = InputType.PAIRWISE
    derived: sp.csr_matrix | sp.csr_array | None = None
    #: item_scores makes its answer anew each time, so that whoever asks may write to it.
    fresh_scores = True

    def __init__(self, config: Any, dataset: TrainDataset) -> None:
        super().__init__(config, dataset)
        self.modalities = tuple(modality for modality, _ in dataset.content)
        for modality, matrix in dataset.content:
            self.register_buffer(f"features_{modality}", matrix, persistent=False)
        name = config["projection_dtype"] or "float32"
        if name not in PROJECTION_DTYPES:
            raise ValueError(f"projection_dtype '{name}' is not one of {', '.join(PROJECTION_DTYPES)}")
        self.projection_dtype = PROJECTION_DTYPES[name]
        self._scored: tuple[torch.Tensor, torch.Tensor] | None = None

    def features(self, modality: str) -> torch.Tensor:
        """The feature matrix of one modality, float32 (n_items + 1, d); row 0 is padding."""
        matrix: torch.Tensor = getattr(self, f"features_{modality}")
        return matrix

    def project(self, features: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None = None) -> torch.Tensor:
        """W f + b of every row f, float32 (n, size), from (n, d), (size, d) and (size,), in the projection's dtype."""
        dtype = self.projection_dtype
        rounded = None if bias is None else bias.to(dtype)
        return functional.linear(features.to(dtype), weight.to(dtype), rounded).float()

    def train(self, mode: bool = True) -> ContentRecommender:
        """Switch mode, and drop what was kept for scoring."""
        super().train(mode)
        self._scored = None
        return self

    def final_embeddings(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Users' and items' embeddings whose dot product is the score, (n_users + 1, s) and (n_items + 1, s)."""
        raise NotImplementedError

    def item_scores(self, users: torch.Tensor) -> torch.Tensor:
        """Scores of all items, padding included, for internal user ids (b,): float32 (b, n_items + 1).

        The embeddings are computed once for all users, until the mode is switched again.
        """
        if self._scored is None:
            with torch.no_grad():
                self._scored = self.final_embeddings()
        return self._scored[0][users] @ self._scored[1].T

    def full_sort_predict(self, interaction: Any) -> torch.Tensor:
        """RecBole's interface to item_scores: flattened, (b * (n_items + 1),)."""
        return self.item_scores(interaction[self.USER_ID]).view(-1)

    def predict(self, interaction: Any) -> torch.Tensor:
        """Scores of given pairs of internal ids, float32 (b,)."""
        scores = self.item_scores(interaction[self.USER_ID])
        return scores.gather(1, interaction[self.ITEM_ID].unsqueeze(1)).squeeze(1)
