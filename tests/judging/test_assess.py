import dataclasses
import math
import zlib

import numpy as np
import pytest

from recclaims._model.arm import Arm
from recclaims._model.case import Case, Expectation
from recclaims._model.claim import Claim
from recclaims._model.population import SomeItems
from recclaims._model.verdict import Verdict
from recclaims.engine.cell import CellResult
from recclaims.engine.execute.executor import Failure
from recclaims.evaluation.metrics import METRICS, PRIMARY
from recclaims.judging.assess import Evidence, _finds_nothing, assess
from recclaims.judging.comparison import compare
from recclaims.judging.estimate import Estimate

CLAIM = Claim("noise", 1, "Real beats noise.", "nobody", controls=("permuted",))
LOOKS, USERS = (4, 6, 10), 2_000


def case(recommender="vbpr", treatment="sbert", claim=CLAIM, dataset="toy", **more):
    arms = Arm(recommender, treatment), Arm(recommender, treatment, noise="permuted")
    return Case(claim, dataset, dataset, recommender, treatment, "permuted", arms, **more)


def result(cell, level, seed):
    random = np.random.default_rng([cell.seed, seed])
    values = (random.random(USERS) < level).astype(float)
    values[:20] = np.nan  # users without a relevant test item
    return CellResult(cell, "key", dict.fromkeys(METRICS, values), 3, 2, seconds=1.5, peak_mb=10)


def results_of(case, treatment, control, popularity=0.05, replicates=LOOKS[-1]):
    found = {}
    for name, level in (("treatment", treatment), ("control", control), ("popularity", popularity)):
        for cell in getattr(case, f"{name}_cells")(replicates):
            found[cell] = result(cell, level, seed=len(name))
    return found


def judged(one, results, failures=(), fault=None, training_free=False, looks=LOOKS):
    evidence = Evidence(
        results, dict(failures), lambda _: looks, features_fault=lambda _: fault, training_free=lambda _: training_free
    )
    return assess(one, evidence)


def test_a_strong_effect_is_supported_at_the_first_look():
    one = case()
    found = judged(one, results_of(one, 0.5, 0.3))
    assert found.verdict is Verdict.SUPPORTED
    assert found.estimate.effect == pytest.approx(0.2, abs=0.05)
    assert (found.replicates, len(found.looks), found.over) == (4, 1, True)
    assert found.seconds == pytest.approx(2 * 4 * 1.5)


def test_the_other_way_is_contradicted():
    one = case()
    assert judged(one, results_of(one, 0.3, 0.5)).verdict is Verdict.CONTRADICTED


def test_what_is_undecided_asks_for_the_next_look_until_there_is_none():
    one = case()
    results = results_of(one, 0.303, 0.3)
    for have, looks, wanted in ((0, 0, 4), (4, 1, 6), (6, 2, 10), (9, 2, 10), (10, 3, None)):
        found = judged(one, {cell: value for cell, value in results.items() if cell.seed < have})
        assert (len(found.looks), found.next_look) == (looks, wanted)
        assert found.verdict is Verdict.INCONCLUSIVE


def test_every_look_is_taken_once_and_says_what_it_says_alone(monkeypatch):
    """As a run judges: again and again, whenever there are more cells."""
    one = case()
    results, taken = results_of(one, 0.303, 0.3), []

    def counted(treatment, *others):
        taken.append(len(treatment))
        return compare(treatment, *others)

    monkeypatch.setattr("recclaims.judging.assess.compare", counted)
    found = None
    for have in (0, 2, 4, 5, 6, 10, 10):
        there = {cell: value for cell, value in results.items() if cell.seed < have}
        found = assess(one, Evidence(there, {}, lambda _: LOOKS), found)
    n_metrics = len({one.claim.metric, PRIMARY})
    assert taken == [look for look in LOOKS for _ in range(n_metrics)]
    assert found == judged(one, results)
    failed = {one.control_cells(10)[9]: Failure("nan")}
    fewer = {cell: value for cell, value in results.items() if cell.seed < 9}
    again = assess(one, Evidence(fewer, failed, lambda _: LOOKS), judged(one, fewer))
    assert again == judged(one, fewer, failed)


def test_replicates_after_the_look_that_decides_are_not_read():
    """Whatever lies in the store, of whichever run."""
    one = case()
    results = results_of(one, 0.5, 0.3)
    few = judged(one, {cell: value for cell, value in results.items() if cell.seed < 4})
    contrary = results | {cell: result(cell, 0.01, 7) for cell in one.treatment_cells(10) if cell.seed >= 4}
    many = judged(one, contrary, {cell: Failure("nan") for cell in one.control_cells(20) if cell.seed >= 10})
    assert (few.verdict, few.reason, few.estimate.interval()) == (many.verdict, many.reason, many.estimate.interval())


def test_each_look_has_the_level_that_is_left_to_it():
    one = case()
    found = judged(one, results_of(one, 0.303, 0.3))
    levels = [look.levels.sides for look in found.looks]
    assert levels == sorted(levels)
    assert levels[-1] < CLAIM.level
    (only,) = judged(one, results_of(one, 0.303, 0.3), looks=(10,)).looks
    assert only.levels.sides == CLAIM.level


@pytest.mark.minutes  # seconds by itself
def test_of_no_effect_a_verdict_is_rarely_a_finding():
    found = []
    for number in range(60):
        one = case(dataset=f"toy{number}")
        results = {}
        for cell in one.cells(10):
            results[cell] = result(
                cell, 0.05 if cell.recommender == "mostpop" else 0.3, zlib.crc32(f"{number} {cell.arm}".encode())
            )
        found.append(judged(one, results).verdict)
    assert sum(verdict in (Verdict.SUPPORTED, Verdict.CONTRADICTED) for verdict in found) <= 6


