"""From the cells of two arms to an estimate: paired by user and replicate."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recclaims.claims.statistics import DEFAULT_INTERVAL, INTERVALS, Estimate
from recclaims.runner.cell import CellResult


@dataclass(frozen=True)
class Comparison:
    """Treatment against control.

    Attributes:
        treatment, control: float64 (n_users, n_replicates), NaN where a user has no relevant test item.
        estimate: of the mean difference, with its interval.
    """

    treatment: NDArray[np.float64]
    control: NDArray[np.float64]
    estimate: Estimate

    @property
    def treatment_mean(self) -> float:
        """Mean over replicates of the mean over users."""
        return mean_of(self.treatment)

    @property
    def control_mean(self) -> float:
        """As treatment_mean, of the control."""
        return mean_of(self.control)


def mean_of(values: NDArray[np.float64]) -> float:
    """Mean over replicates of the mean over that replicate's users, for (n_users, n_replicates) with NaN."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Mean of empty slice")  # nobody to average over: NaN says so
        return float(np.nanmean(np.nanmean(values, axis=0)))


def per_user(results: Sequence[CellResult], metric: str) -> NDArray[np.float64]:
    """One column per replicate: float64 (n_users, n_replicates)."""
    return np.stack([result.per_user[metric] for result in results], axis=1)


def compare(treatment: Sequence[CellResult], control: Sequence[CellResult], metric: str) -> Comparison:
    """Pair two arms, replicate by replicate; both were scored on the same users of the same splits."""
    arms = per_user(treatment, metric), per_user(control, metric)
    return Comparison(*arms, estimate=INTERVALS[DEFAULT_INTERVAL](arms[0] - arms[1]))
