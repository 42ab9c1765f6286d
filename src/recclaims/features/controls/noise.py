"""Noise controls: what replaces real features, so that a claim about content can fail.

Each is a function of a matrix, a seed and what it declares to need, and says what it preserves. A plugin adds one by
the hook `recclaims_controls`; those here are registered by it, too.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
from numpy.typing import NDArray

from recclaims._model.control import ControlDeclaration
from recclaims.errors import FeatureError, NotAvailableError
from recclaims.features.controls.permutations import permuted, permuted_per_modality, permuted_within_category
from recclaims.features.controls.random_controls import constant, gaussian, gaussian_covariance, isotropic, uniform
from recclaims.features.encoded import Block

Matrix = NDArray[np.float32]


class NoiseControl(ControlDeclaration):
    """A control as it is declared, see ControlDeclaration, and what follows from that."""

    def unfit(self, modalities: Collection[str], has_categories: bool, reads: str = "any") -> str | None:
        """Why this control cannot be made of such features, or None.

        Args:
            modalities: of the blocks of columns that the features are made of (EncoderFacts.blocks).
            has_categories: whether the catalogue says anything to group items by.
            reads: what the recommender reads: "any" features, or "sets".
        """
        if reads == "sets" and not self.keeps_sets:
            return f"control '{self.name}' does not keep rows of 0 and 1"
        if self.needs == "blocks" and len(set(modalities)) < 2:
            return f"control '{self.name}' needs features of at least two modalities side by side"
        if self.needs == "categories" and not has_categories:
            return f"control '{self.name}' needs items of at least two categories"
        return None

    def apply(
        self, matrix: Matrix, seed: int, blocks: Sequence[Block] = (), categories: NDArray[np.int64] | None = None
    ) -> Matrix:
        """Make the features that stand in for `matrix`.

        Args:
            matrix: float32 (n, d), left as it is.
            seed: the replicate.
            blocks: what the columns are made of, in order (Features.blocks).
            categories: int64 (n,), the category of each item (datasets.categories), or None.

        Raises:
            NotAvailableError: this control does not apply; see unfit.
            FeatureError: what it drew is of another shape or type, or not finite.
        """
        reason = self.unfit([block.modality for block in blocks], categories is not None)
        if reason:
            raise NotAvailableError(reason)
        needed = (blocks,) if self.needs == "blocks" else (categories,) if self.needs == "categories" else ()
        drawn = np.asarray(self.draw(matrix, seed, *needed))
        if drawn.shape != matrix.shape or drawn.dtype != np.float32 or not np.isfinite(drawn).all():
            raise FeatureError(
                f"control '{self.name}' drew {drawn.dtype} {drawn.shape}; it must draw finite float32 {matrix.shape}"
            )
        return drawn


NOISE = (
    NoiseControl(
        "permuted", "1", permuted, "the set of rows: marginals, norms, covariance, graph shape", keeps_sets=True
    ),
    NoiseControl(
        "permuted_per_modality",
        "1",
        permuted_per_modality,
        "the set of rows of each modality",
        keeps_sets=True,
        needs="blocks",
    ),
    NoiseControl(
        "permuted_within_category",
        "1",
        permuted_within_category,
        "the set of rows of each category",
        keeps_sets=True,
        needs="categories",
    ),
    NoiseControl("gaussian", "1", gaussian, "the mean and variance of each dimension"),
    NoiseControl("gaussian_covariance", "1", gaussian_covariance, "the mean and covariance: rank and spectrum"),
    NoiseControl("uniform", "1", uniform, "the mean and variance of each dimension, without tails"),
    NoiseControl("isotropic", "1", isotropic, "the set of norms"),
    NoiseControl("constant", "1", constant, "the mean, with 5 % of noise against ties"),
)
