"""From an estimate to a verdict and its reason. The rules, with their grounds, are in `docs/methods.md`."""

from __future__ import annotations

import math
from dataclasses import dataclass

from recclaims._model.verdict import Judgement, Verdict
from recclaims.judging.statistics import Estimate, seeds_needed_for_p, users_or_seeds_needed

__all__ = ["Judgement", "Verdict", "judge"]


def judge(
    estimate: Estimate,
    p_adjusted: float,
    control_mean: float,
    *,
    margin: float,
    direction: str = "greater",
    equivalence: bool = False,
    alpha: float = 0.05,
) -> Judgement:
    """Judge an effect against zero, or (equivalence) against the margin.

    Args:
        estimate: the effect, treatment minus control, with its interval of level 1 - alpha.
        p_adjusted: its p-value after Holm; an equivalence claim does not use it.
        control_mean: what the margin is relative to; with 0 the margin is 0.
        margin: smallest effect of interest, as a share of the control mean.
        direction: the side of zero that the claim is on; an equivalence claim has none.
        equivalence: whether the claim is that the arms do not differ by more than the margin.
        alpha: two-sided level of the family.
    """
    if direction not in ("greater", "less"):
        raise ValueError(f"direction: expected 'greater' or 'less', got {direction!r}")
    if not (margin >= 0 and math.isfinite(margin)):
        raise ValueError(f"margin: expected a finite number >= 0, got {margin}")
    if not (math.isfinite(estimate.effect) and math.isfinite(control_mean)):
        return Judgement(Verdict.INADMISSIBLE, "no effect can be computed")
    case = _Case(estimate, p_adjusted, margin * abs(control_mean), f"the margin of {100 * margin:g} %", alpha)
    return case.equivalence() if equivalence else case.superiority(direction)


@dataclass(frozen=True)
class _Case:
    """What the rules look at; `margin` is in units of the metric and `margin_text` names it."""

    estimate: Estimate
    p_adjusted: float
    margin: float
    margin_text: str
    alpha: float

    @property
    def _inside(self) -> bool:
        return -self.margin <= self.estimate.low and self.estimate.high <= self.margin

    @property
    def _inside_text(self) -> str:
        return f"inside {self.margin_text}" if self.margin else "the arms are equal"

    def superiority(self, direction: str) -> Judgement:
        beyond = self.estimate.low > 0 or self.estimate.high < 0
        holm = _holm_text(self.p_adjusted)
        if beyond and self.p_adjusted <= self.alpha:
            small = f", but {self._inside_text}" if self._inside else ""
            if (self.estimate.low > 0) == (direction == "greater"):
                return Judgement(Verdict.SUPPORTED, holm + small)
            return Judgement(Verdict.CONTRADICTED, f"the other way, {holm}{small}")
        if self._inside:
            return Judgement(Verdict.NO_DIFFERENCE, self._inside_text)
        if beyond:
            return Judgement(Verdict.INCONCLUSIVE, f"excludes zero, but {holm}; {self._settling_p()}")
        return Judgement(Verdict.INCONCLUSIVE, self._settling())

    def equivalence(self) -> Judgement:
        if self._inside:
            return Judgement(Verdict.SUPPORTED, self._inside_text)
        if self.estimate.low > self.margin or self.estimate.high < -self.margin:
            return Judgement(Verdict.CONTRADICTED, f"outside {self.margin_text}")
        return Judgement(Verdict.INCONCLUSIVE, self._settling() or f"on the edge of {self.margin_text}")

    def _settling_p(self) -> str:
        """Say how many seeds would bring p below alpha after Holm, were the effect as large as it seems.

        The other cases of the family are taken as they are: this one's factor stays.
        """
        factor = self.p_adjusted / self.estimate.p_value
        seeds = seeds_needed_for_p(self.estimate, self.alpha / factor)
        if seeds is not None:
            return f"about {_about(seeds)} seeds would settle it"
        return "more than replicates can give" + (", as features are dealt once" if self.estimate.dealing else "")

    def _settling(self) -> str:
        """Say how many seeds or users would bring the half-width down to half the margin.

        Then the interval, wherever its centre, cannot both hold zero and leave the margin. Empty where it
        is that narrow already: an effect of about the margin itself stands in the way.
        """
        estimate = self.estimate
        if min(estimate.n_replicates, estimate.n_users) < 2:
            return "one seed shows no spread" if estimate.n_replicates < 2 else "one user shows no spread"
        if self.margin == 0:
            return "no margin to settle it by"
        if estimate.high - estimate.low <= self.margin:
            return ""
        if not all(map(math.isfinite, estimate.components)):
            return "too few users recur across seeds for a forecast"
        return self._forecast()

    def _forecast(self) -> str:
        estimate = self.estimate
        needed = users_or_seeds_needed(
            estimate.components,
            estimate.n_users,
            estimate.n_replicates,
            self.margin / 2,
            level=1 - self.alpha,
            density=estimate.density,
        )
        # A plan that calls the present numbers enough, when they are not, is off by a little.
        seeds = needed.replicates and max(needed.replicates, estimate.n_replicates + 1)
        users = needed.users and max(needed.users, estimate.n_users + 1)
        counts = [f"{_about(seeds)} seeds"] if seeds else []
        counts += [f"{_about(users)} users"] if users else []
        would = f"about {' or '.join(counts)} would settle it" if counts else ""
        unreachable = "" if seeds else "more than replicates of these users can give"
        return ", ".join(filter(None, [would, unreachable]))


def _holm_text(p: float) -> str:
    return "Holm p < 0.001" if p < 0.001 else f"Holm p = {p:.3g}"


def _about(count: int) -> str:
    """Round a count up to two significant digits, with thousands separated."""
    unit = 10 ** max(len(str(count)) - 2, 0)
    return f"{-(-count // unit) * unit:,}"
