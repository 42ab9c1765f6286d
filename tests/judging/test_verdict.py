"""The rules of docs/methods.md, one row each."""

import dataclasses
import math

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from recclaims._model.claim import Claim
from recclaims._model.verdict import Verdict
from recclaims.judging.components import VarianceComponents
from recclaims.judging.error import ErrorDistribution
from recclaims.judging.estimate import Estimate
from recclaims.judging.verdict import Levels, judge, levels_of

CLAIM = Claim("noise", 1, "Real beats noise.", "nobody", controls=("permuted",), margin=0.02)
LEVELS = Levels(0.05, 0.05)


def estimate(relative, half, dof=1e6):
    """A relative effect whose 95 % interval reaches `half` to either side, on the scale of the log."""
    error = ErrorDistribution(((half / 1.959964) ** 2,), (1.0,), dof)
    return Estimate(1 + relative, 1.0, math.log1p(relative), error, 900, 5, VarianceComponents(0, 0, 0))


def verdict(relative, half, levels=LEVELS, **stated):
    return judge(estimate(relative, half), dataclasses.replace(CLAIM, **stated), levels).verdict


S, C, N, I = Verdict.SUPPORTED, Verdict.CONTRADICTED, Verdict.NO_DIFFERENCE, Verdict.INCONCLUSIVE  # noqa: E741


@pytest.mark.parametrize(
    ("relative", "half", "stated", "expected"),
    [
        (0.05, 0.04, {}, S),
        (0.05, 0.06, {}, I),
        (-0.05, 0.04, {}, C),
        (0.001, 0.01, {}, N),
        (0.001, 0.03, {}, I),
        (0.01, 0.005, {}, S),  # below the margin, and there all the same: its reason says so
        (-0.05, 0.04, {"direction": "less"}, S),
        (0.05, 0.04, {"direction": "less"}, C),
        (0.10, 0.04, {"at_least": 0.05}, S),
        (0.10, 0.06, {"at_least": 0.05}, I),
        (0.02, 0.01, {"at_least": 0.05}, C),
        (0.001, 0.01, {"at_least": 0.05}, C),
        (0.0, 0.009, {"not_worse_than": 0.01}, S),
        (0.0, 0.02, {"not_worse_than": 0.01}, I),
        (-0.05, 0.02, {"not_worse_than": 0.01}, C),
        (0.3, 0.02, {"not_worse_than": 0.01}, S),
        (0.0, 0.015, {"not_better_than": 0.02}, S),
        (-0.3, 0.015, {"not_better_than": 0.02}, S),
        (0.0, 0.03, {"not_better_than": 0.02}, I),
        (0.05, 0.02, {"not_better_than": 0.02}, C),
        (0.001, 0.015, {"equivalence": True}, S),
        (0.001, 0.03, {"equivalence": True}, I),
        (0.05, 0.02, {"equivalence": True}, C),
        (-0.05, 0.02, {"equivalence": True}, C),
        (0.01, 0.005, {"equivalence": True}, S),
    ],
)
def test_what_a_look_says(relative, half, stated, expected):
    assert verdict(relative, half, **stated) is expected


def test_a_look_has_its_own_level():
    assert verdict(0.05, 0.045) is S
    assert verdict(0.05, 0.045, Levels(0.01, 0.05)) is I


def test_a_small_effect_says_that_it_is_small():
    assert "margin" in judge(estimate(0.01, 0.005), CLAIM, LEVELS).reason


def test_no_number_is_inadmissible():
    nothing = dataclasses.replace(estimate(0.1, 0.1), log_ratio=math.nan)
    assert judge(nothing, CLAIM, LEVELS).verdict is Verdict.INADMISSIBLE


def test_without_a_spread_nothing_is_decided():
    one_replicate = dataclasses.replace(
        estimate(0.5, 0.1), error=ErrorDistribution((0.1,), (1.0,), 0.0), n_replicates=1
    )
    for stated in ({}, {"equivalence": True}, {"not_worse_than": 0.1}, {"not_better_than": 0.1}, {"at_least": 0.1}):
        assert judge(one_replicate, dataclasses.replace(CLAIM, **stated), LEVELS).verdict is I


effects, halves = st.floats(-0.5, 2), st.floats(1e-4, 0.5)


@given(effects, halves)
def test_the_other_direction_is_the_opposite(relative, half):
    opposite = {S: C, C: S, N: N, I: I}
    assert verdict(relative, half, direction="less") is opposite[verdict(relative, half)]


@given(effects, halves, st.floats(1e-4, 0.04))
def test_what_a_stricter_level_decides_a_laxer_one_decides_alike(relative, half, level):
    strict, lax = (verdict(relative, half, Levels(one, one)) for one in (level, 0.05))
    assert strict in (I, lax) or (strict, lax) == (N, S) or (strict, lax) == (N, C)


@given(effects, halves)
def test_interval_and_p_agree(relative, half):
    one = estimate(relative, half, dof=5)
    low, high = one.interval(0.9)
    assert (low > 0 or high < 0) == (one.p_value < 0.1) or np.isclose(one.p_value, 0.1)


@pytest.mark.parametrize("looks", [(4, 6), (4, 6, 10), (4, 6, 10, 16)])
@pytest.mark.parametrize("true", [0.0, 0.5, 1.0, 1.5, 2.0, 3.0])
def test_the_interval_that_is_shown_holds_the_truth_after_stopping(looks, true):
    """Normal replicates with a spread of 1.5 %; they stop as cases do, by a gain, a loss or no difference."""
    values = np.random.default_rng(0).normal(true, 1.5, (10_000, looks[-1]))
    levels = levels_of(dataclasses.replace(CLAIM, level=0.025), looks)
    open_, held, usual = np.ones(len(values), bool), np.zeros(len(values), bool), np.zeros(len(values), bool)
    for replicates, level in zip(looks, levels, strict=True):
        seen = values[:, :replicates]
        mean, error = seen.mean(axis=1), scipy.stats.sem(seen, axis=1)

        def half(one_sided, error=error, dof=replicates - 1):
            return scipy.stats.t.isf(one_sided, dof) * error

        decided = (np.abs(mean) > half(level.sides / 2)) | (np.abs(mean) + half(level.equivalence) < 2)
        ends = open_ & (decided | (replicates == looks[-1]))
        held[ends] = (np.abs(mean - true) < half(level.shown / 2))[ends]
        usual[ends] = (np.abs(mean - true) < half(0.025))[ends]
        open_ &= ~ends
    assert 0.925 < held.mean() < 0.97
    assert held.mean() > usual.mean()


def test_after_one_look_the_interval_that_is_shown_is_the_usual_one():
    assert [level.shown for level in levels_of(CLAIM, (5,))] == pytest.approx([0.05])
    several = levels_of(CLAIM, (4, 6, 10))
    assert len({level.shown for level in several}) == 1
    assert 0.025 < several[0].shown < 0.05
