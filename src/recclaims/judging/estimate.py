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
    first, second = (np.asarray(arm, dtype=np.float64) for arm in (treatment, control))
    absent = np.asarray(np.isnan(first - second))
    first, second = (np.where(absent, np.nan, arm) for arm in (first, second))
    evaluable = np.asarray(~absent.all(axis=0))
    of_replicates = np.full((2, len(evaluable)), np.nan)
    for row, arm in zip(of_replicates, (first, second), strict=True):
        row[evaluable] = np.nanmean(arm[:, evaluable], axis=0)
    treated, other = (float(row[evaluable].mean()) if evaluable.any() else math.nan for row in of_replicates)
    if not (of_replicates[:, evaluable] > 0).all() or not evaluable.any():
        table = Table(first - second)
        empty = (of_replicates[:, evaluable] == 0).any(axis=1)
        log_ratio = math.nan if empty.all() or not evaluable.any() else (-math.inf if empty[0] else math.inf)
        error = ErrorDistribution((math.nan,), (1.0,), 0.0)
        return Estimate(treated, other, log_ratio, error, table.n_users, table.n_replicates, table.components())
    table = Table(np.log(of_replicates[0] / of_replicates[1]) + first / of_replicates[0] - second / of_replicates[1])
    groups = None if assignments is None else [group for group, one in zip(assignments, evaluable, strict=True) if one]
    shares = None if groups is None or table.n_replicates < 2 else Shares.of(table.replicate_means, groups, luck, prior)
    error = _error(table, shares)
    return Estimate(treated, other, table.effect, error, table.n_users, table.n_replicates, table.components(), shares)


def _error(table: Table, shares: Shares | None) -> ErrorDistribution:
    parts = parts_of(table)
    dof = table.n_replicates - 1.0
    users_dof = table.n_users - 1.0 if parts.users > 0 else math.inf
    if shares is None:
        return ErrorDistribution((parts.replicates,), (1.0,), dof, parts.users, users_dof)
    return ErrorDistribution.over(shares, dof, parts.users, users_dof)
