"""The verdicts there are, and a verdict with its reason."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """What a run says about a case. "Not significant" is INCONCLUSIVE, never NO_DIFFERENCE."""

    SUPPORTED = "supported"
    CONTRADICTED = "contradicted"
    NO_DIFFERENCE = "no_difference"
    INCONCLUSIVE = "inconclusive"
    INADMISSIBLE = "inadmissible"
    NOT_RUN = "not_run"


@dataclass(frozen=True)
class Judgement:
    """A verdict and, in a short phrase that stands beside effect and interval, its reason."""

    verdict: Verdict
    reason: str
