"""An effect as a ratio of two means, with its interval over replicates and users; for noise, over assignments, too.

    effect = mean over replicates r of log(T_r / C_r),    T_r, C_r: mean over the evaluable users of r

The log, because a ratio's own interval is lopsided and reaches below -100 %; replicate by replicate, because what a
split does to both arms then cancels, however much their means vary. To the first order (delta method; Oehlert 1992) a
user's share in log(T_r / C_r) is T_ur / T_r - C_ur / C_r: with that, the effect is the mean of a table of users and
replicates like any other, and its variance that of `components`. Shown as exp(effect) - 1. Sources and measured
coverage: `docs/methods.md`.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from recclaims.judging.assignment import TRAINED, Shares
from recclaims.judging.components import Table, VarianceComponents, parts_of
from recclaims.judging.error import ErrorDistribution

#: Of the interval that is shown.
SHOWN = 0.95


@dataclass(frozen=True)
class Estimate:
    """An effect relative to the control.

    Attributes:
        treatment_mean, control_mean: see the module; in units of the metric.
        log_ratio: the effect; NaN where there is nothing to compare, infinite where one finds nothing in a replicate.
        error: how far it may be from the truth, on the scale of the log.
        n_users, n_replicates: those with at least one value.
        components: variances of the table, on the scale of the log.
        shares: where an arm reads noise, what its replicates say of luck in the assignment.
    """

    treatment_mean: float
    control_mean: float
    log_ratio: float
    error: ErrorDistribution
    n_users: int
    n_replicates: int
    components: VarianceComponents
    shares: Shares | None = field(default=None, compare=False)

    @property
    def effect(self) -> float:
        """Treatment minus control, in units of the metric."""
        return self.treatment_mean - self.control_mean

    @property
    def relative(self) -> float:
        """The effect as a share of the control's mean."""
        return math.expm1(self.log_ratio)

    @property
    def p_value(self) -> float:
        """Two-sided, of no effect; NaN where there is none to test."""
        return self.error.tail(abs(self.log_ratio)) if math.isfinite(self.log_ratio) else math.nan

    def interval(self, level: float = SHOWN) -> tuple[float, float]:
        """Limits that hold the relative effect with probability `level`; -1 and infinity where nothing is known."""
        if not math.isfinite(self.log_ratio):
            return math.nan, math.nan
        half = self.error.half_width(1 - level)
        high = self.log_ratio + half
        return math.expm1(self.log_ratio - half), math.expm1(high) if high < 700 else math.inf


def mean_of(values: NDArray[np.float64]) -> float:
    """Mean over replicates of the mean over that replicate's users, for (n_users, n_replicates) with NaN."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Mean of empty slice")  # nobody to average over: NaN says so
        return float(np.nanmean(np.nanmean(values, axis=0)))


def estimate(
    treatment: ArrayLike,
    control: ArrayLike,
    assignments: Sequence[int] | None = None,
    luck: bool = False,
    prior: float = TRAINED,
) -> Estimate:
    """Compare two arms, paired by user and replicate.

    Args:
        treatment, control: one metric, float (n_users, n_replicates), NaN where a user has no relevant test item.
        assignments: where an arm reads noise, of each replicate which assignment to the items it had.
        luck: whether the other arm reads the same features as they are, whose assignment is then one of many.
        prior: see assignment.
    """
    pair = Pair.of(treatment, control)
    treated, other = (float(row[pair.evaluable].mean()) if pair.evaluable.any() else math.nan for row in pair.means)
    if not pair.is_positive:
        table = Table(pair.first - pair.second)
        empty = (pair.means[:, pair.evaluable] == 0).any(axis=1)
        log_ratio = math.nan if empty.all() or not pair.evaluable.any() else (-math.inf if empty[0] else math.inf)
        return without_error(treated, other, log_ratio, table)
    table = Table(pair.log_ratios + pair.shares)
    return estimate_of(table, (treated, other), assignments, pair.evaluable, luck, prior)


@dataclass(frozen=True)
class Pair:
    """Two arms on the users and replicates that both have.

    Attributes:
        first, second: float64 (n_users, n_replicates), NaN where either has no value.
        evaluable: which replicates have anybody, bool (n_replicates,).
        means: of either arm in each, float64 (2, n_replicates), NaN in the others.
    """

    first: NDArray[np.float64]
    second: NDArray[np.float64]
    evaluable: NDArray[np.bool_]
    means: NDArray[np.float64]

    @classmethod
    def of(cls, treatment: ArrayLike, control: ArrayLike) -> Pair:
        """Leave out what one arm lacks."""
        first, second = (np.asarray(arm, dtype=np.float64) for arm in (treatment, control))
        absent = np.asarray(np.isnan(first - second))
        first, second = (np.where(absent, np.nan, arm) for arm in (first, second))
        evaluable = np.asarray(~absent.all(axis=0))
        means = np.full((2, len(evaluable)), np.nan)
        for row, arm in zip(means, (first, second), strict=True):
            row[evaluable] = np.nanmean(arm[:, evaluable], axis=0)
        return cls(first, second, evaluable, means)

    @property
    def is_positive(self) -> bool:
        """Whether both arms find something in every replicate that has anybody, so that there is a ratio."""
        return bool(self.evaluable.any() and (self.means[:, self.evaluable] > 0).all())

    @property
    def log_ratios(self) -> NDArray[np.float64]:
        """The effect in each replicate, float64 (n_replicates,)."""
        found: NDArray[np.float64] = np.log(self.means[0] / self.means[1])
        return found

    @property
    def shares(self) -> NDArray[np.float64]:
        """How far each user moves it, float64 (n_users, n_replicates), with a mean of zero in each replicate."""
        found: NDArray[np.float64] = self.first / self.means[0] - self.second / self.means[1]
        return found


def without_error(treated: float, other: float, log_ratio: float, table: Table) -> Estimate:
    """Where there is no ratio: the means, and nothing of how far they may be from the truth."""
    error = ErrorDistribution((math.nan,), (1.0,), 0.0)
    return Estimate(treated, other, log_ratio, error, table.n_users, table.n_replicates, table.components())


def estimate_of(
    table: Table,
    means: tuple[float, float],
    assignments: Sequence[int] | None,
    evaluable: NDArray[np.bool_],
    luck: bool,
    prior: float,
) -> Estimate:
    """The mean of a table of the evaluable replicates, beside the means of what it compares; see estimate."""
    parts = parts_of(table)
    dof = table.n_replicates - 1.0
    users_dof = table.n_users - 1.0 if parts.users > 0 else math.inf
    shares = None
    error = ErrorDistribution((parts.replicates,), (1.0,), dof, parts.users, users_dof)
    if assignments is not None and dof >= 1:
        groups = [group for group, one in zip(assignments, evaluable, strict=True) if one]
        shares = Shares.of(table.replicate_means, groups, luck, prior)
        error = ErrorDistribution.over(shares, dof, parts.users, users_dof)
    return Estimate(*means, table.effect, error, table.n_users, table.n_replicates, table.components(), shares)
