"""Run cases: which cells they need, what came of the cells, what follows for the claims."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from recclaims.claims.assess import CaseResult, assess
from recclaims.encoders.features import FeatureReport
from recclaims.errors import RecclaimsError
from recclaims.runner.pipeline import Pipeline
from recclaims.runner.run import Outcome, Progress
from recclaims.runner.run import run as run_cells

if TYPE_CHECKING:
    from recclaims.claims.case import Case
    from recclaims.runner.cell import CellResult
    from recclaims.runner.settings import Settings


@dataclass
class Run:
    """Everything that reports are made of.

    Attributes:
        settings: what was asked for.
        judged: every case's result, in the order of the cases.
        outcome: every cell's result or failure.
        cards: a card of every dataset.
        names: by reference, what people call the datasets.
        encoders: facts about the features of every encoder on every dataset.
    """

    settings: Settings
    judged: dict[Case, CaseResult]
    outcome: Outcome
    cards: list[dict[str, Any]] = field(default_factory=list)
    encoders: list[dict[str, Any]] = field(default_factory=list)
    names: dict[str, str] = field(default_factory=dict)

    def cells_of(self, case: Case) -> list[CellResult]:
        """The results of both arms of a case, as far as there are any."""
        seeds = self.settings.seeds
        cells = case.treatment_cells(seeds) + case.control_cells(seeds)
        return [self.outcome.results[cell] for cell in cells if cell in self.outcome.results]


def run(
    cases: Sequence[Case],
    pipeline: Pipeline,
    tell: Callable[[Progress], None] = lambda _: None,
    outcome: Outcome | None = None,
) -> Run:
    """Run cases to their verdicts.

    Args:
        cases: which.
        pipeline: what finds and computes their cells.
        tell: told how far it is.
        outcome: what came of the cells, where that is known; nothing is computed then.

    Raises:
        RecclaimsError: a dataset cannot be read, or the executor is lost; every other fault is its case's alone.
    """
    seeds = pipeline.settings.seeds
    references = dict.fromkeys(cell.dataset for case in cases for cell in case.cells(1))
    cards = [pipeline.dataset(reference).card() for reference in references]
    for reference in references:
        for seed in range(seeds):
            pipeline.split(reference, seed)  # an empty split is one clear error, not one per cell
    if outcome is None:
        outcome = run_cells(pipeline, (cell for case in cases for cell in case.cells(seeds)), tell)
    judged = assess(
        cases,
        seeds,
        outcome.results,
        outcome.failures,
        features_fault=lambda case: _fault(pipeline, case),
        training_free=lambda case: pipeline.registry.recommenders[case.recommender].training_free,
    )
    used = dict.fromkeys((case.dataset, encoder) for case in cases for encoder in case.encoders)
    encoders = [facts for pair in used if (facts := _facts(pipeline, *pair))]
    names = {reference: pipeline.dataset(reference).name for reference in references}
    return Run(pipeline.settings, {case: judged[case] for case in cases}, outcome, cards, encoders, names)


def _fault(pipeline: Pipeline, case: Case) -> str | None:
    for encoder in case.encoders:
        facts = pipeline.encode(case.dataset, encoder).json("facts")
        report = FeatureReport(**{name: facts.get(name, 0) for name in FeatureReport.__dataclass_fields__})
        fault = report.inadmissible()
        if fault:
            return fault
    return None


def _facts(pipeline: Pipeline, reference: str, encoder: str) -> dict[str, Any] | None:
    try:
        facts = pipeline.encode(reference, encoder).json("facts")
    except RecclaimsError:
        return None  # the case says why
    seconds = facts.pop("seconds")
    encoded = facts["items"] - facts["imputed"]
    return {
        "dataset": pipeline.dataset(reference).name,
        **facts,
        "seconds": seconds,
        "items_per_second": encoded / seconds if seconds > 0 else None,
    }
