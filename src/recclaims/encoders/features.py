"""Features: an item x dimension matrix, with what must be known to trust it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

#: A neighbour list or graph of features of which more is missing, zero or alike than this is decided by the
#: order of the items and not by their content; 91 % of one published data set's image rows were zero.
MOST_ZERO = 0.5
MOST_IMPUTED = 0.5
MOST_ALIKE = 0.5


@dataclass(frozen=True)
class Block:
    """Columns of a feature matrix that one encoder made: a part of a fusion that puts parts side by side."""

    encoder: str
    modality: str
    width: int


@dataclass(frozen=True)
class Features:
    """What an encoder made of a catalogue.

    Attributes:
        encoder: the encoder's name.
        modality: visual, textual or multimodal.
        matrix: float32 (n_items, d), finite, row i for item i of the catalogue.
        filled: bool (n_items,), the rows that were imputed because their item lacks the modality.
        imputation: the policy that filled them ("mean").
        seconds: wall-clock time of encoding, loading the weights included.
        blocks: what the columns are made of, in order; empty where they cannot be told apart.
    """

    encoder: str
    modality: str
    matrix: NDArray[np.float32]
    filled: NDArray[np.bool_]
    imputation: str = "mean"
    seconds: float = 0.0
    blocks: tuple[Block, ...] = ()


@dataclass(frozen=True)
class FeatureReport:
    """Counts that say whether features can carry a claim.

    Attributes:
        items, dimension: the shape of the matrix.
        imputed: rows filled in because their item lacks the modality.
        zero_rows: rows of zeros.
        duplicate_rows: rows equal to an earlier one; imputed rows are left out.
        largest_group: how many rows the most frequent one stands in; imputed rows are left out.
    """

    items: int
    dimension: int
    imputed: int
    zero_rows: int
    duplicate_rows: int
    largest_group: int

    @classmethod
    def of(cls, features: Features) -> FeatureReport:
        """Count; exact, by the bytes of the rows."""
        own = np.ascontiguousarray(features.matrix[~features.filled]) + np.float32(0)  # -0.0 becomes 0.0
        rows = own.view(np.dtype((np.void, own.itemsize * own.shape[1]))).ravel()
        counts = np.unique(rows, return_counts=True)[1]
        return cls(
            items=len(features.matrix),
            dimension=features.matrix.shape[1],
            imputed=int(features.filled.sum()),
            zero_rows=int((~features.matrix.any(axis=1)).sum()),
            duplicate_rows=int(len(own) - len(counts)),
            largest_group=int(counts.max(initial=0)),
        )

    def inadmissible(self) -> str | None:
        """Why no claim can rest on these features, or None."""
        for count, most, what in (
            (self.imputed, MOST_IMPUTED, "are imputed"),
            (self.zero_rows, MOST_ZERO, "are zero"),
            (self.largest_group, MOST_ALIKE, "share one row"),
        ):
            if count > most * self.items and count > 1:
                return f"{count:,} of {self.items:,} items {what} (at most {100 * most:.0f} %)"
        return None
