"""What follows from the controls of the suite for the other cases of a run.

A negative result of a recommender or encoder counts only where planted content was found with it; a positive one only
where nothing was found when nothing was planted. Controls that were not selected, or not run, withdraw nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from recclaims.judging.case_result import CaseResult
from recclaims.judging.verdict import Judgement, Verdict
from recclaims.planning.case import Case, Expectation


def silent(judgement: Judgement) -> Judgement:
    """Judge a case in which there is nothing to find by what was made of it."""
    if judgement.verdict is Verdict.SUPPORTED:
        return Judgement(Verdict.CONTRADICTED, f"an effect where none was planted, {judgement.reason}")
    if judgement.verdict is Verdict.INADMISSIBLE:
        return judgement
    made = {
        Verdict.INCONCLUSIVE: "no effect was seen",
        Verdict.NO_DIFFERENCE: "no difference",
        Verdict.CONTRADICTED: "noise was better",
    }
    return Judgement(Verdict.SUPPORTED, f"nothing was planted: {made[judgement.verdict]}")


def withdraw(judged: Mapping[Case, CaseResult]) -> dict[Case, CaseResult]:
    """Call inadmissible what a failed control of the same run leaves without ground."""
    controls = [result for result in judged.values() if result.case.expects and _failed(result)]
    return {case: _under(result, controls) if case.expects is None else result for case, result in judged.items()}


def _failed(result: CaseResult) -> bool:
    return result.verdict not in (Verdict.SUPPORTED, Verdict.NOT_RUN)


def _under(result: CaseResult, controls: list[CaseResult]) -> CaseResult:
    case = result.case
    needed = _needed(result)
    for control in controls:
        tested = control.case.tests
        if control.case.expects is needed and tested in (case.recommender, *case.encoders):
            what = "planted content was not found" if needed is Expectation.FOUND else "content was found in none"
            said = f"{result.verdict}, but with {tested} {what} ({control.case.id}: {control.verdict})"
            return replace(result, verdict=Verdict.INADMISSIBLE, reason=said)
    return result


def _needed(result: CaseResult) -> Expectation | None:
    """Which control a result rests on."""
    positive = not result.case.claim.equivalence
    if result.verdict is Verdict.SUPPORTED:
        return Expectation.SILENT if positive else Expectation.FOUND
    return Expectation.FOUND if result.verdict is Verdict.NO_DIFFERENCE else None
