"""From the cells of two arms to an estimate: paired by user and replicate."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from recclaims._model.population import EVERYONE, Population
from recclaims.engine.cell import CellResult
from recclaims.judging.assignment import TRAINED
from recclaims.judging.contrast import contrast
from recclaims.judging.estimate import Estimate, estimate


def per_user(results: Sequence[CellResult], metric: str, population: Population = EVERYONE) -> NDArray[np.float64]:
    """One column per replicate: float64 (n_users, n_replicates)."""
    return np.stack([result.values(metric, population) for result in results], axis=1)


def compare(
    treatment: Sequence[CellResult],
    control: Sequence[CellResult],
    metric: str,
    assignments: Sequence[int] | None = None,
    luck: bool = False,
    prior: float = TRAINED,
    population: Population = EVERYONE,
    than: Population | None = None,
) -> Estimate:
    """Pair two arms, replicate by replicate; both were scored on the same users of the same splits.

    Args:
        treatment, control: the cells of the arms.
        metric: what is compared.
        assignments: where an arm reads noise, of each replicate which assignment it had.
        luck: whether the other arm reads the same features as they are; see assignment.
        prior: likewise.
        population: of which items and users.
        than: of which the effect is compared with; None: it is compared with none.
    """
    arms = per_user(treatment, metric, population), per_user(control, metric, population)
    if than is None:
        return estimate(*arms, assignments, luck, prior)
    others = per_user(treatment, metric, than), per_user(control, metric, than)
    return contrast(arms, others, assignments, luck, prior)
