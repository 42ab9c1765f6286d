"""Items that nobody has in train: which cases say something where such are held out, and what a lot finds there."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy import special

from recclaims.evaluation.metrics import PRIMARY, parse_metric

if TYPE_CHECKING:
    from recclaims._model.case import Case
    from recclaims._model.cell import Cell
    from recclaims.engine.pipeline import Pipeline

Floats = NDArray[np.float64]


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
            why = "it does not declare scores_unseen_items" if recommender.content else "it reads no features"
            return f"the split holds items out altogether, and {who} cannot rank what nobody has in train: {why}"
    if parse_metric(case.claim.metric).of_lists:
        return f"the split holds items out altogether: {case.claim.metric} is the same whichever of them are listed"
    return None


def by_lot(pipeline: Pipeline, case: Case, replicates: int) -> Floats | None:
    """A lot's mean recall@20 in each replicate, (n_replicates,); None where no items are held out altogether."""
    if not pipeline.dataset(case.dataset).holds_out_items:
        return None
    mask = pipeline.settings.mask
    parts = [pipeline.held_out(cell.dataset, cell.seed).by_lot(mask) for cell in case.treatment_cells(replicates)]
    return _means(np.stack(parts, axis=1))


def below_lot(arms: Sequence[Floats], lots: Floats) -> tuple[str | None, bool]:
    """Say in a line where both arms find less than a lot, and whether that is clear.

    Features that say nothing leave a recommender about where the lot is, as often below it as above. Only where each
    arm's difference from the lot is below zero, with its 95 % interval over replicates, would lots clearly be better.

    Args:
        arms: PRIMARY of each, (n_users, n_replicates).
        lots: see by_lot.
    """
    found = [_means(arm) for arm in arms]
    some = np.isfinite(lots) & np.isfinite(found).all(axis=0)
    n = int(some.sum())
    if not n or not all((mean - lots)[some].mean() < 0 for mean in found):
        return None, False
    clear = n > 1 and all(_highest((mean - lots)[some]) < 0 for mean in found)
    means = ", ".join(f"{mean[some].mean():.4f}" for mean in found)
    how = "clearly less" if clear else "less"
    return f"both arms ({means}) find {how} than drawing lots would ({lots[some].mean():.4f} {PRIMARY})", clear


def _highest(differences: Floats) -> float:
    """The upper limit of the 95 % interval of a mean."""
    n = len(differences)
    return float(differences.mean() + special.stdtrit(n - 1, 0.975) * differences.std(ddof=1) / np.sqrt(n))


def _means(values: Floats) -> Floats:
    """The mean over the users of each replicate, NaN where nobody has a value."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Mean of empty slice")
        means: Floats = np.nanmean(values, axis=0)
    return means


def _cells(case: Case) -> list[Cell]:
    return case.treatment_cells(1) + case.control_cells(1)
