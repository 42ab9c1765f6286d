"""How much larger an effect is on some items than on others: the ratio of two ratios, over the users of either.

    effect = mean over replicates r of log(T_r / C_r) - log(T'_r / C'_r)

T and C are the means of both arms over the users who have a relevant test item among the first items, T' and C' over
those who have one among the others. A user may have both, one or neither. To the first order (delta method, as in
`estimate`) user u moves the effect of replicate r by s_ur / n_r - s'_ur / n'_r, with s and s' their shares in either
ratio, n and n' the numbers of users of either, and nothing where they have no such item. Times the number of users who
have one or the other, that is a table of users and replicates like any other, whose mean is the effect. What both
ratios have in common, users as well as splits, cancels in it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from recclaims.judging.assignment import TRAINED
from recclaims.judging.components import Table
from recclaims.judging.estimate import Estimate, Pair, estimate_of, without_error


def contrast(
    first: tuple[ArrayLike, ArrayLike],
    second: tuple[ArrayLike, ArrayLike],
    assignments: Sequence[int] | None = None,
    luck: bool = False,
    prior: float = TRAINED,
) -> Estimate:
    """Compare an effect with another one of the same users, arms and replicates.

    Args:
        first, second: treatment and control of either, one metric, float (n_users, n_replicates), NaN where a user has
            no relevant test item among the items.
        assignments, luck, prior: see estimate.

    Returns:
        The estimate; its means are those of both ratios of treatment to control. NaN where an arm finds nothing in a
        replicate, or nobody has such items in one in which others have theirs.
    """
    pairs = [Pair.of(*arms) for arms in (first, second)]
    both = pairs[0].evaluable & pairs[1].evaluable
    table = _table(pairs, both)
    if not all(pair.is_positive for pair in pairs) or not both.any():
        return without_error(math.nan, math.nan, math.nan, table)
    on, other = (math.exp(float(pair.log_ratios[both].mean())) for pair in pairs)
    return estimate_of(table, (on, other), assignments, both, luck, prior)


def _table(pairs: Sequence[Pair], both: NDArray[np.bool_]) -> Table:
    present = [~np.isnan(pair.first) for pair in pairs]
    either = (present[0] | present[1]) & both
    with np.errstate(invalid="ignore", divide="ignore"):
        values = pairs[0].log_ratios - pairs[1].log_ratios + np.zeros(either.shape)
        for sign, pair, there in zip((1, -1), pairs, present, strict=True):
            weight = either.sum(axis=0) / there.sum(axis=0)
            values += sign * np.where(there, weight * pair.shares, 0.0)
    return Table(np.where(either & np.isfinite(values), values, np.nan))
