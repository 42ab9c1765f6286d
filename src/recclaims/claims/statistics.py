r"""How sure an effect is: intervals over users and replicates, Holm's adjustment, and what more data would give.

Every function takes `differences`: float64 (n_users, n_replicates), treatment minus control of one
metric, NaN where a user has no relevant test item in a replicate. The effect is the mean over
replicates of the mean over that replicate's evaluable users. Users and replicates are both random.
Sources and measured coverage: `docs/methods.md`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import optimize, special, stats

Floats = NDArray[np.float64]

MOST_USERS = 10_000_000
MOST_REPLICATES = 1_000
_NODES = 96
_BLOCK_ENTRIES = 4_000_000  # counts held at once by the bootstrap: 32 MB


class VarianceComponents(NamedTuple):
    """Unbiased estimates of the variances in D_ur = mu + a_u + b_r + e_ur.

    An estimate may be negative (the truth is then near zero); NaN where the data cannot tell it apart.
    """

    users: float
    replicates: float
    residual: float


@dataclass(frozen=True)
class Estimate:
    """An effect with its two-sided interval.

    Attributes:
        effect: mean over replicates of the mean over evaluable users; NaN without any value.
        low: lower end of the interval; -inf where one replicate or one user allows none.
        high: upper end; +inf likewise.
        p_value: two-sided, for the hypothesis of no effect; 1 where there is no interval.
        n_users: users with at least one value.
        n_replicates: replicates with at least one value.
        components: see VarianceComponents.
        method: a name in INTERVALS.
        degrees_of_freedom: of the t distribution (for behrens_fisher Satterthwaite's, as a guide; for the
            bootstrap NaN).
        density: share of the (user, replicate) pairs that have a value.
    """

    effect: float
    low: float
    high: float
    p_value: float
    n_users: int
    n_replicates: int
    components: VarianceComponents
    method: str
    degrees_of_freedom: float
    density: float = 1.0


@dataclass(frozen=True)
class SampleSizeAdvice:
    """How many users (replicates as they are) or replicates (users as they are); None: more than could be had."""

    users: int | None
    replicates: int | None


class _Table:
    """The values with empty users and replicates left out, centred on the effect, zero where missing."""

    def __init__(self, differences: ArrayLike) -> None:
        values = np.asarray(differences, dtype=np.float64)
        if values.ndim != 2:
            raise ValueError(f"differences: expected (n_users, n_replicates), got shape {values.shape}")
        if np.isinf(values).any():
            raise ValueError("differences: an infinite value; only finite values or NaN (not evaluable)")
        present = ~np.isnan(values)
        kept = np.ix_(present.any(axis=1), present.any(axis=0))
        self.present = present[kept]
        self.n_users, self.n_replicates = self.present.shape
        self.n_values = int(self.present.sum())
        self.per_user: Floats = self.present.sum(axis=1).astype(np.float64)
        self.per_replicate: Floats = self.present.sum(axis=0).astype(np.float64)
        filled = np.where(self.present, values[kept], 0.0)
        means = filled.sum(axis=0) / self.per_replicate
        self.effect = float(means.mean()) if self.n_values else math.nan
        self.values: Floats = np.where(self.present, filled - self.effect, 0.0)
        self.replicate_means: Floats = self.values.sum(axis=0) / self.per_replicate

    def squares(self, fitted: Floats) -> float:
        """Sum of squared deviations of the present values from `fitted`, broadcast to (n_users, n_replicates)."""
        return float(np.square(np.where(self.present, self.values - fitted, 0.0)).sum())

    def fits(self) -> tuple[float, float, float, int]:
        """Mean squares within replicates, within users and of the additive fit, and the d.o.f. of the last."""
        n, n_u, n_r = self.n_values, self.n_users, self.n_replicates
        user_means = (self.values.sum(axis=1) / self.per_user)[:, None]
        incidence = self.present.astype(np.float64)
        # Least squares of user + replicate effects, the users eliminated: an R x R system (Searle 1992, 5.3).
        system = np.diag(self.per_replicate) - incidence.T @ (incidence / self.per_user[:, None])
        target = np.where(self.present, self.values - user_means, 0.0).sum(axis=0)
        roots, vectors = np.linalg.eigh(system)
        solvable = roots > 1e-9 * max(float(self.per_replicate.max()), 1.0)
        beta = (vectors[:, solvable] / roots[solvable]) @ (vectors[:, solvable].T @ target)
        fitted = user_means + beta - (incidence @ beta / self.per_user)[:, None]
        dof = n - n_u - int(solvable.sum())
        within_replicates = _ratio(self.squares(self.replicate_means), n - n_r)
        return (
            within_replicates,
            _ratio(self.squares(user_means), n - n_u),
            _ratio(self.squares(fitted), dof),
            dof,
        )

    def components(self) -> VarianceComponents:
        if not self.n_values:
            return VarianceComponents(math.nan, math.nan, math.nan)
        within_replicates, within_users, residual, _ = self.fits()
        return VarianceComponents(within_replicates - residual, within_users - residual, residual)

    def estimate(self, low: float, high: float, p_value: float, method: str, dof: float) -> Estimate:
        """Put an interval given relative to the effect into an Estimate."""
        if not self.n_values:
            low = high = p_value = dof = math.nan
        return Estimate(
            effect=self.effect,
            low=self.effect + low,
            high=self.effect + high,
            p_value=p_value,
            n_users=self.n_users,
            n_replicates=self.n_replicates,
            components=self.components(),
            method=method,
            degrees_of_freedom=dof,
            density=_ratio(self.n_values, self.n_users * self.n_replicates),
        )


class _Parts(NamedTuple):
    """The variance of an effect as two independent parts, and Satterthwaite's d.o.f. of their sum."""

    replicates: float
    users: float
    dof: float


