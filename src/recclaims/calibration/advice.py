"""How often the advice to an undecided case does what it says: the replicates that it names are made, and judged."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from recclaims._model.case import Case
from recclaims._model.verdict import Verdict
from recclaims.calibration.rates import Rate
from recclaims.calibration.rules import Reading
from recclaims.calibration.studies import Study
from recclaims.judging.forecast import ENOUGH, chance

#: True effects of the studies that are advised.
EFFECTS = (0.0, 0.02, 0.03)


@dataclass(frozen=True)
class Settled:
    """Studies of one true effect that were undecided, and had a promise of one kind.

    Attributes:
        effect: relative.
        promise: how good: from 8 chances in 10 on, or less.
        promised: mean probability of being settled.
        settled: how many were, by as many replicates as were named, looked at once.
    """

    effect: float
    promise: str
    promised: float
    settled: Rate


def advised(
    simulate: Callable[[np.random.Generator, int, int], Iterator[Study]],
    case: Case,
    prior: float,
    looks: Sequence[int],
    random: np.random.Generator,
    studies: int,
) -> list[Settled]:
    """Follow the advice given to undecided studies.

    Args:
        simulate: random, count, replicates -> studies without an effect.
        case, prior: see Reading.
        looks: after which a study is undecided.
        random: decides the studies.
        studies: how many of each effect.
    """
    found = []
    last = looks[-1]
    # The most that advice can name.
    most = 10 * last
    for effect in EFFECTS:
        followed: list[tuple[float, bool]] = []
        for study in simulate(random, studies, most):
            reading = Reading(study, case, prior)
            answer = reading.answer(tuple(looks), effect)
            plan = chance(answer.estimate, case.claim) if answer.verdict is Verdict.INCONCLUSIVE else None
            if plan is not None:
                then = reading.answer((plan.replicates,), effect)
                followed.append((plan.probability, then.verdict is not Verdict.INCONCLUSIVE))
        for promise, least, below in (("8 or more", ENOUGH, 1.1), ("fewer", 0.0, ENOUGH)):
            some = [(promised, done) for promised, done in followed if least <= promised < below]
            if some:
                rate = Rate(sum(done for _, done in some), len(some))
                found.append(Settled(effect, promise, float(np.mean([promised for promised, _ in some])), rate))
    return found
