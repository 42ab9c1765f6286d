"""Features: an item x dimension matrix, with what must be known to trust it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Features:
    """What an encoder made of a catalogue.

    Attributes:
        encoder: the encoder's name.
        modality: visual, textual or multimodal.
        matrix: float32 (n_items, d), finite, row i for item i of the catalogue.
        imputed: how many rows were filled in because their item lacks the modality.
        imputation: the policy that filled them ("mean").
        seconds: wall-clock time of encoding, without loading weights.
    """

    encoder: str
    modality: str
    matrix: NDArray[np.float32]
    imputed: int = 0
    imputation: str = "mean"
    seconds: float = 0.0
