"""What a claim needs beside one interval: Holm's adjustment for its family, and what more data would give.

The intervals are those of `intervals`; formulas and sources: `docs/methods.md`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import scipy

from recclaims.judging.components import Floats, VarianceComponents
from recclaims.judging.intervals import DEFAULT_INTERVAL, INTERVALS, Estimate

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import ArrayLike

__all__ = [
    "DEFAULT_INTERVAL",
    "INTERVALS",
    "Estimate",
    "SampleSizeAdvice",
    "VarianceComponents",
    "holm",
    "seeds_needed_for_p",
    "users_or_seeds_needed",
]

MOST_USERS = 10_000_000
MOST_REPLICATES = 1_000


@dataclass(frozen=True)
class SampleSizeAdvice:
    """How many users (replicates as they are) or replicates (users as they are) would do; None: no number."""

    users: int | None
    replicates: int | None


def holm(p_values: ArrayLike) -> Floats:
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


def _planned_half_width(
    components: VarianceComponents,
    n_users: float,
    n_replicates: float,
    level: float,
    density: float,
    dealing: float = 0.0,
) -> float:
    """Half-width to expect: sqrt(t^2 users/U + t^2 [(replicates + residual/U)/R + dealing]).

    Banerjee's (1961) combination, each part with its own d.o.f.: it falls with either number, which
    Satterthwaite's does not, and it is near, and seldom below, that of `behrens_fisher_interval`.
    """
    users = max(components.users, 0.0) / n_users
    residual = components.residual / (n_users * density)
    replicates = (max(components.replicates, 0.0) + residual) / n_replicates + dealing
    return math.hypot(
        float(scipy.stats.t.isf((1 - level) / 2, max(n_users - 1, 1))) * math.sqrt(users),
        float(scipy.stats.t.isf((1 - level) / 2, n_replicates - 1)) * math.sqrt(replicates),
    )


def _smallest(reached: Callable[[int], bool], start: int, most: int) -> int | None:
    """Find the smallest count in [start, most] from which on the half-width is small enough, else None."""
    if not reached(most):
        return None
    low, high = start - 1, most
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if reached(middle) else (middle, high)
    return high


def users_or_seeds_needed(
    components: VarianceComponents,
    n_users: int,
    n_replicates: int,
    half_width: float,
    *,
    level: float = 0.95,
    density: float = 1.0,
) -> SampleSizeAdvice:
    """Find how many users, or else how many replicates, would bring the half-width down to `half_width`.

    A plan, not a promise: it takes the components as known, negative ones as zero. None where no number up to
    MOST_USERS or MOST_REPLICATES would do. Never fewer than there are.

    Args:
        components: of the data so far.
        n_users: users so far.
        n_replicates: replicates so far.
        half_width: the half-width wanted, in units of the metric.
        level: two-sided confidence level.
        density: share of (user, replicate) pairs that have a value.
    """
    if not (half_width > 0 and all(map(math.isfinite, components)) and density > 0):
        return SampleSizeAdvice(None, None)

    def enough(users: int, replicates: int) -> bool:
        return _planned_half_width(components, users, replicates, level, density) <= half_width

    return SampleSizeAdvice(
        users=_smallest(lambda n: enough(n, n_replicates), n_users, MOST_USERS) if n_replicates > 1 else None,
        replicates=_smallest(lambda n: enough(n_users, n), max(n_replicates, 2), MOST_REPLICATES),
    )


def seeds_needed_for_p(estimate: Estimate, p_value: float) -> int | None:
    """Find how many replicates would bring the two-sided p down to `p_value`, were the effect what it seems to be.

    A plan, as that of users_or_seeds_needed. None where no number up to MOST_REPLICATES would do: real features stay
    one dealing, however many dealings of noise they are compared with (`dealing`).
    """
    if not (0 < p_value < 1 and estimate.effect and all(map(math.isfinite, estimate.components))):
        return None

    def enough(replicates: int) -> bool:
        half_width = _planned_half_width(
            estimate.components, estimate.n_users, replicates, 1 - p_value, estimate.density, estimate.dealing
        )
        return half_width <= abs(estimate.effect)

    return _smallest(enough, estimate.n_replicates + 1, MOST_REPLICATES)
