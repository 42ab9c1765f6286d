"""Arms that score alike although they read different features: then the features were never read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from recclaims._model.case import Case
    from recclaims.engine.cell import CellResult


def why_alike(
    case: Case, treatment: Sequence[CellResult], control: Sequence[CellResult]
) -> tuple[str | None, str | None]:
    """Look for a reason where one recommender scores alike in both arms, in every replicate.

    Returns:
        Why the arms cannot be compared, and what a person should know if they can; both None where scores differ. The
        arms may be alike for a reason: equal features, or features from which all that is derived is equal, as two
        fusions may well give one item graph.
    """
    first, second = case.arms
    pairs = list(zip(treatment, control, strict=True))
    if first.recommender != second.recommender or not all(one.scores == other.scores != "" for one, other in pairs):
        return None, None
    if all(one.content == other.content for one, other in pairs):
        return None, "both arms read equal features"
    if all(one.derived is not None and one.derived == other.derived for one, other in pairs):
        return None, "what the recommender derives from both features is equal"
    alike = f"its scores are identical with {case.treatment} and {case.control}"
    return f"{case.recommender} never read its features: {alike}", None
