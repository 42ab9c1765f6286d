"""From the cells of two arms to an estimate: paired by user and replicate."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from recclaims.engine.cell import CellResult
from recclaims.judging.assignment import dealing_p_value, dealing_variance
from recclaims.judging.statistics import DEFAULT_INTERVAL, INTERVALS, Estimate


@dataclass(frozen=True)
class Comparison:
    """Treatment against control.

    Attributes:
        treatment_mean, control_mean: mean over replicates of the mean over users.
        estimate: of the mean difference, with its interval.
    """

    treatment_mean: float
    control_mean: float
    estimate: Estimate


def mean_of(values: NDArray[np.float64]) -> float:
    """Mean over replicates of the mean over that replicate's users, for (n_users, n_replicates) with NaN."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Mean of empty slice")  # nobody to average over: NaN says so
        return float(np.nanmean(np.nanmean(values, axis=0)))


def per_user(results: Sequence[CellResult], metric: str) -> NDArray[np.float64]:
    """One column per replicate: float64 (n_users, n_replicates)."""
    return np.stack([result.per_user[metric] for result in results], axis=1)


def compare(
    treatment: Sequence[CellResult], control: Sequence[CellResult], metric: str, dealt: bool = False
) -> Comparison:
    """Pair two arms, replicate by replicate; both were scored on the same users of the same splits.

    Args:
        treatment, control: the cells of the arms.
        metric: what is compared.
        dealt: whether one arm's features are the other's, dealt or drawn anew in each replicate: then p allows for
            luck in the real ones, see dealing; the interval is that of the effect on these items in either case.
    """
    arms = per_user(treatment, metric), per_user(control, metric)
    return Comparison(mean_of(arms[0]), mean_of(arms[1]), judged_by(*arms, dealt))


def judged_by(treatment: NDArray[np.float64], control: NDArray[np.float64], dealt: bool) -> Estimate:
    """The estimate by which cases are judged: arms float64 (n_users, n_replicates), `dealt` as in compare."""
    estimate = INTERVALS[DEFAULT_INTERVAL](treatment - control)
    if not dealt or np.isnan(estimate.p_value):
        return estimate
    dealing = dealing_variance(treatment, control)
    p_value = max(estimate.p_value, dealing_p_value(treatment, control, dealing))
    return replace(estimate, p_value=p_value, dealing=dealing)
