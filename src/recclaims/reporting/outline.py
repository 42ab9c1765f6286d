"""What of a run has to be known to compare it with another, before anything is trained."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from recclaims._model.results import DatasetCard, Hyperparameters, ResultsDocument


@dataclass(frozen=True)
class Question:
    """What a case asked: its claim in which version, its name, and the metric."""

    claim: str
    version: int
    case: str
    metric: str


@dataclass(frozen=True)
class Outline:
    """What of a run has to be equal for another to be compared with it; it is known before anything is trained."""

    profile: str
    seeds: int
    mask: str
    hyperparameters: Hyperparameters
    datasets: Sequence[DatasetCard]
    questions: Sequence[Question]

    @classmethod
    def of(cls, run: ResultsDocument) -> Outline:
        """The outline of a run that there is."""
        asked = [Question(case.claim, case.version, case.case, case.metric) for case in run.claims]
        return cls(run.profile, run.seeds, run.mask, run.hyperparameters, run.datasets, asked)
