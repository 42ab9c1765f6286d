"""What came of a case."""

from __future__ import annotations

from dataclasses import dataclass

from recclaims.judging.comparison import Comparison
from recclaims.judging.verdict import Verdict
from recclaims.planning.case import Case


@dataclass(frozen=True)
class CaseResult:
    """What came of a case.

    Attributes:
        comparison: None where it could not be compared.
        n_fixed: users who are left out of it in one replicate or more, as nothing could change their value.
    """

    case: Case
    verdict: Verdict
    reason: str
    comparison: Comparison | None = None
    p_adjusted: float = float("nan")
    seconds: float = 0.0
    n_seeds: int = 0
    n_fixed: int = 0
