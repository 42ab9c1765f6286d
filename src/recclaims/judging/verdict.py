"""What one look at a case says: supported, contradicted, no difference, or not yet.

With L and U the limits of the interval at the look's level, m the margin and t the claim's threshold, all relative:

    claim                        supported          contradicted             no difference
    better by at least t         L > t              U < t (U < 0: t = 0)     t = 0 and -m < L', U' < m
    not worse than t             L > -t             U < -t
    not better than t            U < t              L > t
    equal                        -m < L', U' < m    L > m or U < -m

L' and U' are those of two one-sided tests (TOST: Schuirmann 1987) at their own level. Anything else is inconclusive.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from recclaims._model.claim import Claim
from recclaims._model.verdict import Judgement, Verdict
from recclaims.judging.estimate import SHOWN, Estimate
from recclaims.judging.levels import nominal_levels

#: Of `no_difference`, and of whatever else is said by two one-sided tests: each at this level, over all looks.
EQUIVALENCE_LEVEL = 0.05


@dataclass(frozen=True)
class Levels:
    """At which levels one look decides.

    Attributes:
        sides: two-sided, of the test against zero or a threshold.
        equivalence: of each of two one-sided tests against the margin.
        shown: two-sided, of the interval that is shown. That of the last look if all looks together miss 5 %: an
            effect is large by luck where it stops a case early, which the usual interval does not allow for.
    """

    sides: float
    equivalence: float
    shown: float = 1 - SHOWN


def levels_of(claim: Claim, looks: tuple[int, ...]) -> list[Levels]:
    """The levels at which each look at a case of the claim decides."""
    sides, equivalence = nominal_levels(looks, claim.level), nominal_levels(looks, EQUIVALENCE_LEVEL, sides=1)
    shown = nominal_levels(looks, 1 - SHOWN)[-1]
    return [Levels(*pair, shown) for pair in zip(sides, equivalence, strict=True)]


def judge(estimate: Estimate, claim: Claim, levels: Levels) -> Judgement:
    """Judge an estimate as the claim asks; see the module.

    Args:
        estimate: the effect.
        claim: what is claimed, its margin and its threshold.
        levels: of this look.
    """
    if not math.isfinite(estimate.log_ratio):
        return Judgement(Verdict.INADMISSIBLE, "no effect can be computed")
    return _Look(estimate, claim, levels).judgement()


@dataclass(frozen=True)
class _Look:
    estimate: Estimate
    claim: Claim
    levels: Levels

    def judgement(self) -> Judgement:
        claim = self.claim
        if claim.equivalence:
            return self._equal()
        if claim.not_worse_than is not None:
            return self._bounded(-claim.not_worse_than, above=True)
        if claim.not_better_than is not None:
            return self._bounded(claim.not_better_than, above=False)
        return self._better()

    @property
    def _limits(self) -> tuple[float, float]:
        return self.estimate.interval(1 - self.levels.sides)

    @property
    def _is_equal(self) -> bool:
        low, high = self.estimate.interval(1 - 2 * self.levels.equivalence)
        return -self.claim.margin < low and high < self.claim.margin

    @property
    def _margin(self) -> str:
        return f"the margin of {100 * self.claim.margin:g} %"

    def _better(self) -> Judgement:
        low, high = self._limits
        least = self.claim.at_least
        if self.claim.direction == "less":
            low, high = -high, -low
        said = self._p() if not least else f"beyond {100 * least:g} % at level {_number(self.levels.sides)}"
        if low > least:
            return Judgement(Verdict.SUPPORTED, said + self._but_small())
        if high < least:
            if least:
                return Judgement(Verdict.CONTRADICTED, f"less than {100 * least:g} %")
            return Judgement(Verdict.CONTRADICTED, f"the other way, {said}{self._but_small()}")
        if not least and self._is_equal:
            return Judgement(Verdict.NO_DIFFERENCE, f"inside {self._margin}")
        return Judgement(Verdict.INCONCLUSIVE, self._undecided(least))

    def _bounded(self, threshold: float, *, above: bool) -> Judgement:
        low, high = self._limits
        bound = f"{100 * threshold:+g} %"
        if low > threshold if above else high < threshold:
            equal = f", and inside {self._margin}" if self._is_equal else ""
            return Judgement(Verdict.SUPPORTED, f"{'above' if above else 'below'} {bound}{equal}")
        if high < threshold if above else low > threshold:
            return Judgement(Verdict.CONTRADICTED, f"{'below' if above else 'above'} {bound}")
        return Judgement(Verdict.INCONCLUSIVE, f"{bound} lies inside the interval")

    def _equal(self) -> Judgement:
        low, high = self._limits
        margin = self.claim.margin
        if self._is_equal:
            return Judgement(Verdict.SUPPORTED, f"inside {self._margin}")
        if low > margin or high < -margin:
            return Judgement(Verdict.CONTRADICTED, f"outside {self._margin}")
        return Judgement(Verdict.INCONCLUSIVE, f"neither inside nor outside {self._margin}")

    def _p(self) -> str:
        return f"p {_number(self.estimate.p_value)}"

    def _but_small(self) -> str:
        return f", but inside {self._margin}" if self._is_equal and not self.claim.at_least else ""

    def _undecided(self, least: float) -> str:
        if not self.estimate.error.known:
            few = "seed" if self.estimate.n_replicates < 2 else "user"
            return f"one {few} shows no spread"
        if least:
            return f"{100 * least:g} % lies inside the interval"
        return f"p = {self.estimate.p_value:.2g}, needs < {_number(self.levels.sides, '').removeprefix('< ')}"


def _number(p: float, equals: str = "= ") -> str:
    return "< 0.001" if p < 0.001 else f"{equals}{p:.2g}"
