"""Run cases: which cells they need, what came of the cells, what follows for the claims."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, partial
from typing import TYPE_CHECKING, Any

import numpy as np

from recclaims._model.verdict import Verdict
from recclaims.engine.pipeline import Pipeline
from recclaims.engine.run_cells import CellRunner, Outcome, Progress
from recclaims.errors import RecclaimsError
from recclaims.features.encoded import LEAST_FIT, MOST_DRIFTED, TELLS, FeatureReport, cosines
from recclaims.features.resolve import facts_of
from recclaims.judging.assess import Evidence, assess
from recclaims.judging.case_result import CaseResult
from recclaims.judging.control_checks import checked, controls_of
from recclaims.judging.unseen import by_lot, why_unranked
from recclaims.planning.claims_file import file_of
from recclaims.planning.controls import LONG, VARIANTS

if TYPE_CHECKING:
    from recclaims._model.case import Case
    from recclaims._model.cell import Cell
    from recclaims.engine.cell import CellResult
    from recclaims.engine.held_out import HeldOut
    from recclaims.engine.settings import Settings


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
        keywords: what the answers behind keywords hold, one record per encoder, dataset and slot.
        shown: by reference, what people call the encoders.
        improving: the cells that were best in the last epoch that they were allowed.
        classes: by name, the references of recommenders that are not installed.
        files: by id, the files of claims that are not installed.
    """

    settings: Settings
    judged: dict[Case, CaseResult]
    outcome: Outcome
    cards: list[dict[str, Any]] = field(default_factory=list)
    encoders: list[dict[str, Any]] = field(default_factory=list)
    names: dict[str, str] = field(default_factory=dict)
    keywords: list[dict[str, Any]] = field(default_factory=list)
    shown: dict[str, str] = field(default_factory=dict)
    improving: frozenset[Cell] = frozenset()
    classes: dict[str, str] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)

    def called(self, cell: Cell) -> Cell:
        """A cell whose features go by what people call them."""
        return replace(cell, features=self.shown.get(cell.features, cell.features)) if cell.features else cell

    def cells_of(self, case: Case) -> list[CellResult]:
        """The results of both arms of a case, as far as there are any."""
        replicates = self.judged[case].replicates
        cells = case.treatment_cells(replicates) + case.control_cells(replicates)
        return [self.outcome.results[cell] for cell in cells if cell in self.outcome.results]


def run_cases(
    cases: Sequence[Case],
    pipeline: Pipeline,
    tell: Callable[[Progress], None] = lambda _: None,
    outcome: Outcome | None = None,
    controls: Sequence[Case] = (),
) -> Run:
    """Run cases to their verdicts.

    Args:
        cases: which.
        pipeline: what finds and computes their cells.
        tell: told how far it is.
        outcome: what came of the cells, where that is known; nothing is computed then.
        controls: cases on planted data that they bring with them, see control_checks.

    Raises:
        RecclaimsError: a dataset cannot be read, or the executor is lost; every other fault is its case's alone.
    """
    # Before anything is trained: whoever gave a file may move it meanwhile.
    asked = dict.fromkeys(encoder for case in cases for encoder in case.encoders)
    shown = {name: facts_of(name, pipeline.registry).shown for name in asked}
    references = dict.fromkeys(cell.dataset for case in cases for cell in case.cells(1))
    cards = [pipeline.dataset(reference).card() for reference in references]
    for case in cases:
        _check_users(case, pipeline)
    looks = partial(_looks, pipeline)
    for reference in references:
        for seed in range(max(looks(case)[0] for case in cases)):
            pipeline.split(reference, seed)  # an empty split is one clear error, not one per cell
    evidence = Evidence(
        {} if outcome is None else outcome.results,
        {} if outcome is None else outcome.failures,
        looks,
        features_fault=lambda case: _fault(pipeline, case),
        training_free=lambda case: pipeline.registry.recommenders[case.recommender].training_free,
        fixed=partial(_fixed, pipeline),
        tested=partial(_tested, pipeline),
        unranked=cache(partial(why_unranked, pipeline)),
        by_lot=partial(by_lot, pipeline),
    )
    budget = pipeline.settings.budget
    if outcome is None:
        with CellRunner(pipeline, tell, None if budget is None else time.monotonic() + budget) as runner:
            outcome = runner.outcome
            evidence = replace(evidence, results=outcome.results, failures=outcome.failures)
            found = _look_by_look(cases, runner, evidence, pipeline)
            checks = _look_by_look(_controls(found, controls), runner, evidence, pipeline)
    else:
        found = {case: assess(case, evidence) for case in cases}
        checks = {case: assess(case, evidence) for case in _controls(found, controls)}
    judged = {
        case: _out_of_time(checked(result, (checks[one] for one in controls_of(result, checks))))
        for case, result in found.items()
    }
    ran = (case for case in cases if judged[case].verdict is not Verdict.NOT_RUN)
    used = dict.fromkeys((case.dataset, encoder) for case in ran for encoder in case.encoders)
    encoders = [facts for pair in used if (facts := _facts(pipeline, *pair))]
    every = dict.fromkeys([*references, *(cell.dataset for cell in outcome.results)])
    names = {reference: pipeline.dataset(reference).name for reference in every}
    keywords = [record for pair in used for record in _keywords(pipeline, *pair)]
    for record in (*encoders, *keywords):
        record["encoder"] = shown.get(record["encoder"], record["encoder"])
    told = {case: _with_cosines(pipeline, judged[case]) for case in cases}
    improving = frozenset(cell for cell, result in outcome.results.items() if pipeline.ended_improving(result))
    used_here = [pipeline.registry.recommenders[case.recommender] for case in cases]
    classes = {one.name: one.reference or one.name for one in used_here if one.reference or one.on_request}
    claims = {case.claim.id: case.claim for case in cases}
    files = {name: file for name, claim in claims.items() if (file := file_of(claim, pipeline.registry))}
    return Run(pipeline.settings, told, outcome, cards, encoders, names, keywords, shown, improving, classes, files)


