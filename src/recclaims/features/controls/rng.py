"""Random streams of controls: apart from one another, and from what else a seed draws."""

from __future__ import annotations

import numpy as np


def stream(seed: int, number: int) -> np.random.Generator:
    """The generator of one control for one seed; the same seed also draws splits, weights and samples."""
    return np.random.default_rng([seed, number])
