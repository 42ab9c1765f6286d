"""Rules by which studies are read: the intervals of this library beside the habits of the field, for calibration."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.stats
from numpy.typing import NDArray

from recclaims.calibration.simulation import EACH, FIXED, ONCE, TREATMENT
from recclaims.judging.comparison import judged_by
from recclaims.judging.intervals import DEFAULT_INTERVAL, INTERVALS

Floats = NDArray[np.floating[Any]]
ALPHA = 0.05


@dataclass(frozen=True)
class Reading:
    """What a rule makes of a study.

    Attributes:
        low, high: its 95 % interval of the effect; NaN where the rule has none.
        gain, loss: whether it calls the effect significant, and to which side.
    """

    low: float
    high: float
    gain: bool
    loss: bool


#: Treatment and control, float (n_users, n_replicates) each, with NaN -> what is made of them.
Reader = Callable[[Floats, Floats], Reading]


@dataclass(frozen=True)
class Rule:
    """A way of reading a study.

    Attributes:
        name: for people.
        read: the reader.
        tuned: which of a study's tables it reads.
    """

    name: str
    read: Reader
    tuned: str = FIXED


def _between(low: float, high: float) -> Reading:
    return Reading(low, high, gain=low > 0, loss=high < 0)


def _suite(treatment: Floats, control: Floats) -> Reading:
    """As the suite judges a case: the interval beyond zero, and p small enough that dealing does not explain it."""
    estimate = judged_by(np.asarray(treatment, np.float64), np.asarray(control, np.float64), dealt=True)
    sure = estimate.p_value <= ALPHA
    return Reading(estimate.low, estimate.high, gain=sure and estimate.low > 0, loss=sure and estimate.high < 0)


def _interval(name: str) -> Reader:
    def read(treatment: Floats, control: Floats) -> Reading:
        estimate = INTERVALS[name](treatment - control)
        return _between(estimate.low, estimate.high)

    return read


def _t_over_replicates(treatment: Floats, control: Floats) -> Reading:
    """The paired t-test over the means of replicates, R - 1 degrees of freedom."""
    means = np.nanmean(treatment - control, axis=0)
    interval = scipy.stats.ttest_1samp(means, 0.0).confidence_interval(1 - ALPHA)
    return _between(float(interval.low), float(interval.high))


def _first_split(treatment: Floats, control: Floats) -> Floats:
    first = (treatment - control)[:, 0]
    return first[~np.isnan(first)]


def _t_over_users(treatment: Floats, control: Floats) -> Reading:
    """The paired t-test over the users of one split, one seed."""
    interval = scipy.stats.ttest_1samp(_first_split(treatment, control), 0.0).confidence_interval(1 - ALPHA)
    return _between(float(interval.low), float(interval.high))


def _wilcoxon(treatment: Floats, control: Floats) -> Reading:
    """Wilcoxon's signed-rank test over the users of one split; users without a difference are left out."""
    first = _first_split(treatment, control)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # nothing but zeros: then p is NaN, which is not significant
        significant = bool(scipy.stats.wilcoxon(first).pvalue <= ALPHA)
    return Reading(math.nan, math.nan, gain=significant and first.mean() > 0, loss=significant and first.mean() < 0)


def _larger(treatment: Floats, control: Floats) -> Reading:
    """One split, one seed, no test: the arm with the larger number, as tables in bold print it."""
    effect = float(_first_split(treatment, control).mean())
    return Reading(math.nan, math.nan, gain=effect > 0, loss=effect < 0)


RULES = (
    Rule("the suite", _suite),
    *(Rule(name, _interval(name)) for name in sorted(INTERVALS, key=lambda name: name != DEFAULT_INTERVAL)),
    Rule("paired t over replicate means", _t_over_replicates),
    Rule("paired t over the users of one split", _t_over_users),
    Rule("Wilcoxon over the users of one split", _wilcoxon),
    Rule("the larger number of one split", _larger),
    Rule("the suite, both arms tuned in each replicate", _suite, EACH),
    Rule("the suite, both arms tuned on the first replicate", _suite, ONCE),
    Rule("the suite, only the treatment tuned", _suite, TREATMENT),
    Rule("the larger number of one split, only the treatment tuned", _larger, TREATMENT),
)