def _check_users(case: Case, pipeline: Pipeline) -> None:
    """Refuse arms whose datasets have other users: nobody could be paired."""
    mine, *others = dict.fromkeys(cell.dataset for cell in case.treatment_cells(1) + case.control_cells(1))
    for other in others:
        if list(pipeline.dataset(mine).user_ids) != list(pipeline.dataset(other).user_ids):
            raise RecclaimsError(
                f"claim '{case.claim.id}': {mine} and {other} have different users, so that their arms cannot be "
                "compared; let `dataset` change how they are split or what they like alone"
            )


def _looks(pipeline: Pipeline, case: Case) -> tuple[int, ...]:
    training_free = pipeline.registry.recommenders[case.recommender].training_free
    return pipeline.settings.looks(training_free, case.confirmatory)


def _look_by_look(
    cases: Sequence[Case], runner: CellRunner, evidence: Evidence, pipeline: Pipeline
) -> dict[Case, CaseResult]:
    """Judge every case after as many replicates as it takes: undecided ones go on, by themselves."""
    found = {case: assess(case, evidence) for case in cases}
    while waiting := {case: n for case, result in found.items() if (n := result.next_look) is not None}:
        wanted = [cell for case, replicates in waiting.items() for cell in _wanted(pipeline, case, replicates)]
        if pipeline.settings.budget is not None:  # what is cut off then has few replicates of all, not all of few
            wanted.sort(key=lambda cell: cell.seed)
        runner.run(wanted)
        now = {case: assess(case, evidence, found[case]) for case in waiting}
        if all(now[case].looks == found[case].looks and not now[case].over for case in waiting):
            break  # out of time: nothing more was seen
        found |= now
    return found


def _controls(found: Mapping[Case, CaseResult], controls: Sequence[Case]) -> list[Case]:
    """The positive controls that results need, but those that were asked for themselves."""
    return list(dict.fromkeys(one for result in found.values() for one in controls_of(result, controls)))


def _out_of_time(result: CaseResult) -> CaseResult:
    """Say of a case that was cut off where it stands: what was not begun says nothing against it."""
    if result.over:
        return result
    after = f"after {result.replicates} replicates" if result.looks else "not looked at"
    return replace(result, reason=f"{result.reason}; {after}, the budget ended before the look at {result.next_look}")


def _wanted(pipeline: Pipeline, case: Case, replicates: int) -> list[Cell]:
    """The cells of a case; where an encoder cannot run, only those that say so: nothing is trained in vain."""
    absent = [encoder for encoder in case.encoders if _is_absent(pipeline, case.dataset, encoder)]
    cells = case.cells(replicates)
    return [cell for cell in cells if cell.features in absent] if absent else cells


def _fixed(pipeline: Pipeline, case: Case, replicates: int) -> int:
    """How many users have a value of the case's metric, in either arm and any replicate, that nothing could change."""
    mask, claim = pipeline.settings.mask, case.claim
    populations = [one for one in (claim.population, claim.other_population) if one is not None]
    helds = [*_held_out(pipeline, case, replicates)]
    parts = [held.within(population).fixed(mask) for held in helds for population in populations]
    return int(np.any([part[case.claim.metric] for part in parts], axis=0).sum())


def _tested(pipeline: Pipeline, case: Case, replicates: int) -> int:
    """How many users have a relevant test item, in either arm and any replicate."""
    return int(np.any([held.wanted > 0 for held in _held_out(pipeline, case, replicates)], axis=0).sum())


def _held_out(pipeline: Pipeline, case: Case, replicates: int) -> Iterator[HeldOut]:
    """What the cells of a case are scored on."""
    datasets = dict.fromkeys(cell.dataset for cell in case.treatment_cells(1) + case.control_cells(1))
    return (pipeline.held_out(dataset, seed) for dataset in datasets for seed in range(replicates))


