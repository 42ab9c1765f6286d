"""The rule that this library had before: an absolute difference, and the assignment's variance taken for true.

Whether luck in which item got which features could explain an effect against noise.

Real features were assigned to the items once, noise is assigned anew in every replicate. Were real features noise, they
would be one more assignment; what another assignment would have changed is in no difference between replicates, all of
which share the real one. An interval over users and replicates is right about the effect on *these* items, and silent
on that.

    Var = S^2/R + users g + assignment,    assignment = min(max(v(C) - v(T), v(T - C), 0), S^2)

with S^2 the sample variance of the differences' means and v the component of the replicates (`components`) of the
control C, the treatment T and their differences: both estimate the variance between assignments, the second together
with whatever else replicates differ in. The larger is taken, since either is uncertain; S^2 has all of it in it, and
does not hold what both arms share, as v(C) and v(T) do. Measured in `docs/methods.md`.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from recclaims.calibration.intervals import DEFAULT_INTERVAL, INTERVALS, Estimate, behrens_fisher_tail
from recclaims.judging.components import Table, parts_of


def assignment_variance(treatment: ArrayLike, control: ArrayLike) -> float:
    """Estimate the variance of an arm's mean between assignments of noise; 0 where nothing shows any.

    Args:
        treatment, control: one metric, float (n_users, n_replicates), NaN where a user has no relevant test item.
    """
    first, second = (np.asarray(arm, dtype=np.float64) for arm in (treatment, control))
    differences = Table(first - second)
    if differences.n_replicates < 2:
        return 0.0
    of_treatment, of_control = (Table(arm).components().replicates for arm in (first, second))
    estimates = (of_control - of_treatment, differences.components().replicates)
    most = float(differences.replicate_means.var(ddof=1))
    return min(max([0.0, *(value for value in estimates if not math.isnan(value))]), most)


def assignment_p_value(treatment: ArrayLike, control: ArrayLike, variance: float) -> float:
    """Two-sided p of no effect where real features count as one assignment among those of the noise.

    Args:
        treatment, control: see assignment_variance; real features and noise, in either order.
        variance: what assignment_variance says of them.

    Returns:
        1 where one replicate or one user allows no judgement; NaN without any value.
    """
    table = Table(np.asarray(treatment, dtype=np.float64) - np.asarray(control, dtype=np.float64))
    if not table.n_values:
        return math.nan
    parts = parts_of(table)
    if math.isnan(parts.replicates + parts.users):
        return 1.0
    return behrens_fisher_tail(table, parts.replicates + variance, parts.users, abs(table.effect))


def judged_by(treatment: NDArray[np.float64], control: NDArray[np.float64], assigned: bool) -> Estimate:
    """The estimate by which cases were judged: arms float64 (n_users, n_replicates), `assigned`: noise against real."""
    estimate = INTERVALS[DEFAULT_INTERVAL](treatment - control)
    if not assigned or np.isnan(estimate.p_value):
        return estimate
    assignment = assignment_variance(treatment, control)
    p_value = max(estimate.p_value, assignment_p_value(treatment, control, assignment))
    return replace(estimate, p_value=p_value, assignment=assignment)