def _ratio(numerator: float, denominator: float) -> float:
    return numerator / denominator if denominator > 0 else math.nan


def variance_components(differences: ArrayLike) -> VarianceComponents:
    """Estimate the variances between users, between replicates and of the residual.

    The method of fitting constants (Henderson's method III; Searle, Casella & McCulloch 1992, 5.5), which in
    this model is: users = (pooled variance within replicates, N-R d.o.f.) - residual; replicates = (pooled
    variance within users, N-U d.o.f.) - residual; residual = mean square of the additive fit, N-U-R+1
    d.o.f. (more where the design falls apart). Unlike method I no estimate of one factor carries the effects of
    the other. Balanced, these are the ANOVA estimators.
    """
    return _Table(differences).components()


def _parts(table: _Table) -> _Parts:
    """Split Var(effect) = E[S^2]/R + users * g.

    S^2 is the sample variance of the replicate means and g the mean over pairs r != s of
    sum_u m_ur m_us / (n_r n_s), 1/U when balanced: an identity, whatever is missing. S^2 is kept whole,
    with its R-1 d.o.f.; only the user component is cut at zero.
    """
    n_r, n_u = table.n_replicates, table.n_users
    if n_r < 2:
        return _Parts(math.nan, math.nan, math.nan)
    replicates = float(table.replicate_means.var(ddof=1)) / n_r
    weights = table.present / table.per_replicate
    # sum over r != s of G_rs, G = weights' weights, without forming the differences of large sums
    shared = float((np.square(weights.sum(axis=1)) - np.square(weights).sum(axis=1)).sum())
    share = max(shared, 0.0) / (n_r * (n_r - 1))
    if (table.per_user < 2).all():  # no user is seen twice: S^2 holds all there is
        return _Parts(replicates, 0.0, float(n_r - 1))
    within_replicates, _, residual, dof = table.fits()
    if math.isnan(within_replicates):  # one user: nothing is known of the population of users
        return _Parts(math.nan, math.nan, math.nan)
    if math.isnan(residual):  # users and residual cannot be told apart: count both as users
        residual, dof = 0.0, 1
    users = max(within_replicates - residual, 0.0)
    per_user = (table.n_values - n_r) / (n_u - 1)
    spread = np.square(users + residual / per_user) / (n_u - 1) + np.square(residual / per_user) / dof
    total = replicates + users * share
    uncertainty = replicates**2 / (n_r - 1) + share**2 * float(spread) * (users > 0)
    return _Parts(replicates, users * share, total**2 / uncertainty if uncertainty > 0 else float(n_r - 1))


