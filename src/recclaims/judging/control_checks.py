"""What follows from a case's own positive control: its recommender on planted data, where content is there to be found.

A result that says "nothing is there" counts only where the same recommender finds what was planted. A case brings this
control with it: it is run and judged whether or not anybody selected it, so that the case has one verdict in every
selection. That nothing is found where nothing was planted is a claim of its own, `controls`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from recclaims._model.case import Case, Expectation
from recclaims._model.verdict import Verdict
from recclaims.judging.case_result import CaseResult

#: What a positive control says that did not find what was planted.
_BLIND = (Verdict.INCONCLUSIVE, Verdict.CONTRADICTED, Verdict.NO_DIFFERENCE, Verdict.INADMISSIBLE)


def needs_control(result: CaseResult) -> bool:
    """Whether a result says that nothing is there: no difference, or a claim of as much that holds."""
    claim = result.case.claim
    says_equal = claim.equivalence or claim.not_better_than is not None or claim.not_worse_than is not None
    nothing = result.verdict is Verdict.NO_DIFFERENCE or (result.verdict is Verdict.SUPPORTED and says_equal)
    return result.case.expects is None and nothing


def controls_of(result: CaseResult, controls: Iterable[Case]) -> list[Case]:
    """The positive controls of a result's recommender, where it needs one."""
    if not needs_control(result):
        return []
    recommender = result.case.recommender
    return [case for case in controls if case.expects is Expectation.POSITIVE_CONTROL and case.tests == recommender]


def checked(result: CaseResult, controls: Iterable[CaseResult]) -> CaseResult:
    """Call a result inadmissible whose own control did not find what was planted.

    Args:
        result: of the case.
        controls: results of its controls, see controls_of.
    """
    for control in controls:
        if needs_control(result) and control.over and control.verdict in _BLIND:
            said = (
                f"{result.verdict}, but with {control.case.tests} planted content was not found "
                f"({control.case.id}: {control.verdict})"
            )
            return replace(result, verdict=Verdict.INADMISSIBLE, reason=said)
    return result
