import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recclaims.judging.estimate import estimate


def arms(seed, effect=0.05, users=120, replicates=6, cv=0.2, spread=0.02, missing=0.2):
    """Two arms whose mean varies from split to split, with users who have a taste and luck of their own."""
    random = np.random.default_rng(seed)
    shape = (users, replicates)
    base = 0.1 * np.exp(random.normal(0, cv, replicates) + random.normal(0, 0.5, (users, 1)))
    control, treatment = (base * np.exp(random.normal(0, 0.4, shape)) for _ in range(2))
    treatment *= (1 + effect) * np.exp(random.normal(0, spread, replicates))
    absent = random.random(shape) < missing
    treatment[absent] = control[absent] = np.nan
    return treatment, control


def test_the_effect_is_the_mean_over_replicates_of_the_log_ratio_of_the_means_over_users():
    treatment, control = arms(0)
    found = estimate(treatment, control)
    means = [np.nanmean(arm, axis=0) for arm in (treatment, control)]
    assert found.treatment_mean == pytest.approx(means[0].mean())
    assert found.control_mean == pytest.approx(means[1].mean())
    assert found.log_ratio == pytest.approx(np.log(means[0] / means[1]).mean())


@pytest.mark.parametrize(("effect", "cv"), [(0.0, 0.05), (0.03, 0.3), (4.0, 0.1), (4.0, 0.45)])
def test_the_interval_covers(effect, cv):
    """Of small effects and of several hundred per cent, where the control itself varies by half of its mean."""
    truth = effect
    intervals = [estimate(*arms(seed, effect, users=80, cv=cv, spread=0.03)).interval() for seed in range(400)]
    covered = np.mean([low <= truth <= high for low, high in intervals])
    assert 0.915 <= covered <= 0.985  # 95 % and three standard errors


@given(st.integers(0, 10_000), st.booleans())
def test_the_order_of_users_and_the_unit_decide_nothing(seed, noisy):
    treatment, control = arms(seed % 50)
    groups = [0, 0, 1, 1, 2, 2] if noisy else None
    order = np.random.default_rng(seed).permutation(len(control))
    one = estimate(treatment, control, groups, luck=noisy)
    other = estimate(7.0 * treatment[order], 7.0 * control[order], groups, luck=noisy)
    assert other.log_ratio == pytest.approx(one.log_ratio, abs=1e-12)
    assert other.interval() == pytest.approx(one.interval(), rel=1e-6)


@given(st.integers(0, 10_000))
def test_the_arms_exchanged_give_the_opposite(seed):
    treatment, control = arms(seed % 50)
    one, other = estimate(treatment, control), estimate(control, treatment)
    assert other.log_ratio == pytest.approx(-one.log_ratio)
    assert other.p_value == pytest.approx(one.p_value)
    assert 1 + other.interval()[0] == pytest.approx(1 / (1 + one.interval()[1]))


def test_luck_of_the_assignment_is_in_the_interval():
    treatment, control = arms(1)
    alone, with_luck = (estimate(treatment, control, [0, 0, 1, 1, 2, 2], luck=luck) for luck in (False, True))
    assert with_luck.interval()[0] < alone.interval()[0] < alone.interval()[1] < with_luck.interval()[1]


def test_nothing_to_compare_is_nan_and_an_arm_of_zero_is_no_ratio():
    nothing = np.full((5, 3), np.nan)
    assert math.isnan(estimate(nothing, nothing).log_ratio)
    assert math.isnan(estimate(np.zeros((5, 3)), np.zeros((5, 3))).log_ratio)
    found = estimate(np.ones((5, 3)), np.zeros((5, 3)))
    assert found.log_ratio == math.inf
    assert all(math.isnan(limit) for limit in found.interval())


def test_one_replicate_allows_no_interval():
    treatment, control = arms(0, replicates=1)
    found = estimate(treatment, control)
    assert (found.interval(), found.p_value) == ((-1.0, math.inf), 1.0)


def test_equal_arms_are_equal_for_certain():
    _, control = arms(3)
    found = estimate(control, control)
    assert (found.relative, found.interval(), found.p_value) == (0.0, (0.0, 0.0), 1.0)
