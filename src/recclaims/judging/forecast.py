"""Whether more replicates would settle an undecided case, and how likely."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import scipy

from recclaims.judging.estimate import Estimate
from recclaims.judging.verdict import EQUIVALENCE_LEVEL

if TYPE_CHECKING:
    from recclaims._model.claim import Claim

#: How often a plan should do what it says.
ENOUGH = 0.8
#: From here on it is more likely than not that it does.
LIKELY = 0.5
#: Multiples of the replicates so far that are tried.
_TIMES = (2, 3, 5, 10)


@dataclass(frozen=True)
class Chance:
    """A plan: that many replicates in all settle the case with that probability."""

    replicates: int
    probability: float

    def __str__(self) -> str:
        word = "would" if self.probability >= LIKELY else "would hardly"
        return f"{self.replicates} replicates {word} settle it (chance {_percent(self.probability)})"


def _percent(probability: float) -> str:
    """A forecast in tens of per cent; nothing is certain, and nothing impossible."""
    if probability > 0.99:
        return "more than 99 %"
    if probability < 0.05:
        return "less than 5 %"
    return f"{min(10 * round(10 * probability), 95)} %"


def chance(estimate: Estimate, claim: Claim) -> Chance | None:
    """The fewest replicates that would settle a case with probability ENOUGH, or else the most that are tried.

    The effect that was seen is too large as often as not, the more so where it is small beside its error: it is shrunk
    towards none by James & Stein's (1961) factor. Looked at once, at the claim's level. None where no spread is known.
    """
    error, replicates = estimate.error, estimate.n_replicates
    if not (error.known and math.isfinite(estimate.log_ratio)) or replicates < 2 or error.variance == 0:
        return None
    plans = [Chance(times * replicates, _chance(estimate, claim, times * replicates)) for times in _TIMES]
    return next((plan for plan in plans if plan.probability >= ENOUGH), plans[-1])


def _chance(estimate: Estimate, claim: Claim, replicates: int) -> float:
    so_far, seen = estimate.n_replicates, estimate.log_ratio
    users = estimate.error.users
    part = estimate.error.variance - users  # of the replicates, which more of them make smaller
    shrink = max(0.0, 1 - (part + users) / seen**2) if seen else 0.0
    old = so_far / replicates
    later = old * seen + (1 - old) * shrink * seen
    spread = (1 - old) * math.sqrt(shrink * part + part * so_far / (replicates - so_far))
    then = math.sqrt(part * old + users)
    reach = float(scipy.stats.t.isf(claim.level / 2, replicates - 1)) * then
    reach_equal = float(scipy.stats.t.isf(EQUIVALENCE_LEVEL, replicates - 1)) * then

    def below(x: float) -> float:
        return float(scipy.stats.norm.cdf((x - later) / spread)) if spread > 0 else float(later < x)

    margin = math.log1p(claim.margin)
    equal = max(0.0, below(margin - reach_equal) - below(-margin + reach_equal))
    if claim.equivalence:
        return equal + below(-margin - reach) + 1 - below(margin + reach)
    bound = claim.at_least
    if claim.not_worse_than is not None:
        bound = -claim.not_worse_than
    elif claim.not_better_than is not None:
        bound = claim.not_better_than
    # Nothing is worse by more than all of it.
    log_bound = math.log1p(bound) if bound > -1 else -math.inf
    threshold = log_bound if claim.direction == "greater" else -log_bound
    decided = below(threshold - reach) + 1 - below(threshold + reach)
    asked_for_more = bound != 0 or claim.not_worse_than is not None or claim.not_better_than is not None
    return min(1.0, decided if asked_for_more else decided + equal)