def test_both_arms_below_popularity_are_inadmissible():
    one = case()
    found = judged(one, results_of(one, 0.3, 0.2, popularity=0.6))
    assert found.verdict is Verdict.INADMISSIBLE
    assert "below popularity" in found.reason
    assert found.estimate is not None


def test_arms_that_find_nothing_are_no_finding():
    """Whatever the claim: the arms would be equal, and equal they are for certain."""
    one = case("content-knn")
    for training_free in (True, False):
        found = judged(one, results_of(one, 0.0, 0.0, popularity=0.0), training_free=training_free)
        assert found.verdict is Verdict.INADMISSIBLE
        assert "neither arm" in found.reason


@pytest.mark.parametrize(("treatment", "control", "arm"), [(0.0, 0.5, "sbert"), (0.5, 0.0, "permuted")])
def test_an_effect_of_minus_100_per_cent_is_a_failure(treatment, control, arm):
    one = case()
    found = judged(one, results_of(one, treatment, control))
    assert found.verdict is Verdict.INADMISSIBLE
    assert arm in found.reason
    assert math.isinf(found.estimate.log_ratio)


def test_one_arm_above_popularity_is_enough():
    one = case()
    assert judged(one, results_of(one, 0.5, 0.2, popularity=0.4)).verdict is Verdict.SUPPORTED


def test_a_training_free_probe_may_rank_below_popularity_and_says_so():
    one = case()
    found = judged(one, results_of(one, 0.3, 0.2, popularity=0.6), training_free=True)
    assert found.verdict is Verdict.SUPPORTED
    assert "below popularity" in found.reason


def test_a_fault_of_the_features_is_inadmissible():
    one = case()
    found = judged(one, results_of(one, 0.5, 0.3), fault="half the rows are zero")
    assert (found.verdict, found.reason) == (Verdict.INADMISSIBLE, "half the rows are zero")


def test_what_could_not_run_is_not_run_and_what_failed_is_inadmissible():
    one = case()
    cell = one.treatment_cells(10)[2]
    results = results_of(one, 0.5, 0.3)
    del results[cell]
    absent = judged(one, results, {cell: Failure("weights are absent", missing=True)})
    assert (absent.verdict, absent.reason) == (Verdict.NOT_RUN, "weights are absent")
    failed = judged(one, results, {cell: Failure("loss is nan")})
    assert (failed.verdict, failed.reason) == (Verdict.INADMISSIBLE, "loss is nan")
    assert failed.estimate is None


def test_a_look_that_the_store_does_not_have_leaves_what_was_seen():
    """As with --claims-reuse always, after a run that was cut off."""
    one = case()
    results = {cell: value for cell, value in results_of(one, 0.303, 0.3).items() if cell.seed < 4}
    absent = {cell: Failure("not in the store", missing=True) for cell in one.cells(10) if cell.seed >= 4}
    found = judged(one, results, absent)
    assert (found.verdict, found.replicates, found.next_look) == (Verdict.INCONCLUSIVE, 4, None)


def test_a_real_failure_is_not_hidden_by_an_absent_one():
    one = case()
    first, second = one.treatment_cells(10)[:2]
    failures = {first: Failure("absent", missing=True), second: Failure("loss is nan")}
    assert judged(one, {}, failures).verdict is Verdict.INADMISSIBLE


def test_no_user_in_both_arms_is_inadmissible():
    one = case()
    results = results_of(one, 0.5, 0.3)
    for cell in one.control_cells(10):
        values = np.full(USERS, np.nan)
        results[cell] = dataclasses.replace(results[cell], per_user=dict.fromkeys(METRICS, values))
    found = judged(one, results)
    assert found.verdict is Verdict.INADMISSIBLE
    assert "no user" in found.reason


@pytest.mark.parametrize(
    ("treatment", "control", "verdict"),
    [(0.3, 0.3, "supported"), (0.5, 0.3, "contradicted"), (0.3, 0.5, "contradicted")],
)
def test_where_nothing_is_planted_silence_is_shown(treatment, control, verdict):
    """By two one-sided tests, not by the lack of a finding."""
    one = case(expects=Expectation.NEGATIVE_CONTROL)
    assert judged(one, results_of(one, treatment, control)).verdict == verdict


def test_silence_that_is_not_shown_is_undecided():
    one = case(expects=Expectation.NEGATIVE_CONTROL)
    assert judged(one, results_of(one, 0.003, 0.003, popularity=0.0005)).verdict is Verdict.INCONCLUSIVE


@pytest.mark.parametrize(
    ("changes", "advised"),
    [
        ({}, False),
        ({"metric": "ndcg@10"}, False),
        ({"metric": "ndcg@10", "items": SomeItems(train_at_most=5)}, True),
        ({"items": SomeItems(train_at_most=5)}, False),
    ],
)
def test_where_some_items_are_never_within_the_cut_off_it_says_what_to_ask(changes, advised):
    """They are ranked among all, and there are ten places."""
    nothing = Estimate(0, 0, math.nan, None, 3, 4, None)
    said = _finds_nothing(case(claim=dataclasses.replace(CLAIM, **changes)), nothing)
    assert said.startswith("neither arm finds anything for any user")
    assert ("smooth_recall, which has no cut-off" in said) is advised
    assert ("split=cold" in said) is advised
