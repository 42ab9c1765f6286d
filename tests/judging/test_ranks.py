"""Rank intervals: how often all true ranks lie in them, what they tell apart, and which arms of a run they are of."""

import numpy as np
import pytest

from recclaims._model.arm import Arm
from recclaims._model.case import Case
from recclaims._model.claim import JUDGED, Claim
from recclaims._model.verdict import Verdict
from recclaims.engine.cell import CellResult
from recclaims.judging.case_result import CaseResult
from recclaims.judging.rankings import rankings
from recclaims.judging.ranks import LEVEL, ranked


def drawn(random, truth, n_users=60, n_replicates=4, spread=0.03, blocks=1):
    """Values of arms whose means have the logs `truth`, with luck of users, of replicates and of both."""
    users = random.normal(0, 0.5, (len(truth), n_users, 1)) + random.normal(0, 0.5, (1, n_users, 1))
    found = []
    for log_mean, own in zip(truth, users, strict=True):
        shape = (n_users, n_replicates)
        makes = (random.normal(0, spread, n_replicates) + random.normal(0, 0.3, shape) for _ in range(blocks))
        found.append([0.1 * np.exp(log_mean + own + luck) for luck in makes])
    return found


def true_ranks(truth):
    return [1 + sum(other > one for other in truth) for one in truth]


def missed(truth, draws, **shape):
    """How many of the draws have a true rank outside its interval."""
    random, ranks = np.random.default_rng(len(truth)), true_ranks(truth)
    found = (ranked(drawn(random, truth, **shape)) for _ in range(draws))
    return sum(not all(one.low <= rank <= one.high for one, rank in zip(many, ranks, strict=True)) for many in found)


@pytest.mark.parametrize(
    "truth", [(0, 0, 0, 0), (0, 0, 0.4, 0.4), (0, 0.02, 0.04, 0.5)], ids=["all alike", "two groups", "close"]
)
def test_all_true_ranks_lie_in_their_intervals_as_often_as_is_said(truth):
    draws = 200
    # Three deviations of a count whose mean is what the level allows.
    assert missed(truth, draws) <= draws * LEVEL + 3 * np.sqrt(draws * LEVEL * (1 - LEVEL))


def test_intervals_that_may_miss_always_do_so():
    """The check above can fail: with no level at all, luck alone orders arms that are alike."""
    random = np.random.default_rng(0)
    alike = (ranked(drawn(random, (0, 0, 0, 0)), level=1.0) for _ in range(20))
    assert all(any(one.low > 1 for one in ranks) for ranks in alike)


def test_arms_far_apart_have_one_rank_each_and_equal_ones_share_theirs():
    found = ranked(drawn(np.random.default_rng(1), (0, 1.5, 1.5, 3), n_replicates=8))
    assert [(one.low, one.high) for one in found] == [(4, 4), (2, 3), (2, 3), (1, 1)]
    assert [one.replicates for one in found] == [8, 8, 8, 8]


def test_several_blocks_say_more_than_one():
    truth = (0, 0.25)
    one, four = (
        sum(ranked(drawn(np.random.default_rng(n), truth, spread=0.1, blocks=blocks))[0].low == 2 for n in range(20))
        for blocks in (1, 4)
    )
    assert four > one


def test_arms_are_compared_on_the_replicates_that_both_have():
    first, second = drawn(np.random.default_rng(2), (0, 3), n_replicates=6)
    found = ranked([[first[0][:, :4]], second])
    assert [(one.low, one.replicates) for one in found] == [(2, 4), (1, 6)]
    assert ranked([[first[0][:, :4]], [second[0][:, :4]]])[0].low == 2


def test_an_arm_that_finds_nothing_is_told_from_none():
    first, second = drawn(np.random.default_rng(3), (0, 3))
    nothing = [np.zeros_like(first[0])]
    assert [(one.low, one.high) for one in ranked([first, second, nothing])] == [(2, 3), (1, 2), (1, 3)]
    assert ranked([nothing, first])[0].mean == 0


CLAIM = Claim("noise", 1, "it helps", "test", controls=("permuted",))


def judged(recommender, features, values, control=None, verdict=Verdict.SUPPORTED, claim=CLAIM):
    """A case of four replicates, and the cells of its arms."""
    arms = Arm(recommender, features), control or Arm(recommender, features, noise="permuted")
    case = Case(claim, "toy", "toy", recommender, features or "none", "permuted", arms)
    cells = {
        cell: CellResult(cell, "0" * 64, {JUDGED: values[0][:, cell.seed]}, 1, 1, 0.0, 0.0)
        for arm in arms
        for cell in arm.cells("toy", 4)
    }
    return CaseResult(case, verdict, "because", replicates=4), cells


def of_run(*found):
    return list(rankings([result for result, _ in found], {k: v for _, cells in found for k, v in cells.items()}))


def test_a_run_ranks_its_systems_encoders_and_recommenders_but_no_noise():
    values = drawn(np.random.default_rng(4), (0, 1.5, 3, 4.5))
    found = of_run(
        *(judged(r, e, values[n]) for n, (r, e) in enumerate([("a", "x"), ("a", "y"), ("b", "x"), ("b", "y")]))
    )
    assert [one.ranked for one in found] == ["systems", "encoders", "recommenders"]
    systems, encoders, recommenders = found
    assert [entry[:2] for entry in systems.entries] == [("b", "y"), ("b", "x"), ("a", "y"), ("a", "x")]
    assert [(e[1], e[2].low) for e in encoders.entries] == [("y", 1), ("x", 2)]
    assert encoders.over == ("a", "b")
    assert [(e[0], e[2].low) for e in recommenders.entries] == [("b", 1), ("a", 2)]


def test_what_is_inadmissible_or_about_the_suite_has_no_rank():
    values = drawn(np.random.default_rng(5), (0, 1))
    leaks = judged("a", "leaks", values[1], verdict=Verdict.INADMISSIBLE)
    assert of_run(judged("a", "x", values[0]), leaks) == []
    of_suite = Claim("controls", 1, "it is found", "test", controls=("permuted",), planted=True)
    assert of_run(judged("a", "x", values[0]), judged("a", "y", values[1], claim=of_suite)) == []


def test_a_recommender_without_content_is_ranked_beside_the_others():
    values = drawn(np.random.default_rng(6), (0, 1.5))
    (systems,) = of_run(judged("a", "x", values[1], control=Arm("a", None)), judged("bpr", None, values[0]))
    assert systems.entries[0][:2] == ("a", "x")
    assert ("bpr", None) in [entry[:2] for entry in systems.entries]
