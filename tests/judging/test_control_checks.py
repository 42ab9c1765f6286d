import pytest

from recclaims._model.arm import Arm
from recclaims._model.case import Case, Expectation
from recclaims._model.verdict import Verdict
from recclaims.judging.case_result import CaseResult
from recclaims.judging.control_checks import checked, controls_of
from recclaims.planning.builtin import CAPACITY, CONTROLS, NOISE, STABILITY


def result(verdict, claim=NOISE, recommender="freedom", features="sbert", expects=None, tests="", over=True):
    arms = Arm(recommender, features), Arm(recommender, features, noise="permuted")
    data = f"planted-{expects}" if expects else "toy"
    case = Case(claim, data, data, recommender, features, "permuted", arms, expects=expects, tests=tests)
    return CaseResult(case, verdict, "because", over=over)


def control(verdict, expects, tests="freedom", over=True):
    return result(verdict, CONTROLS, "freedom", "attributes", expects, tests, over)


@pytest.mark.parametrize("failure", [Verdict.INCONCLUSIVE, Verdict.NO_DIFFERENCE, Verdict.CONTRADICTED])
def test_who_does_not_find_planted_content_cannot_say_that_there_is_none(failure):
    blind = [control(failure, Expectation.POSITIVE_CONTROL)]
    assert checked(result(Verdict.NO_DIFFERENCE), blind).verdict is Verdict.INADMISSIBLE
    assert checked(result(Verdict.SUPPORTED, CAPACITY), blind).verdict is Verdict.INADMISSIBLE
    assert checked(result(Verdict.SUPPORTED, STABILITY), blind).verdict is Verdict.INADMISSIBLE
    # What was seen is not unseen.
    for verdict in (Verdict.SUPPORTED, Verdict.CONTRADICTED, Verdict.INCONCLUSIVE, Verdict.NOT_RUN):
        assert checked(result(verdict), blind).verdict is verdict


def test_a_case_brings_the_positive_control_of_its_recommender_where_it_needs_one():
    mine, other = (
        control(Verdict.SUPPORTED, Expectation.POSITIVE_CONTROL).case,
        control(Verdict.SUPPORTED, Expectation.POSITIVE_CONTROL, "bm3").case,
    )
    silent = control(Verdict.SUPPORTED, Expectation.NEGATIVE_CONTROL).case
    assert controls_of(result(Verdict.NO_DIFFERENCE), [other, silent, mine]) == [mine]
    for verdict in (Verdict.SUPPORTED, Verdict.CONTRADICTED, Verdict.INCONCLUSIVE, Verdict.NOT_RUN):
        assert controls_of(result(verdict), [mine]) == []


@pytest.mark.parametrize("verdict", [Verdict.SUPPORTED, Verdict.NOT_RUN])
def test_controls_that_hold_or_were_not_run_withdraw_nothing(verdict):
    fine = [control(verdict, Expectation.POSITIVE_CONTROL)]
    assert checked(result(Verdict.NO_DIFFERENCE), fine).verdict is Verdict.NO_DIFFERENCE
    assert checked(result(Verdict.NO_DIFFERENCE), []).verdict is Verdict.NO_DIFFERENCE


def test_a_control_that_is_not_finished_withdraws_nothing():
    waiting = [control(Verdict.INCONCLUSIVE, Expectation.POSITIVE_CONTROL, over=False)]
    assert checked(result(Verdict.NO_DIFFERENCE), waiting).verdict is Verdict.NO_DIFFERENCE


def test_the_reason_names_the_control():
    found = checked(result(Verdict.NO_DIFFERENCE), [control(Verdict.INCONCLUSIVE, Expectation.POSITIVE_CONTROL)])
    assert "freedom-attributes-permuted-planted-found" in found.reason
