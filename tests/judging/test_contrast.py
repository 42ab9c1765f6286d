"""Two effects beside each other: the value by hand, and how often an effect is found where there is none."""

import numpy as np
import pytest

from recclaims.judging.contrast import contrast
from recclaims.judging.estimate import estimate


def arm(random, level, n_users=200, n_replicates=4, missing=0.4):
    values = level * random.gamma(4, 0.25, (n_users, n_replicates))
    values[random.random(values.shape) < missing] = np.nan
    return values


def pair(random, level, effect, taste, split):
    control = arm(random, level) * taste
    return control * np.exp(effect + split) * random.gamma(50, 1 / 50, control.shape), control


def test_it_is_the_difference_of_the_log_ratios():
    random = np.random.default_rng(0)
    ones = np.ones((200, 1))
    first, second = pair(random, 0.1, 0.3, ones, 0.0), pair(random, 0.4, 0.1, ones, 0.0)
    found = contrast(first, second)
    on, other = (estimate(*arms) for arms in (first, second))
    assert found.log_ratio == pytest.approx(on.log_ratio - other.log_ratio)
    assert (found.treatment_mean, found.control_mean) == pytest.approx((np.exp(on.log_ratio), np.exp(other.log_ratio)))
    assert found.n_users == (~np.isnan(np.hstack([first[0], second[0]]))).any(axis=1).sum()
    assert contrast(second, first).log_ratio == pytest.approx(-found.log_ratio)


def test_of_the_same_items_nothing_is_left():
    random = np.random.default_rng(1)
    same = pair(random, 0.2, 0.5, np.ones((200, 1)), 0.0)
    found = contrast(same, same)
    assert found.log_ratio == pytest.approx(0, abs=1e-12)
    assert found.interval()[1] < 1e-9


def test_what_a_split_does_to_both_cancels():
    random = np.random.default_rng(2)
    split = random.normal(0, 1, 4)
    ones = np.ones((200, 1))
    first, second = pair(random, 0.1, 0.2, ones, split), pair(random, 0.4, 0.2, ones, split)
    low, high = contrast(first, second).interval()
    assert low < 0 < high
    assert high - low < 0.2
    low, high = estimate(*first).interval()
    assert high - low > 1


@pytest.mark.parametrize(("effect", "least", "most"), [(0.0, 0, 0.09), (0.15, 0.8, 1.0)])
def test_an_effect_is_found_where_there_is_one_and_rarely_where_there_is_none(effect, least, most):
    random, found = np.random.default_rng(3), 0
    for _ in range(200):
        taste, split = random.gamma(9, 1 / 9, (200, 1)), random.normal(0, 0.1, 4)
        one = contrast(pair(random, 0.1, 0.2 + effect, taste, split), pair(random, 0.4, 0.2, taste, split))
        found += one.p_value < 0.05
    assert least <= found / 200 <= most


def test_where_an_arm_finds_nothing_there_is_no_ratio():
    random = np.random.default_rng(4)
    first, second = (pair(random, 0.1, 0.2, np.ones((200, 1)), 0.0) for _ in range(2))
    first[0][:, 1] = 0
    assert np.isnan(contrast(first, second).log_ratio)
    first = np.full((2, 200, 4), np.nan)
    assert np.isnan(contrast(first, second).log_ratio)
    assert contrast(first, second).n_users == 0