def _is_absent(pipeline: Pipeline, reference: str, encoder: str) -> bool:
    try:
        return pipeline.obstacle(reference, encoder) is not None
    except RecclaimsError:
        return True  # it cannot be made; its cells say why


def _fault(pipeline: Pipeline, case: Case) -> str | None:
    for encoder in case.encoders:
        report = _report(pipeline, case.dataset, encoder)
        # What a short limit does to answers is what the claim asks.
        fault = report.inadmissible(cut_off=not (case.control == LONG and encoder == case.arms[0].features))
        fault = fault or _drift(pipeline, case.dataset, encoder)
        fault = fault or _other_images(pipeline, case.dataset, encoder)
        fault = fault or pipeline.leakage(case.dataset, encoder).inadmissible()
        if fault:
            return fault
    return None


def _drift(pipeline: Pipeline, reference: str, encoder: str) -> str | None:
    """Why no claim can rest on answers of which too many follow another prompt than was asked; or None."""
    for record in _keywords(pipeline, reference, encoder)[:1]:  # each slot's says the same of all answers
        answers, drifted = record.get("answers", 0), record.get("drifted", 0)
        if drifted > MOST_DRIFTED * answers:
            return (
                f"{drifted:,} of {answers:,} answers name the slots of another prompt (at most "
                f"{100 * MOST_DRIFTED:.0f} %): what was the model asked?"
            )
    return None


def _other_images(pipeline: Pipeline, reference: str, encoder: str) -> str | None:
    """Why no claim can rest on answers that fit other items' images as well as their own; or None.

    Only where the same comparison finds that the items' titles fit their images: else it may be blind to what is said.
    """
    for record in _keywords(pipeline, reference, encoder)[:1]:
        z, text = record.get("image_z"), record.get("image_text_z")
        if z is not None and text is not None and z < LEAST_FIT and text > TELLS:
            return (
                f"answers fit other items' images as well as their own (mean rank {record['image_fit']:.2f}, "
                f"z = {z:.1f}; of the items' own texts z = {text:.1f}): are they answers to these images?"
            )
    return None


def _report(pipeline: Pipeline, reference: str, encoder: str) -> FeatureReport:
    facts = pipeline.encode(reference, encoder).json("facts")
    return FeatureReport(**{name: facts.get(name, 0) for name in FeatureReport.__dataclass_fields__})


def _with_cosines(pipeline: Pipeline, result: CaseResult) -> CaseResult:
    """Where both arms are one encoder asked twice, say how alike its embeddings are, whatever became of the results."""
    case = result.case
    treated, other = (arm.features for arm in case.arms)
    if case.control not in VARIANTS or result.estimate is None or treated is None or other is None:
        return result
    pair = [pipeline.features(case.dataset, encoder) for encoder in (treated, other)]
    alike = cosines(*(features.matrix[~(pair[0].filled | pair[1].filled)] for features in pair))
    told = f"cosine of the embeddings {alike.mean():.4f} on average, {alike.min():.4f} at least"
    cut = _report(pipeline, case.dataset, treated).truncated
    if case.control == LONG:
        told += f", {cut:,} of {len(alike):,} answers cut off"
    answers = [[record.get("text") for record in features.records] for features in pair]
    if any(text is not None for text in answers[0]):
        same = sum(a == b for a, b in zip(*answers, strict=True) if a is not None)
        told += f", {same:,} answers the same word for word"
    return replace(result, reason=f"{result.reason}; {told}")


def _keywords(pipeline: Pipeline, reference: str, encoder: str) -> list[dict[str, Any]]:
    try:
        records = pipeline.diagnosis(reference, encoder)
    except RecclaimsError:
        return []  # the case says why
    return [{"encoder": encoder, "dataset": pipeline.dataset(reference).name, **record} for record in records]


def _facts(pipeline: Pipeline, reference: str, encoder: str) -> dict[str, Any] | None:
    try:
        facts = pipeline.encode(reference, encoder).json("facts")
        partly = pipeline.partly_imputed(reference, encoder)
        leakage = pipeline.leakage(reference, encoder)
        gap = pipeline.modality_gap(reference, encoder)
    except RecclaimsError:
        return None  # the case says why
    seconds = facts.pop("seconds")
    encoded = facts["items"] - facts["imputed"]
    return {
        "dataset": pipeline.dataset(reference).name,
        **facts,
        "partly_imputed": partly,
        "seconds": seconds,
        "leakage": leakage.line,
        "leakage_z": leakage.z,
        "modality_gap": gap.line if gap else "",
        "gap_distance": gap.distance if gap else None,
        "gap_separability": gap.separability if gap else None,
        "gap_matched": gap.matched if gap else None,
        "items_per_second": encoded / seconds if seconds > 0 else None,
    }