def _t_interval(table: _Table, variance: float, dof: float, level: float, method: str) -> Estimate:
    if math.isnan(variance):
        return table.estimate(-math.inf, math.inf, 1.0, method, math.nan)
    error = math.sqrt(variance)
    half = float(stats.t.isf((1 - level) / 2, dof)) * error
    p = 2 * float(stats.t.sf(abs(table.effect) / error, dof)) if error > 0 else float(table.effect == 0)
    return table.estimate(-half, half, p, method, dof)


def variance_component_interval(differences: ArrayLike, level: float = 0.95) -> Estimate:
    """T interval on the variance-component standard error with Satterthwaite's (1946) d.o.f.

    Var = S^2/R + max(users, 0) g, see `_parts`; d.o.f. = Var^2 / sum(part^2 / its d.o.f.).
    """
    table = _Table(differences)
    parts = _parts(table)
    return _t_interval(table, parts.replicates + parts.users, parts.dof, level, "satterthwaite")


def _inverse_scales(dof: float) -> tuple[Floats, Floats]:
    """Nodes dof/chi2 and weights that integrate over a chi-square variable with `dof` d.o.f.

    The trapezoid rule in x = log sqrt(chi2/dof), whose log density is -dof (exp(2x)/2 - x): analytic with
    both tails negligible, so that it converges faster than any power of the step.
    """
    cut = 36.0 / dof
    x = np.linspace(-min(cut + 0.5, 2 * math.sqrt(cut)) if cut < 0.3 else -cut - 0.5, math.sqrt(cut), _NODES)
    log_density = -dof * (np.exp(2 * x) / 2 - x - 0.5)
    weights = np.exp(log_density)
    return np.exp(-2 * x), weights / weights.sum()


class _BehrensFisher:
    """|sqrt(v1) T1 + sqrt(v2) T2| of independent t variables with d1 and d2 degrees of freedom."""

    def __init__(self, v1: float, d1: float, v2: float, d2: float) -> None:
        scales1, weights1 = _inverse_scales(d1)
        scales2, weights2 = _inverse_scales(d2)
        self.deviations = np.sqrt(v1 * scales1[:, None] + v2 * scales2)
        self.weights = weights1[:, None] * weights2
        self.guess = math.sqrt(v1 + v2)
        self.widest = float(stats.t.isf(1e-9, min(d1, d2)))

    def sf(self, x: float) -> float:
        """P(|.| > x): given both chi-squares the sum is normal."""
        return min(float((self.weights * special.erfc(x / (math.sqrt(2.0) * self.deviations))).sum()), 1.0)

    def isf(self, p: float) -> float:
        def excess(log_x: float) -> float:
            return math.log(max(self.sf(self.guess * math.exp(log_x)), 1e-300) / p)

        return self.guess * math.exp(float(optimize.brentq(excess, -20.0, math.log(self.widest), xtol=1e-9)))


def behrens_fisher_interval(differences: ArrayLike, level: float = 0.95) -> Estimate:
    """Interval from the Behrens-Fisher (fiducial, generalised) distribution of the two parts of the error.

    effect +- q, with q the quantile of |sqrt(S^2/R) t_{R-1} + sqrt(max(users, 0) g) t_{U-1}|, the t variables
    independent (Fisher 1935; Weerahandi 1993): a luckily small S^2 keeps its R-1 d.o.f. in the sum, where
    Satterthwaite's formula forgets them. Evaluated by quadrature, without random numbers.
    """
    table = _Table(differences)
    parts = _parts(table)
    n_r, n_u = table.n_replicates, table.n_users
    total = parts.replicates + parts.users
    if math.isnan(total) or min(parts.replicates, parts.users) <= 1e-12 * total:
        dof = float(n_u - 1 if parts.users > parts.replicates else n_r - 1)
        return _t_interval(table, total, dof, level, "behrens_fisher")
    reference = _BehrensFisher(parts.replicates, n_r - 1, parts.users, n_u - 1)
    half = reference.isf(1 - level)
    return table.estimate(-half, half, reference.sf(abs(table.effect)), "behrens_fisher", parts.dof)


