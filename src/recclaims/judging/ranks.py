"""The ranks that each of several arms may have, all at once: what a table that ranks them has to say beside its means.

For every ordered pair, the null hypothesis that j is not better than k is tested on one side, by the error of the mean
log ratio of their means over equal splits (`estimate`). Holm's procedure (1979) over all pairs keeps the probability
of any false rejection at the level, whatever the tests have in common. Then

    rank of j >= 1 + number of arms that were found better,    <= number of arms - number that were found worse

holds for all arms together with that confidence (Mogstad, Romano, Shaikh & Wilhelm 2024, Review of Economic Studies
91(1): 476-518, sections 3.1 and 3.2), where an arm's rank is one more than the number of better ones.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from recclaims.judging.assignment import TRAINED
from recclaims.judging.components import Table
from recclaims.judging.estimate import Estimate, Pair, estimate_of, mean_of, without_error
from recclaims.judging.holm import holm

#: How often any of the intervals of a ranking may miss.
LEVEL = 0.05

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Rank:
    """What is known of an arm's place.

    Attributes:
        mean: of its metric; of several blocks the geometric mean.
        low, high: the best and the worst rank that it may have, from 1.
        replicates: how many it was compared on at the most.
    """

    mean: float
    low: int
    high: int
    replicates: int


def ranked(arms: Sequence[Sequence[Floats]], level: float = LEVEL) -> list[Rank]:
    """The ranks of arms, larger values first.

    Args:
        arms: of each, its blocks: one metric, float64 (n_users, n_replicates), NaN where a user has no relevant test
            item. Replicate r of all has the same split. Several blocks (an encoder's recommenders) count equally; all
            arms have as many. Arms are compared on the replicates that both have.
        level: how often any rank may lie outside its interval.

    Returns:
        One of each arm, in their order.
    """
    n = len(arms)
    first, second = np.triu_indices(n, 1)
    found = [_compared(arms[j], arms[k]) for j, k in combinations(range(n), 2)]
    effects = np.array([one.log_ratio for one in found])
    halves = np.array([one.p_value for one in found]) / 2
    # A pair's two hypotheses, j not better than k and k not better than j.
    upward = np.where(effects > 0, halves, 1 - halves)
    rejected = holm(np.concatenate([upward, 1 - upward])) <= level
    better = np.zeros((n, n), dtype=bool)
    better[first, second], better[second, first] = np.split(rejected, 2)
    means = [math.prod(mean_of(block) for block in arm) ** (1 / len(arm)) for arm in arms]
    return [
        Rank(
            means[j],
            1 + int(better[:, j].sum()),
            n - int(better[j].sum()),
            min(block.shape[1] for block in arms[j]),
        )
        for j in range(n)
    ]


def _compared(first: Sequence[Floats], second: Sequence[Floats]) -> Estimate:
    """The mean over blocks of the log ratio of two arms, with its error: users and replicates are common to blocks."""
    common = min(block.shape[1] for block in (*first, *second))
    pairs = [Pair.of(one[:, :common], other[:, :common]) for one, other in zip(first, second, strict=True)]
    evaluable = np.all([pair.evaluable for pair in pairs], axis=0)
    if not all(pair.is_positive for pair in pairs) or not evaluable.any():
        return without_error(np.nan, np.nan, np.nan, Table(pairs[0].first - pairs[0].second))
    table = Table(np.mean([pair.log_ratios + pair.shares for pair in pairs], axis=0))
    return estimate_of(table, (np.nan, np.nan), None, evaluable, luck=False, prior=TRAINED)
