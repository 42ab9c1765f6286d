"""From the cells of two arms to an estimate: paired by user and replicate."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from recclaims.engine.cell import CellResult
from recclaims.judging.assignment import TRAINED
from recclaims.judging.estimate import Estimate, estimate


def per_user(results: Sequence[CellResult], metric: str) -> NDArray[np.float64]:
    """One column per replicate: float64 (n_users, n_replicates)."""
    return np.stack([result.per_user[metric] for result in results], axis=1)


def compare(
    treatment: Sequence[CellResult],
    control: Sequence[CellResult],
    metric: str,
    assignments: Sequence[int] | None = None,
    luck: bool = False,
    prior: float = TRAINED,
) -> Estimate:
    """Pair two arms, replicate by replicate; both were scored on the same users of the same splits.

    Args:
        treatment, control: the cells of the arms.
        metric: what is compared.
        assignments: where an arm reads noise, of each replicate which assignment it had.
        luck: whether the other arm reads the same features as they are; see assignment.
        prior: likewise.
    """
    return estimate(per_user(treatment, metric), per_user(control, metric), assignments, luck, prior)
