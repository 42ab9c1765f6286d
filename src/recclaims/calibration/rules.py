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

from recclaims.calibration.earlier import judged_by
from recclaims.calibration.intervals import DEFAULT_INTERVAL, INTERVALS
from recclaims.calibration.simulation import EACH, FIXED, ONCE, TREATMENT
from recclaims.engine.cell import REPLICATES_PER_ASSIGNMENT
from recclaims.judging.assignment import PROBE
from recclaims.judging.estimate import estimate

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
        reader: treatment and control -> what is made of them.
        tuned: which of a study's tables it reads.
        by_kind: whether it is told what is expected of trained recommenders and of others.
    """

    name: str
    reader: Callable[..., Reading]
    tuned: str = FIXED
    by_kind: bool = False

    def read(self, treatment: Floats, control: Floats, prior: float = PROBE) -> Reading:
        """Read a study; `prior` as in judging.assignment."""
        return self.reader(treatment, control, prior) if self.by_kind else self.reader(treatment, control)


def _between(low: float, high: float) -> Reading:
    return Reading(low, high, gain=low > 0, loss=high < 0)


def _suite(treatment: Floats, control: Floats, prior: float = PROBE) -> Reading:
    """As the suite judges a case at one look, at 5 %: a log ratio, luck of the assignment in its error."""
    arms = np.asarray(treatment, np.float64), np.asarray(control, np.float64)
    found = estimate(*arms, [n // REPLICATES_PER_ASSIGNMENT for n in range(arms[0].shape[1])], luck=True, prior=prior)
    low, high = found.interval(1 - ALPHA)
    scale = found.control_mean
    return Reading(low * scale, high * scale, gain=low > 0, loss=high < 0)


def _before(treatment: Floats, control: Floats) -> Reading:
    """As the suite judged a case before: the interval beyond zero, and p that allows for a variance of the dealing."""
    found = judged_by(np.asarray(treatment, np.float64), np.asarray(control, np.float64), dealt=True)
    sure = found.p_value <= ALPHA
    return Reading(found.low, found.high, gain=sure and found.low > 0, loss=sure and found.high < 0)


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
    Rule("the suite", _suite, by_kind=True),
    Rule("the suite before", _before),
    *(Rule(name, _interval(name)) for name in sorted(INTERVALS, key=lambda name: name != DEFAULT_INTERVAL)),
    Rule("paired t over replicate means", _t_over_replicates),
    Rule("paired t over the users of one split", _t_over_users),
    Rule("Wilcoxon over the users of one split", _wilcoxon),
    Rule("the larger number of one split", _larger),
    Rule("the suite, both arms tuned in each replicate", _suite, EACH, by_kind=True),
    Rule("the suite, both arms tuned on the first replicate", _suite, ONCE, by_kind=True),
    Rule("the suite, only the treatment tuned", _suite, TREATMENT, by_kind=True),
    Rule("the larger number of one split, only the treatment tuned", _larger, TREATMENT),
)