def crossed_bootstrap_interval(
    differences: ArrayLike, level: float = 0.95, n_resamples: int = 10_000, seed: int = 0
) -> Estimate:
    """Percentile interval of the pigeonhole bootstrap (Owen 2007): users and replicates resampled independently.

    Draws are made as multinomial counts, and a block of resamples is two matrix products, so that memory stays
    near 100 MB whatever the number of users. A resampled replicate none of whose users was drawn is left out
    of its mean. p = 2 min(#{<= 0} + 1, #{>= 0} + 1) / (n_resamples + 1), at most 1, never 0.
    """
    table = _Table(differences)
    n_u, n_r = table.n_users, table.n_replicates
    if n_r < 2 or n_u < 2:
        return table.estimate(-math.inf, math.inf, 1.0, "crossed_bootstrap", math.nan)
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
    return table.estimate(float(low), float(high), p, "crossed_bootstrap", math.nan)


def nadeau_bengio_interval(differences: ArrayLike, level: float = 0.95, test_share: float = 0.2) -> Estimate:
    """T interval over replicate means, variance S^2 (1/R + n_test/n_train) (Nadeau & Bengio 2003), R-1 d.o.f.

    Args:
        differences: see the module.
        level: two-sided confidence level.
        test_share: share of the interactions that a split holds out for testing; the rest trains.
    """
    if not 0 <= test_share < 1:
        raise ValueError(f"test_share: expected 0 <= test_share < 1, got {test_share}")
    table = _Table(differences)
    n_r = table.n_replicates
    variance = math.nan
    if n_r > 1:
        variance = float(table.replicate_means.var(ddof=1)) * (1 / n_r + test_share / (1 - test_share))
    return _t_interval(table, variance, n_r - 1, level, "nadeau_bengio")


def holm(p_values: ArrayLike) -> Floats:
    """Adjust p-values for their family (Holm 1979): the i-th smallest of m times m-i+1, running maximum, at most 1.

    Args:
        p_values: float64 (m,); NaN (nothing was tested) is left out of the family and stays NaN.
    """
    p = np.asarray(p_values, dtype=np.float64)
    adjusted = np.full(p.shape, np.nan)
    tested = np.flatnonzero(~np.isnan(p))
    order = tested[np.argsort(p[tested], kind="stable")]
    factors = np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(np.maximum.accumulate(p[order] * factors), 1.0)
    return adjusted


def _planned_half_width(
    components: VarianceComponents, n_users: float, n_replicates: float, level: float, density: float
) -> float:
    """Half-width to expect from `variance_component_interval` with so many users and replicates."""
    users = max(components.users, 0.0) / n_users
    residual = components.residual / (n_users * density)
    replicates = (max(components.replicates, 0.0) + residual) / n_replicates
    total = users + replicates
    if total == 0:
        return 0.0
    dof = total**2 / (users**2 / max(n_users - 1, 1) + replicates**2 / (n_replicates - 1))
    return float(stats.t.isf((1 - level) / 2, dof)) * math.sqrt(total)


def _smallest(reached: Callable[[int], bool], start: int, most: int) -> int | None:
    """Find the smallest count in [start, most] from which a falling half-width is small enough, else None."""
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
    level: float = 0.95,
    density: float = 1.0,
) -> SampleSizeAdvice:
    """Find how many users, or else how many replicates, would bring the interval's half-width to `half_width`.

    A plan, not a promise: it takes the components as known, negative ones as zero. None where no number would
    do, or only more than MOST_USERS or MOST_REPLICATES. Never fewer than there are.

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


INTERVALS: dict[str, Callable[..., Estimate]] = {
    "satterthwaite": variance_component_interval,
    "behrens_fisher": behrens_fisher_interval,
    "crossed_bootstrap": crossed_bootstrap_interval,
    "nadeau_bengio": nadeau_bengio_interval,
}
DEFAULT_INTERVAL = "satterthwaite"
