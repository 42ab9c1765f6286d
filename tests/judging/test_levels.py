import numpy as np
import pytest
import scipy.stats

from recclaims.judging.levels import nominal_levels

SCHEDULES = [(4, 6, 10), (10, 20, 50), (2, 3), (5,), (4, 8, 12, 16, 20)]


@pytest.mark.parametrize("looks", SCHEDULES)
@pytest.mark.parametrize(("alpha", "sides"), [(0.05, 2), (0.025, 2), (0.05, 1), (0.01, 1)])
def test_all_looks_together_err_as_often_as_they_may(looks, alpha, sides):
    random = np.random.default_rng(0)
    sums = random.normal(size=(200_000, looks[-1])).cumsum(axis=1)
    z = sums[:, np.array(looks) - 1] / np.sqrt(looks)
    p = sides * scipy.stats.norm.sf(np.abs(z) if sides == 2 else z)
    wrong = (p < nominal_levels(looks, alpha, sides)).any(axis=1).mean()
    assert wrong == pytest.approx(alpha, abs=4 * np.sqrt(alpha / 200_000))


def test_one_look_has_the_whole_level():
    assert nominal_levels((7,), 0.05) == (0.05,)


@pytest.mark.parametrize("looks", SCHEDULES)
def test_levels_rise_and_stay_below_the_whole(looks):
    levels = nominal_levels(looks, 0.05)
    assert list(levels) == sorted(levels)
    assert all(0 < level <= 0.05 for level in levels)


@pytest.mark.parametrize("looks", [(), (6, 4), (4, 4), (0, 2)])
def test_looks_that_do_not_rise_are_refused(looks):
    with pytest.raises(ValueError, match="looks"):
        nominal_levels(looks, 0.05)
