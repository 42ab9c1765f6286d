"""How far luck alone reaches: the variances of a bank, on the scale of the log ratio, for studies to be simulated with.

    y_ps = log(mean over users) = split_s + assignment_p + e_ps,    assignment ~ (0, v), e ~ (0, MS of the rest)

A replicate's log ratio of two assignments has the variance 2 MS of the rest, without what assignments differ in; the
share rho of the assignment is v in units of that (see judging.assignment). Its interval is the one of an F ratio
(Searle, Casella & McCulloch 1992, 3.5). What users differ in is the mean over pairs of assignments of the components
of their table of differences.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.stats

from recclaims.calibration.bank import Bank, Floats
from recclaims.judging.components import Table


@dataclass(frozen=True)
class Spread:
    """Variances of a comparison, on the scale of the log.

    Attributes:
        mean: of the metric.
        replicates: of a replicate's log ratio, without what assignments differ in.
        assignment: of an assignment; 0 where none counts. Cut at zero.
        share: assignment over replicates, as estimated, and `share_interval` its 95 % interval, cut at zero.
        users: of what a user's differences have in common in all replicates.
        residual: of a user's difference in a replicate.
        n_users: that have a value in a replicate, on average.
    """

    mean: float
    replicates: float
    assignment: float
    share: float
    share_interval: tuple[float, float]
    users: float
    residual: float
    n_users: int


def against_noise(bank: Bank, metric: str) -> Spread:
    """The variances between two assignments of the features."""
    values = bank.values[metric]
    n, seeds = values.shape[:2]
    logs = np.log(np.nanmean(values, axis=2))
    rows = logs.mean(axis=1, keepdims=True)
    rest = float(np.square(logs - rows - logs.mean(axis=0) + logs.mean()).sum() / ((n - 1) * (seeds - 1)))
    ratio = float(seeds * rows.var(ddof=1)) / rest
    ends = (float(scipy.stats.f.ppf(level, n - 1, (n - 1) * (seeds - 1))) for level in (0.975, 0.025))
    low, high = (max((ratio / end - 1) / seeds / 2, 0.0) for end in ends)
    share = max((ratio - 1) / seeds / 2, 0.0)
    users, residual = _of_users([(values[one], values[one - 1]) for one in range(n)])
    return Spread(
        float(np.nanmean(values)), 2 * rest, 2 * rest * share, share, (low, high), users, residual, _evaluable(values)
    )


def against_twin(bank: Bank, metric: str) -> Spread:
    """The variances between features that say nothing and the twin; what they differ in on average is no part."""
    values, twin = bank.values[metric], bank.twins[metric][0]
    logs = np.log(np.nanmean(values, axis=2) / np.nanmean(twin, axis=1))
    users, residual = _of_users([(one, twin) for one in values])
    replicates = float(logs.var(axis=1, ddof=1).mean())
    return Spread(float(np.nanmean(twin)), replicates, 0.0, 0.0, (0.0, 0.0), users, residual, _evaluable(values))


def _of_users(pairs: list[tuple[Floats, Floats]]) -> tuple[float, float]:
    """Components of the users and of the residual, mean over pairs of arms (n_seeds, n_users); cut at zero."""
    found = []
    for first, second in pairs:
        means = (np.nanmean(arm, axis=1, keepdims=True) for arm in (first, second))
        one, other = (arm / mean for arm, mean in zip((first, second), means, strict=True))
        components = Table((one - other).T).components()
        found.append((components.users, components.residual))
    users, residual = np.mean(found, axis=0)
    return max(float(users), 0.0), float(residual)


def _evaluable(values: Floats) -> int:
    return round(float((~np.isnan(values[0])).sum(axis=1).mean()))
