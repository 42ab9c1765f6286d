"""Items that nobody has in train: which cases say something where such are held out, and what a lot finds there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from recclaims.evaluation.metrics import parse_metric
from recclaims.judging.estimate import mean_of

if TYPE_CHECKING:
    from recclaims._model.case import Case
    from recclaims._model.cell import Cell
    from recclaims.engine.pipeline import Pipeline


def why_unranked(pipeline: Pipeline, case: Case) -> str | None:
    """Why a case says nothing where items are held out altogether; None: it does, or none are.

    Raises:
        RecclaimsError: a dataset cannot be read.
    """
    cold = {cell.dataset: pipeline.dataset(cell.dataset).holds_out_items for cell in _cells(case)}
    if not any(cold.values()):
        return None
    if not all(cold.values()):
        one, other = (next(name for name, held in cold.items() if held is which) for which in (True, False))
        return f"{one} holds items out altogether and {other} does not: their arms rank other items"
    for arm in case.arms:
        recommender = pipeline.registry.recommenders[arm.recommender]
        who = arm.recommender
        if arm.twin:
            return f"the split holds items out altogether, and {who}'s {arm.twin} reads no features to know them by"
        if not recommender.scores_unseen_items:
            why = (
                "its scores of them do not depend on their features" if recommender.content else "it reads no features"
            )
            return f"the split holds items out altogether, and {who} cannot rank what nobody has in train: {why}"
    if parse_metric(case.claim.metric).of_lists:
        return f"the split holds items out altogether: {case.claim.metric} is the same whichever of them are listed"
    return None


def floor_by_lot(pipeline: Pipeline, case: Case, replicates: int) -> float | None:
    """The mean recall@20 of a lot, over users and replicates, where items are held out altogether; None: none are."""
    if not pipeline.dataset(case.dataset).holds_out_items:
        return None
    mask = pipeline.settings.mask
    parts = [pipeline.held_out(cell.dataset, cell.seed).by_lot(mask) for cell in case.treatment_cells(replicates)]
    return mean_of(np.stack(parts, axis=1))


def _cells(case: Case) -> list[Cell]:
    return case.treatment_cells(1) + case.control_cells(1)
