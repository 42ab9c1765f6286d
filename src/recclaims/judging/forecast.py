"""Whether more replicates would settle an undecided case, and how likely.

What a case would be then is computed for every world that its replicates leave possible: for each share of the
assignment, weighted by what they say of it. In a world the effect that was seen is luck in part. Luck of the replicates
shrinks with more of them; that of the users and of the real assignment stays, and the interval has to allow for it. How
much it will allow for follows from what as many replicates as planned would typically say of the share.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from recclaims._model.cell import REPLICATES_PER_ASSIGNMENT
from recclaims.judging.assignment import Floats, Shares
from recclaims.judging.error import ErrorDistribution
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
#: Into how many worlds the shares of the assignment are gathered, and of how many the interval will be a mixture.
_WORLDS, _LATER = 5, 8


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

    Looked at once, at the claim's level. None where no spread is known.
    """
    error, replicates = estimate.error, estimate.n_replicates
    if not (error.known and math.isfinite(estimate.log_ratio)) or replicates < 2 or error.variance == 0:
        return None
    worlds = list(_worlds(estimate))
    plan = None
    for times in _TIMES:
        later = times * replicates
        settled = sum(world.weight * _settled(world, estimate, claim, later) for world in worlds)
        plan = Chance(later, min(1.0, settled))
        if plan.probability >= ENOUGH:
            break
    return plan


@dataclass(frozen=True)
class _World:
    """What may be true of a case.

    Attributes:
        weight: how likely it is.
        noise: variance of the effect that more replicates make smaller.
        error: replicates -> how far the effect will then be said to be from the truth.
    """

    weight: float
    noise: float
    error: Callable[[int], ErrorDistribution]


def _worlds(estimate: Estimate) -> Iterator[_World]:
    error, shares, so_far = estimate.error, estimate.shares, estimate.n_replicates
    if shares is None:
        (noise,) = error.scales

        def without_luck(replicates: int) -> ErrorDistribution:
            scale = noise * so_far / replicates
            return ErrorDistribution((scale,), (1.0,), replicates - 1, error.users, error.users_dof)

        yield _World(1.0, noise, without_luck)
        return
    few = shares.gathered(_WORLDS)
    for weight, rho, spread, noise in zip(few.weights, few.rho, few.spread, few.noise, strict=True):

        def with_luck(replicates: int, rho: float = rho, spread: float = spread) -> ErrorDistribution:
            then = Shares.typical(rho, spread, _sizes(replicates), few.luck, few.prior).gathered(_LATER)
            return ErrorDistribution.over(then, replicates - 1, error.users, error.users_dof)

        yield _World(float(weight), float(noise), with_luck)


def _sizes(replicates: int) -> Floats:
    """Replicates of each assignment."""
    return np.bincount(np.arange(replicates) // REPLICATES_PER_ASSIGNMENT).astype(np.float64)


def _settled(world: _World, estimate: Estimate, claim: Claim, replicates: int) -> float:
    """How likely a case is settled by that many replicates in a world.

    The effect that was seen is too large as often as not, the more so where it is small beside its noise: what new
    replicates are expected to show is shrunk towards none by James & Stein's (1961) factor.
    """
    so_far, seen, noise = estimate.n_replicates, estimate.log_ratio, world.noise
    shrink = max(0.0, 1 - noise / seen**2) if seen else 0.0
    old = so_far / replicates
    later = old * seen + (1 - old) * shrink * seen
    spread = (1 - old) * math.sqrt(shrink * noise + noise * so_far / (replicates - so_far))
    then = world.error(replicates)
    reach, reach_equal = then.half_width(claim.level), then.half_width(2 * EQUIVALENCE_LEVEL)

    def below(x: float) -> float:
        return math.erfc((later - x) / (spread * math.sqrt(2))) / 2 if spread > 0 else float(later < x)

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
    return decided if asked_for_more else decided + equal
