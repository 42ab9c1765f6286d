"""Holm's adjustment for a family of tests: what ranks rest on, and what the rule of before did."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def holm(p_values: ArrayLike) -> NDArray[np.float64]:
    """Adjust p-values for their family (Holm 1979).

    The i-th smallest of m is multiplied by m-i+1; then the running maximum is taken, at most 1.

    Args:
        p_values: float64 (m,); NaN (nothing was tested) is left out of the family and stays NaN.
    """
    p = np.asarray(p_values, dtype=np.float64)
    if p.ndim != 1 or ((p < 0) | (p > 1)).any():
        raise ValueError("p_values: expected one dimension of numbers from 0 to 1, or NaN")
    adjusted = np.full(p.shape, np.nan)
    tested = np.flatnonzero(~np.isnan(p))
    order = tested[np.argsort(p[tested], kind="stable")]
    factors = np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(np.maximum.accumulate(p[order] * factors), 1.0)
    return adjusted
