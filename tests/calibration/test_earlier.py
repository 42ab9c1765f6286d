import numpy as np
import pytest

from recclaims.calibration.earlier import assignment_p_value, assignment_variance, judged_by
from recclaims.calibration.intervals import behrens_fisher_interval

USERS, REPLICATES = 300, 5


def arms(random, between_dealings, effect=0.0):
    """Real features, dealt once, and noise, dealt in every replicate; users have a taste and luck of their own."""
    shape = (USERS, REPLICATES)
    taste = random.normal(0, 1, (USERS, 1))
    real, noise = random.normal(0, between_dealings), random.normal(0, between_dealings, REPLICATES)
    treatment = taste + effect + real + random.normal(0, 1, shape)
    return treatment, taste + noise + random.normal(0, 1, shape)


def p_of(treatment, control):
    return assignment_p_value(treatment, control, assignment_variance(treatment, control))


def test_luck_of_the_dealing_is_not_called_an_effect():
    random = np.random.default_rng(3)
    simulated = [arms(random, 0.3) for _ in range(300)]
    estimates = [judged_by(*both, assigned=True) for both in simulated]
    called = [one.p_value <= 0.05 and not one.low <= 0 <= one.high for one in estimates]
    naive = [not one.low <= 0 <= one.high for one in estimates]
    assert np.mean(naive) > 0.2  # the interval is right about these items, and they differ from others
    assert np.mean(called) < 0.1


def test_an_effect_beyond_that_luck_is_found():
    random = np.random.default_rng(4)
    estimates = [judged_by(*arms(random, 0.1, effect=1.0), assigned=True) for _ in range(50)]
    assert np.mean([one.p_value <= 0.05 for one in estimates]) > 0.9


def test_where_dealings_do_not_differ_little_is_added():
    random = np.random.default_rng(5)
    found = [assignment_variance(*arms(random, 0.0)) for _ in range(400)]
    assert np.mean(found) < 0.01  # the variance of a mean of 300 users is 0.0033


def test_what_both_arms_share_is_no_luck_of_the_dealing():
    random = np.random.default_rng(5)
    for _ in range(50):
        treatment, control = arms(random, 0.1)
        hard = random.normal(0, 5, (1, REPLICATES))  # a hard split is hard for both
        most = (treatment - control).mean(axis=0).var(ddof=1)
        assert assignment_variance(treatment + hard, control + hard) <= most * (1 + 1e-9)


def test_p_is_never_smaller_and_the_interval_is_the_same():
    random = np.random.default_rng(6)
    for between in (0.0, 0.1, 1.0):
        both = arms(random, between, effect=0.2)
        plain, dealt = behrens_fisher_interval(both[0] - both[1]), judged_by(*both, assigned=True)
        assert dealt.p_value >= plain.p_value
        assert (dealt.low, dealt.high, dealt.effect) == (plain.low, plain.high, plain.effect)
        assert judged_by(*both, assigned=False) == plain
        if assignment_variance(*both) == 0:
            assert dealt.p_value == pytest.approx(plain.p_value)


def test_the_variance_is_that_between_dealings():
    random = np.random.default_rng(7)
    found = [assignment_variance(*arms(random, 0.5)) for _ in range(300)]
    assert np.mean(found) == pytest.approx(0.25, rel=0.35)  # the larger of two estimates: on the careful side
    assert np.mean(found) > 0.25


@pytest.mark.parametrize("shape", [(1, 5), (300, 1), (1, 1)])
def test_one_user_or_one_replicate_shows_nothing(shape):
    random = np.random.default_rng(8)
    assert p_of(random.normal(size=shape), random.normal(size=shape)) == 1.0


def test_nothing_and_equal_arms():
    empty = np.full((4, 3), np.nan)
    assert np.isnan(p_of(empty, empty))
    same = np.ones((4, 3))
    assert p_of(same, same) == 1.0


def test_missing_users_are_no_matter():
    random = np.random.default_rng(9)
    treatment, control = arms(random, 0.3)
    nobody = np.full((50, REPLICATES), np.nan)
    hidden = [np.vstack([arm, nobody]) for arm in (treatment, control)]
    assert p_of(*hidden) == pytest.approx(p_of(treatment, control))
