from dataclasses import replace

import pytest

from recclaims.judging.case_result import CaseResult
from recclaims.judging.control_checks import silent, withdraw
from recclaims.judging.verdict import Judgement, Verdict
from recclaims.planning.builtin import CAPACITY, CONTROLS, NOISE
from recclaims.planning.case import Arm, Case, Expectation

SEEN = {Verdict.INCONCLUSIVE, Verdict.NO_DIFFERENCE, Verdict.CONTRADICTED}


def result(verdict, claim=NOISE, recommender="freedom", features="sbert", expects=None, tests=""):
    arms = Arm(recommender, features), Arm(recommender, features, noise="permuted")
    data = f"planted-{expects}" if expects else "toy"
    case = Case(claim, data, data, recommender, features, "permuted", arms, expects=expects, tests=tests)
    return CaseResult(case, verdict, "because")


def control(verdict, expects, tests="freedom"):
    return result(verdict, CONTROLS, "freedom", "attributes", expects, tests)


def after(*results):
    return [found.verdict for found in withdraw({one.case: one for one in results}).values()]


def test_to_be_silent_is_right_where_nothing_was_planted():
    for verdict in SEEN:
        assert silent(Judgement(verdict, "")).verdict is Verdict.SUPPORTED
    wrong = silent(Judgement(Verdict.SUPPORTED, "Holm p = 0.01"))
    assert wrong.verdict is Verdict.CONTRADICTED
    assert wrong.reason == "an effect where none was planted, Holm p = 0.01"
    assert silent(Judgement(Verdict.INADMISSIBLE, "NaN")).verdict is Verdict.INADMISSIBLE


@pytest.mark.parametrize("failure", [Verdict.INCONCLUSIVE, Verdict.NO_DIFFERENCE, Verdict.CONTRADICTED])
def test_who_does_not_find_planted_content_cannot_say_that_there_is_none(failure):
    blind = control(failure, Expectation.FOUND)
    verdicts = after(blind, result(Verdict.NO_DIFFERENCE), result(Verdict.SUPPORTED, CAPACITY))
    assert verdicts == [failure, Verdict.INADMISSIBLE, Verdict.INADMISSIBLE]
    # What was seen is not unseen.
    for verdict in (Verdict.SUPPORTED, Verdict.CONTRADICTED, Verdict.INCONCLUSIVE, Verdict.NOT_RUN):
        assert after(blind, result(verdict))[1] is verdict


def test_who_finds_content_where_there_is_none_cannot_say_that_there_is_some():
    dreaming = control(Verdict.CONTRADICTED, Expectation.SILENT)
    assert after(dreaming, result(Verdict.SUPPORTED))[1] is Verdict.INADMISSIBLE
    assert after(dreaming, result(Verdict.NO_DIFFERENCE))[1] is Verdict.NO_DIFFERENCE
    assert after(dreaming, result(Verdict.SUPPORTED, CAPACITY))[1] is Verdict.SUPPORTED


def test_a_control_speaks_of_the_recommender_or_the_encoder_that_it_tests():
    blind = control(Verdict.INCONCLUSIVE, Expectation.FOUND, tests="sbert")
    assert after(blind, result(Verdict.NO_DIFFERENCE, recommender="vbpr"))[1] is Verdict.INADMISSIBLE
    assert after(blind, result(Verdict.NO_DIFFERENCE, features="resnet50"))[1] is Verdict.NO_DIFFERENCE
    blind = control(Verdict.INCONCLUSIVE, Expectation.FOUND)
    assert after(blind, result(Verdict.NO_DIFFERENCE, recommender="vbpr"))[1] is Verdict.NO_DIFFERENCE


@pytest.mark.parametrize("verdict", [Verdict.SUPPORTED, Verdict.NOT_RUN])
def test_controls_that_hold_or_were_not_run_withdraw_nothing(verdict):
    fine = control(verdict, Expectation.FOUND)
    assert after(fine, result(Verdict.NO_DIFFERENCE))[1] is Verdict.NO_DIFFERENCE
    assert after(result(Verdict.NO_DIFFERENCE)) == [Verdict.NO_DIFFERENCE]


def test_the_reason_names_the_control():
    blind = control(Verdict.INCONCLUSIVE, Expectation.FOUND)
    null = result(Verdict.NO_DIFFERENCE)
    found = withdraw({one.case: one for one in (blind, null)})[null.case]
    assert found == replace(null, verdict=Verdict.INADMISSIBLE, reason=found.reason)
    assert found.reason == (
        "no_difference, but with freedom planted content was not found "
        "(freedom-attributes-permuted-planted-found: inconclusive)"
    )
