"""Shares of studies with their intervals, where studies of one bank share its cells.

Studies drawn from a bank are no independent ones. As they are drawn by lot, a share of them is a U-statistic of the
bank's assignments and seeds: leave out whatever reads one of them, for each in turn, and the jackknife says how far
another bank could be from this one (Efron & Stein 1981; Arvesen 1969). The interval is Clopper & Pearson's of as many
independent studies as have that error.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.stats
from numpy.typing import NDArray

Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Rate:
    """So many of so many.

    Attributes:
        count, total: of the studies.
        design: how many times larger its variance is than of as many independent studies.
    """

    count: int
    total: int
    design: float = 1.0

    @property
    def share(self) -> float:
        """0 to 1; NaN of nothing."""
        return self.count / self.total if self.total else math.nan

    @property
    def interval(self) -> tuple[float, float]:
        """Its 95 % interval after Clopper and Pearson (1934)."""
        if not self.total:
            return math.nan, math.nan
        hits, total = self.count / self.design, self.total / self.design
        low = float(scipy.stats.beta.ppf(0.025, hits, total - hits + 1)) if self.count else 0.0
        high = float(scipy.stats.beta.ppf(0.975, hits + 1, total - hits)) if self.count < self.total else 1.0
        return low, high


def design(hits: Bools, read: Sequence[Bools]) -> float:
    """How many times larger the variance of a share is than of independent studies; 1 at least.

    Args:
        hits: bool (n_studies,).
        read: by factor, which of its units a study reads, bool (n_studies, n_units). A factor of which a unit is in
            all studies but few says nothing, and is left out.
    """
    count, share = len(hits), float(np.mean(hits)) if len(hits) else 0.0
    own = share * (1 - share)
    if not own:
        return 1.0
    variance = own / count
    for units in read:
        without = ~units
        sizes, n = without.sum(axis=0), units.shape[1]
        if sizes.min() < max(count / 20, 2):
            continue
        left = (hits.astype(np.float64) @ without) / sizes
        found = float(np.square(left - left.mean()).sum())
        # What the lot of the draw adds to that by itself.
        by_lot = float((own * (1 / sizes - 1 / count)).sum())
        variance += max(found - by_lot, 0.0) * (n - 1) / n
    return max(variance * count / own, 1.0)
