"""Arms that score alike although they read different features: then the features were never read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from recclaims.claims.case import Case
    from recclaims.runner.cell import CellResult


def never_read(case: Case, treatment: Sequence[CellResult], control: Sequence[CellResult]) -> str | None:
    """Why the arms of a case cannot be compared, where one recommender scores alike in every replicate.

    None where scores differ, where the features themselves are equal, and where all that the recommender derives from
    them is: two fusions may well give one item graph.
    """
    if not _alike(case, treatment, control) or _shared(treatment, control):
        return None
    return f"{case.recommender} never read its features: it scores alike with {case.treatment} and {case.control}"


def shared_reading(case: Case, treatment: Sequence[CellResult], control: Sequence[CellResult]) -> str | None:
    """What both arms share, where they score alike for a reason; None elsewhere."""
    return _shared(treatment, control) if _alike(case, treatment, control) else None


def _alike(case: Case, treatment: Sequence[CellResult], control: Sequence[CellResult]) -> bool:
    first, second = case.arms
    if first.recommender != second.recommender or first == second or not treatment:
        return False
    return all(one.scores == other.scores != "" for one, other in zip(treatment, control, strict=True))


def _shared(treatment: Sequence[CellResult], control: Sequence[CellResult]) -> str | None:
    pairs = list(zip(treatment, control, strict=True))
    if all(one.content == other.content for one, other in pairs):
        return "both arms read equal features"
    if all(one.derived is not None and one.derived == other.derived for one, other in pairs):
        return "what the recommender derives from both features is equal"
    return None
