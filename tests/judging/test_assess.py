import dataclasses

import numpy as np
import pytest

from recclaims.engine.cell import CellResult
from recclaims.engine.execute.executor import Failure
from recclaims.evaluation.metrics import METRICS
from recclaims.judging.assess import assess
from recclaims.judging.verdict import Verdict
from recclaims.planning.case import Arm, Case
from recclaims.planning.claim import Claim

CLAIM = Claim("noise", 1, "Real beats noise.", "nobody", controls=("permuted",))
SEEDS, USERS = 5, 400


def case(recommender="vbpr", treatment="sbert", claim=CLAIM, dataset="toy"):
    arms = Arm(recommender, treatment), Arm(recommender, treatment, noise="permuted")
    return Case(claim, dataset, dataset, recommender, treatment, "permuted", arms)


def result(cell, level, seed):
    random = np.random.default_rng([cell.seed, seed])
    values = (random.random(USERS) < level).astype(float)
    values[:20] = np.nan  # users without a relevant test item
    return CellResult(cell, "key", dict.fromkeys(METRICS, values), 3, 2, seconds=1.5, peak_mb=10)


def results_of(case, treatment, control, popularity=0.05):
    found = {}
    for name, level in (("treatment", treatment), ("control", control), ("popularity", popularity)):
        for cell in getattr(case, f"{name}_cells")(SEEDS):
            found[cell] = result(cell, level, seed=len(name))
    return found


def judged(cases, results, failures=(), fault=None, training_free=False):
    return assess(cases, SEEDS, results, dict(failures), lambda _: fault, lambda _: training_free)


def test_a_strong_effect_is_supported():
    one = case()
    found = judged([one], results_of(one, 0.5, 0.3))[one]
    assert found.verdict is Verdict.SUPPORTED
    assert found.comparison.estimate.effect == pytest.approx(0.2, abs=0.05)
    assert found.seconds == pytest.approx(2 * SEEDS * 1.5)


def test_the_other_way_is_contradicted():
    one = case()
    assert judged([one], results_of(one, 0.3, 0.5))[one].verdict is Verdict.CONTRADICTED


def test_the_effect_is_the_mean_over_replicates_of_the_mean_over_users():
    one = case()
    results = results_of(one, 0.5, 0.3)
    arms = [
        np.mean([np.nanmean(results[cell].per_user["recall@20"]) for cell in cells])
        for cells in (one.treatment_cells(SEEDS), one.control_cells(SEEDS))
    ]
    comparison = judged([one], results)[one].comparison
    assert comparison.treatment_mean == pytest.approx(arms[0], abs=1e-12)
    assert comparison.control_mean == pytest.approx(arms[1], abs=1e-12)
    assert comparison.estimate.effect == pytest.approx(arms[0] - arms[1], abs=1e-12)


def test_both_arms_below_popularity_are_inadmissible():
    one = case()
    found = judged([one], results_of(one, 0.3, 0.2, popularity=0.6))[one]
    assert found.verdict is Verdict.INADMISSIBLE
    assert "below popularity" in found.reason
    assert found.comparison is not None


def test_arms_that_find_nothing_are_no_finding():
    """Whatever the claim: the arms would be equal, and equal they are for certain."""
    one = case("content-knn")
    for training_free in (True, False):
        found = judged([one], results_of(one, 0.0, 0.0, popularity=0.0), training_free=training_free)[one]
        assert found.verdict is Verdict.INADMISSIBLE
        assert found.reason == "neither arm finds anything for any user (recall@20 is 0): nothing can differ"


@pytest.mark.parametrize(("treatment", "control", "arm"), [(0.0, 0.5, "sbert"), (0.5, 0.0, "permuted")])
def test_an_effect_of_minus_100_per_cent_is_a_failure_of_a_trained_recommender(treatment, control, arm):
    one = case()
    found = judged([one], results_of(one, treatment, control))[one]
    assert found.verdict is Verdict.INADMISSIBLE
    assert found.reason == f"{arm} finds nothing for any user (recall@20 is 0): a failure, not an effect"
    probe = judged([one], results_of(one, treatment, control), training_free=True)[one]
    assert probe.verdict is not Verdict.INADMISSIBLE


def test_one_arm_above_popularity_is_enough():
    one = case()
    assert judged([one], results_of(one, 0.5, 0.2, popularity=0.4))[one].verdict is Verdict.SUPPORTED


def test_a_training_free_probe_may_rank_below_popularity_and_says_so():
    one = case()
    found = judged([one], results_of(one, 0.3, 0.2, popularity=0.6), training_free=True)[one]
    assert found.verdict is Verdict.SUPPORTED
    assert "below popularity" in found.reason


def test_a_fault_of_the_features_is_inadmissible():
    one = case()
    found = judged([one], results_of(one, 0.5, 0.3), fault="half the rows are zero")[one]
    assert (found.verdict, found.reason) == (Verdict.INADMISSIBLE, "half the rows are zero")


def test_what_could_not_run_is_not_run_and_what_failed_is_inadmissible():
    one = case()
    cell = one.treatment_cells(SEEDS)[2]
    results = results_of(one, 0.5, 0.3)
    del results[cell]
    absent = judged([one], results, {cell: Failure("weights are absent", missing=True)})[one]
    assert (absent.verdict, absent.reason) == (Verdict.NOT_RUN, "weights are absent")
    failed = judged([one], results, {cell: Failure("loss is nan")})[one]
    assert (failed.verdict, failed.reason) == (Verdict.INADMISSIBLE, "loss is nan")
    assert failed.comparison is None


def test_a_real_failure_is_not_hidden_by_an_absent_one():
    one = case()
    first, second = one.treatment_cells(SEEDS)[:2]
    failures = {first: Failure("absent", missing=True), second: Failure("loss is nan")}
    assert judged([one], {}, failures)[one].verdict is Verdict.INADMISSIBLE


def test_holm_is_over_the_cases_of_one_claim_on_one_dataset():
    other_claim = dataclasses.replace(CLAIM, id="other")
    cases = [case(), case("freedom"), case(claim=other_claim), case(dataset="elsewhere")]
    results = {}
    for one in cases:
        results |= results_of(one, 0.36, 0.3)
    found = judged(cases, results)
    raw = found[cases[0]].comparison.estimate.p_value
    assert 0 < raw < 1
    # The two of one family have equal data, so the smaller of two equal p-values is doubled.
    assert found[cases[0]].p_adjusted == pytest.approx(min(1, 2 * raw))
    assert found[cases[2]].p_adjusted == pytest.approx(raw)
    assert found[cases[3]].p_adjusted == pytest.approx(raw)


def test_an_inadmissible_case_leaves_its_family():
    cases = [case(), case("freedom")]
    results = results_of(cases[0], 0.36, 0.3) | results_of(cases[1], 0.3, 0.2, popularity=0.05)
    for cell in cases[1].treatment_cells(SEEDS) + cases[1].control_cells(SEEDS):
        results[cell] = result(cell, 0.01, 1)
    found = judged(cases, results)
    assert found[cases[1]].verdict is Verdict.INADMISSIBLE
    assert found[cases[0]].p_adjusted == pytest.approx(found[cases[0]].comparison.estimate.p_value)


def test_no_user_in_both_arms_is_inadmissible():
    one = case()
    results = results_of(one, 0.5, 0.3)
    for cell in one.control_cells(SEEDS):
        values = np.full(USERS, np.nan)
        results[cell] = dataclasses.replace(results[cell], per_user=dict.fromkeys(METRICS, values))
    assert judged([one], results)[one].verdict is Verdict.INADMISSIBLE
