"""How sure an effect is: intervals over users and replicates, both of them random.

The effect is the mean over replicates of the mean over that replicate's evaluable users. Every function takes
`differences` as `components` describes it. Sources and measured coverage: `docs/methods.md`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import scipy

from recclaims.judging.components import Table, VarianceComponents, parts_of, ratio
from recclaims.judging.error import inverse_chi_square

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import ArrayLike

_NODES = 96
_BLOCK_ENTRIES = 4_000_000  # counts held at once by the bootstrap: 32 MB


@dataclass(frozen=True)
class Estimate:
    """An effect with its two-sided interval.

    Attributes:
        effect: mean over replicates of the mean over evaluable users; NaN without any value.
        low: lower end of the interval; -inf where one replicate or one user allows none.
        high: upper end; +inf likewise.
        p_value: two-sided, for the hypothesis of no effect; 1 where the interval is infinite, NaN
            without any value.
        n_users: users with at least one value.
        n_replicates: replicates with at least one value.
        components: see VarianceComponents.
        method: a name in INTERVALS.
        degrees_of_freedom: of the t distribution (for behrens_fisher Satterthwaite's, as a guide; for the
            bootstrap NaN).
        density: share of the (user, replicate) pairs that have a value.
        assignment: variance between assignments of the features that p_value allows for and the interval does not; see
            `assignment.py`.
    """

    effect: float
    low: float
    high: float
    p_value: float
    n_users: int
    n_replicates: int
    components: VarianceComponents
    method: str
    degrees_of_freedom: float = math.nan
    density: float = 1.0
    assignment: float = 0.0


def _estimate(table: Table, low: float, high: float, p_value: float, *, method: str, dof: float = math.nan) -> Estimate:
    """Put an interval given relative to the effect into an Estimate."""
    if not table.n_values:
        low = high = p_value = dof = math.nan
    return Estimate(
        effect=table.effect,
        low=table.effect + low,
        high=table.effect + high,
        p_value=p_value,
        n_users=table.n_users,
        n_replicates=table.n_replicates,
        components=table.components(),
        method=method,
        degrees_of_freedom=dof,
        density=ratio(table.n_values, table.n_users * table.n_replicates),
    )


def _checked(differences: ArrayLike, level: float) -> Table:
    if not 0 < level < 1:
        raise ValueError(f"level: expected 0 < level < 1, got {level}")
    return Table(differences)


def _t_interval(table: Table, variance: float, dof: float, level: float, method: str) -> Estimate:
    if math.isnan(variance):
        return _estimate(table, -math.inf, math.inf, 1.0, method=method)
    error = math.sqrt(variance)
    half = float(scipy.stats.t.isf((1 - level) / 2, dof)) * error
    p = 2 * float(scipy.stats.t.sf(abs(table.effect) / error, dof)) if error > 0 else float(table.effect == 0)
    return _estimate(table, -half, half, p, method=method, dof=dof)


def variance_component_interval(differences: ArrayLike, level: float = 0.95) -> Estimate:
    """Give the t interval on the variance-component standard error, with Satterthwaite's (1946) d.o.f.

    Var = S^2/R + max(users, 0) g, see `parts_of`; d.o.f. = Var^2 / sum(part^2 / its d.o.f.).
    """
    table = _checked(differences, level)
    parts = parts_of(table)
    return _t_interval(table, parts.replicates + parts.users, parts.dof, level, "satterthwaite")


class _BehrensFisher:
    """|sqrt(v1) T1 + sqrt(v2) T2| of independent t variables with d1 and d2 degrees of freedom."""

    def __init__(self, v1: float, d1: float, v2: float, d2: float) -> None:
        scales1, weights1 = inverse_chi_square(d1, _NODES)
        scales2, weights2 = inverse_chi_square(d2, _NODES)
        self.deviations = np.sqrt(v1 * scales1[:, None] + v2 * scales2)
        self.weights = weights1[:, None] * weights2
        self.guess = math.sqrt(v1 + v2)
        self.widest = float(scipy.stats.t.isf(1e-9, min(d1, d2)))

    def sf(self, x: float) -> float:
        """P(|.| > x): given both chi-squares the sum is normal."""
        return min(float((self.weights * scipy.special.erfc(x / (math.sqrt(2.0) * self.deviations))).sum()), 1.0)

    def isf(self, p: float) -> float:
        def excess(log_x: float) -> float:
            return math.log(max(self.sf(self.guess * math.exp(log_x)), 1e-300) / p)

        return self.guess * math.exp(float(scipy.optimize.brentq(excess, -20.0, math.log(self.widest), xtol=1e-9)))


def behrens_fisher_interval(differences: ArrayLike, level: float = 0.95) -> Estimate:
    """Give the interval of the Behrens-Fisher distribution of the two parts of the error.

    effect +- q, with q the quantile of |sqrt(S^2/R) t_{R-1} + sqrt(max(users, 0) g) t_{U-1}|, the t variables
    independent (Fisher 1935; Weerahandi 1993): a luckily small S^2 keeps its R-1 d.o.f. in the sum, where
    Satterthwaite's formula forgets them. Evaluated by quadrature, without random numbers.
    """
    table = _checked(differences, level)
    parts = parts_of(table)
    n_r, n_u = table.n_replicates, table.n_users
    total = parts.replicates + parts.users
    dof = _dof_of_the_only_part(table, parts.replicates, parts.users)
    if dof is not None:
        return _t_interval(table, total, dof, level, "behrens_fisher")
    reference = _BehrensFisher(parts.replicates, n_r - 1, parts.users, n_u - 1)
    half = reference.isf(1 - level)
    return _estimate(table, -half, half, reference.sf(abs(table.effect)), method="behrens_fisher", dof=parts.dof)


def _dof_of_the_only_part(table: Table, replicates: float, users: float) -> float | None:
    """The d.o.f. where one part of the variance is all of it, or nothing is known; None where both parts count."""
    total = replicates + users
    if not (math.isnan(total) or min(replicates, users) <= 1e-12 * total):
        return None
    return float(table.n_users - 1 if users > replicates else table.n_replicates - 1)


def behrens_fisher_tail(table: Table, replicates: float, users: float, x: float) -> float:
    """P(|sqrt(replicates) t_{R-1} + sqrt(users) t_{U-1}| > x), the t variables independent."""
    total = replicates + users
    if total == 0:
        return float(x == 0)
    dof = _dof_of_the_only_part(table, replicates, users)
    if dof is not None:
        return 2 * float(scipy.stats.t.sf(x / math.sqrt(total), dof))
    return _BehrensFisher(replicates, table.n_replicates - 1, users, table.n_users - 1).sf(x)


def crossed_bootstrap_interval(
    differences: ArrayLike, level: float = 0.95, n_resamples: int = 10_000, seed: int = 0
) -> Estimate:
    """Give the percentile interval of the pigeonhole bootstrap (Owen 2007) over users and replicates.

    Draws are made as counts, and a block of resamples is one matrix product, so that memory stays near 100 MB
    whatever the number of users. A resampled replicate none of whose users was drawn is left out of its mean.
    p = 2 min(#{<= 0} + 1, #{>= 0} + 1) / (n_resamples + 1), at most 1, never 0.
    """
    table = _checked(differences, level)
    n_u, n_r = table.n_users, table.n_replicates
    if n_r < 2 or n_u < 2:
        return _estimate(table, -math.inf, math.inf, 1.0, method="crossed_bootstrap")
    rng = np.random.default_rng(seed)
    columns = np.hstack([table.values, table.present])
    means = np.empty(n_resamples)
    block = max(1, min(n_resamples, _BLOCK_ENTRIES // n_u))
    for start in range(0, n_resamples, block):
        size = min(block, n_resamples - start)
        users = np.empty((size, n_u))
        for row in users:
            row[:] = np.bincount(rng.integers(0, n_u, n_u, dtype=np.uint32), minlength=n_u)
        sums = users @ columns
        counts = rng.multinomial(n_r, np.full(n_r, 1 / n_r), size=size) * (sums[:, n_r:] > 0)
        per_replicate = sums[:, :n_r] / np.maximum(sums[:, n_r:], 1)
        drawn = counts.sum(axis=1)
        means[start : start + size] = (counts * per_replicate).sum(axis=1) / np.maximum(drawn, 1)
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    absolute = means + table.effect
    tail = min(int((absolute <= 0).sum()), int((absolute >= 0).sum()))
    p = min(2 * (tail + 1) / (n_resamples + 1), 1.0)
    return _estimate(table, float(low), float(high), p, method="crossed_bootstrap")


def nadeau_bengio_interval(differences: ArrayLike, level: float = 0.95, test_share: float = 0.2) -> Estimate:
    """Give the t interval over replicate means with Nadeau and Bengio's (2003) variance.

    Var = S^2 (1/R + n_test/n_train), R-1 d.o.f.: the replicates of one dataset share training data.

    Args:
        differences: see the module.
        level: two-sided confidence level.
        test_share: share of the interactions that a split holds out for testing; the rest trains.
    """
    if not 0 <= test_share < 1:
        raise ValueError(f"test_share: expected 0 <= test_share < 1, got {test_share}")
    table = _checked(differences, level)
    n_r = table.n_replicates
    variance = math.nan
    if n_r > 1:
        variance = float(table.replicate_means.var(ddof=1)) * (1 / n_r + test_share / (1 - test_share))
    return _t_interval(table, variance, n_r - 1, level, "nadeau_bengio")


INTERVALS: dict[str, Callable[..., Estimate]] = {
    "satterthwaite": variance_component_interval,
    "behrens_fisher": behrens_fisher_interval,
    "crossed_bootstrap": crossed_bootstrap_interval,
    "nadeau_bengio": nadeau_bengio_interval,
}
DEFAULT_INTERVAL = "behrens_fisher"
