"""At which level each look of a case may decide, so that looking more than once is wrong no more often than once.

A case is looked at after some replicates, and only if it is undecided after more. Of the error alpha that it may
make, the share (R/R_last)^2 is spent by the look at R (Kim & DeMets 1987): little early, when few replicates say
little of their own spread, most at the end. The levels follow for the correlation sqrt(R_i/R_j) of looks at
independent replicates (Armitage, McPherson & Rowe 1969; Lan & DeMets 1983).
"""

from __future__ import annotations

from functools import cache

import numpy as np
import scipy
from numpy.typing import NDArray

Floats = NDArray[np.float64]

#: The power of the share of the replicates.
SPENDING = 2.0
_STEP = 0.02


@cache
def nominal_levels(looks: tuple[int, ...], alpha: float, sides: int = 2) -> tuple[float, ...]:
    """The level of each look's test, so that at least one is wrong with probability `alpha` in all.

    Args:
        looks: numbers of replicates, rising.
        alpha: of all looks together.
        sides: 2 for a test to both sides, whose level is two-sided, too; 1 for one.
    """
    if list(looks) != sorted(set(looks)) or not looks or looks[0] < 1 or not 0 < alpha < 1:
        raise ValueError(f"looks {looks}, alpha {alpha}: expected rising numbers and a share")
    spent = 0.0
    found: list[float] = []
    # The density of the sum of the replicates (each of variance 1) where no look has decided.
    grid: Floats = np.empty(0)
    density: Floats = np.empty(0)
    before = 0
    for look in looks:
        share = alpha * (look / looks[-1]) ** SPENDING
        step = np.sqrt(look - before)
        reach = 8.5 * np.sqrt(look)
        sums = np.linspace(-reach, reach, 2 * int(reach / (_STEP * np.sqrt(look))) + 1)
        if before == 0:
            now = scipy.stats.norm.pdf(sums, scale=step)
        else:
            kernel = scipy.stats.norm.pdf(sums[:, None] - grid, scale=step)
            now = kernel @ density * (grid[1] - grid[0])
        boundary = _boundary(sums, now, share - spent, sides)
        kept = np.abs(sums) < boundary if sides == 2 else sums < boundary
        grid, density, before, spent = sums[kept], now[kept], look, share
        # Of the first look there is nothing to compute.
        found.append(share if len(found) == 0 else float(sides * scipy.stats.norm.sf(boundary / np.sqrt(look))))
    return tuple(found)


def _boundary(sums: Floats, density: Floats, probability: float, sides: int) -> float:
    """What the sum exceeds, to one side or either, with a probability, by its density on a grid."""
    width = sums[1] - sums[0]
    above = np.cumsum(density[::-1])[::-1] * width - density * width / 2
    # The density is symmetric where both sides are cut; the upper tail is half of what is spent.
    return float(np.interp(-probability / sides, -above, sums))
