"""The variances in a table of paired differences: between users, between replicates, and the rest.

A table `differences` is float64 (n_users, n_replicates), treatment minus control of one metric, NaN where a
user has no relevant test item in a replicate. Formulas and sources: `docs/methods.md`.
"""

from __future__ import annotations

import math
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


class VarianceComponents(NamedTuple):
    """Unbiased estimates of the variances in D_ur = mu + a_u + b_r + e_ur.

    An estimate may be negative (the truth is then near zero); NaN where the data cannot tell it apart.
    """

    users: float
    replicates: float
    residual: float


class Table:
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
        """Sum of squared deviations of the present values from `fitted`, which broadcasts to the table."""
        return float(np.square(np.where(self.present, self.values - fitted, 0.0)).sum())

    @cached_property
    def fits(self) -> tuple[float, float, float, int]:
        """Mean squares within replicates, within users, of the additive fit, and d.o.f. of the last."""
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
        within_replicates = ratio(self.squares(self.replicate_means), n - n_r)
        return (
            within_replicates,
            ratio(self.squares(user_means), n - n_u),
            ratio(self.squares(fitted), dof),
            dof,
        )

    def components(self) -> VarianceComponents:
        """See `variance_components`."""
        if not self.n_values:
            return VarianceComponents(math.nan, math.nan, math.nan)
        within_replicates, within_users, residual, _ = self.fits
        return VarianceComponents(within_replicates - residual, within_users - residual, residual)


class Parts(NamedTuple):
    """The variance of an effect as two independent parts, with Satterthwaite's d.o.f.; NaN: unknown."""

    replicates: float
    users: float
    dof: float


def ratio(numerator: float, denominator: float) -> float:
    """Divide; NaN where there is nothing to divide by."""
    return numerator / denominator if denominator > 0 else math.nan


def variance_components(differences: ArrayLike) -> VarianceComponents:
    """Estimate the variances between users, between replicates and of the residual.

    The method of fitting constants (Henderson's method III; Searle, Casella & McCulloch 1992, 5.5), which in
    this model is: users = (pooled variance within replicates, N-R d.o.f.) - residual; replicates = (pooled
    variance within users, N-U d.o.f.) - residual; residual = mean square of the additive fit, N-U-R+1
    d.o.f. (more where the design falls apart). Unlike with method I, no estimate of one factor carries the
    effects of the other. Balanced, these are the ANOVA estimators.
    """
    return Table(differences).components()


def parts_of(table: Table) -> Parts:
    """Split the variance of the effect: E[S^2]/R + users * g.

    S^2 is the sample variance of the replicate means and g the mean over pairs r != s of
    sum_u m_ur m_us / (n_r n_s), 1/U when balanced: an identity, whatever is missing. S^2 is kept whole,
    with its R-1 d.o.f.; only the user component is cut at zero. The d.o.f. are at least 1.
    """
    n_r, n_u = table.n_replicates, table.n_users
    if n_r < 2:
        return Parts(math.nan, math.nan, math.nan)
    replicates = float(table.replicate_means.var(ddof=1)) / n_r
    weights = table.present / table.per_replicate
    # sum over r != s of G_rs, G = weights' weights, without forming the differences of large sums
    shared = float((np.square(weights.sum(axis=1)) - np.square(weights).sum(axis=1)).sum())
    share = max(shared, 0.0) / (n_r * (n_r - 1))
    if (table.per_user < 2).all():  # no user is seen twice: S^2 holds all there is
        return Parts(replicates, 0.0, float(n_r - 1))
    within_replicates, _, residual, dof = table.fits
    if math.isnan(within_replicates):  # one user: nothing is known of the population of users
        return Parts(math.nan, math.nan, math.nan)
    if math.isnan(residual):  # users and residual cannot be told apart: count both as users
        residual, dof = 0.0, 1
    users = max(within_replicates - residual, 0.0)
    per_user = (table.n_values - n_r) / (n_u - 1)
    spread = np.square(users + residual / per_user) / (n_u - 1) + np.square(residual / per_user) / dof
    total = replicates + users * share
    uncertainty = replicates**2 / (n_r - 1) + share**2 * float(spread) * (users > 0)
    # The users' part is a difference, so that the formula can fall below every d.o.f. that went into it.
    dof_of_sum = max(total**2 / uncertainty, 1.0) if uncertainty > 0 else float(n_r - 1)
    return Parts(replicates, users * share, dof_of_sum)
