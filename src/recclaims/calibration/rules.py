"""Rules by which a study is judged: the suite's own, the one that it had before, and habits of the field."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import scipy.stats

from recclaims._model.case import Case
from recclaims._model.claim import JUDGED
from recclaims._model.verdict import Verdict
from recclaims.calibration.bank import Floats
from recclaims.calibration.earlier import judged_by
from recclaims.calibration.studies import Study
from recclaims.evaluation.metrics import PRIMARY
from recclaims.judging.estimate import Estimate, estimate
from recclaims.judging.holm import holm
from recclaims.judging.verdict import judge, levels_of

ALPHA = 0.05
#: Replicates of the rule before, and of a t-test over replicates.
FIVE = 5
#: How many comparisons a paper adjusts for where it adjusts for all; a study of the suite has as many.
FAMILY = 16


@dataclass(frozen=True)
class Answer:
    """What was made of a study.

    Attributes:
        verdict: the suite's word for it.
        estimate: of the last look.
        replicates: that were read.
        shown: see judging.verdict.Levels.
    """

    verdict: Verdict
    estimate: Estimate
    replicates: int
    shown: float

    def covers(self, effect: float) -> bool:
        """Whether the interval that is shown holds the true relative effect."""
        low, high = self.estimate.interval(1 - self.shown)
        return low <= effect <= high


class Reading:
    """A study as the suite reads it, at any number of its replicates.

    Args:
        study: the study.
        case: what it stands for: its claim says how often it may be wrong.
        prior: of the share of the assignment, see judging.assignment.
    """

    def __init__(self, study: Study, case: Case, prior: float) -> None:
        self.study, self.case, self.prior = study, case, prior
        self._at: dict[int, Estimate] = {}

    def at(self, replicates: int) -> Estimate:
        """The estimate from the first replicates."""
        if replicates not in self._at:
            one, other = (arm[:, :replicates] for arm in self.study.arms[JUDGED])
            self._at[replicates] = estimate(one, other, self.study.assignments(replicates), self.study.luck, self.prior)
        return self._at[replicates]

    def answer(self, looks: tuple[int, ...], effect: float = 0.0) -> Answer:
        """The suite's verdict, look by look; the first that decides is the last.

        Args:
            looks: after how many replicates.
            effect: relative; every value of the treatment is larger by that share.
        """
        for replicates, levels in zip(looks, levels_of(self.case.claim, looks), strict=True):
            found = self.at(replicates)
            treated, log_ratio = found.treatment_mean * (1 + effect), found.log_ratio + math.log1p(effect)
            found = replace(found, treatment_mean=treated, log_ratio=log_ratio)
            verdict = judge(found, self.case.claim, levels).verdict
            if verdict is not Verdict.INCONCLUSIVE:
                break
        return Answer(verdict, found, replicates, levels.shown)


@dataclass(frozen=True)
class Finding:
    """What another rule makes of a study: its p, and the effect to whose side it speaks."""

    p_value: float
    effect: float


@dataclass(frozen=True)
class Rule:
    """A rule beside the suite's.

    Attributes:
        name: for people.
        replicates: that it reads.
        test: treatment, control (n_users, n_replicates) and luck -> what is made of them.
        family: how many studies share one adjustment after Holm; 1: none.
        metric: what it reads.
    """

    name: str
    replicates: int
    test: Callable[[Floats, Floats, bool], Finding]
    family: int = 1
    metric: str = PRIMARY

    def tested(self, study: Study, effect: float) -> Finding:
        """Read a study whose treatment is larger by a share."""
        one, other = (arm[:, : self.replicates] for arm in study.arms[self.metric])
        return self.test(one * (1 + effect), other, study.luck)

    def sides(self, tested: Sequence[Finding]) -> list[int]:
        """1 for a gain, -1 for a loss and 0 for neither; families are formed in the order of the studies."""
        found: list[int] = []
        for start in range(0, len(tested), self.family):
            family = tested[start : start + self.family]
            adjusted = holm([one.p_value for one in family])
            found += [int(np.sign(one.effect)) * bool(p <= ALPHA) for one, p in zip(family, adjusted, strict=True)]
        return found


def _before(treatment: Floats, control: Floats, luck: bool) -> Finding:
    """As the suite judged a case before; its p is no less than that of its interval."""
    found = judged_by(treatment, control, assigned=luck)
    return Finding(found.p_value, found.effect)


def _t_over_replicates(treatment: Floats, control: Floats, _: bool) -> Finding:
    """The paired t-test over the means of replicates."""
    means = np.nanmean(treatment - control, axis=0)
    return Finding(float(scipy.stats.ttest_1samp(means, 0.0).pvalue), float(means.mean()))


def _t_over_users(treatment: Floats, control: Floats, _: bool) -> Finding:
    """The paired t-test over the users of one split and seed."""
    first = (treatment - control)[:, 0]
    first = first[~np.isnan(first)]
    return Finding(float(scipy.stats.ttest_1samp(first, 0.0).pvalue), float(first.mean()))


def _larger(treatment: Floats, control: Floats, _: bool) -> Finding:
    """One split, one seed, no test: the arm with the larger number, as tables in bold print it."""
    return Finding(0.0, float(np.nanmean((treatment - control)[:, 0])))


RULES = (
    Rule("the suite before", FIVE, _before),
    Rule(f"the suite before, Holm over {FAMILY}", FIVE, _before, FAMILY),
    Rule("t-test over five replicates", FIVE, _t_over_replicates),
    Rule(f"t-test over five replicates, Holm over {FAMILY}", FIVE, _t_over_replicates, FAMILY),
    Rule("t-test over the users of one split", 1, _t_over_users),
    Rule("the larger number of one split", 1, _larger),
)
