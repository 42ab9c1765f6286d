import math

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from recclaims.calibration.intervals import _BehrensFisher
from recclaims.judging.error import ErrorDistribution


@pytest.mark.parametrize("dof", [1, 2, 3, 5, 9, 49, 400])
def test_one_variance_is_a_t_distribution(dof):
    error = ErrorDistribution((2.0,), (1.0,), dof)
    for x in (0.1, 1.0, 3.0, 8.0):
        assert error.tail(x) == pytest.approx(2 * scipy.stats.t.sf(x / math.sqrt(2), dof), rel=1e-5)
    assert error.half_width(0.01) == pytest.approx(math.sqrt(2) * scipy.stats.t.isf(0.005, dof), rel=1e-4)


@pytest.mark.parametrize(("dof", "users"), [(3, 19), (5, 60), (9, 300)])
def test_two_variances_are_behrens_and_fishers(dof, users):
    error = ErrorDistribution((0.5,), (1.0,), dof, 0.7, users)
    reference = _BehrensFisher(0.5, dof, 0.7, users)
    for x in (0.5, 2.0, 4.0):
        assert error.tail(x) == pytest.approx(reference.sf(x), rel=2e-3)


def test_a_mixture_is_a_mixture():
    one, other = ErrorDistribution((1.0,), (1.0,), 5), ErrorDistribution((4.0,), (1.0,), 5)
    both = ErrorDistribution((1.0, 4.0), (0.25, 0.75), 5)
    assert both.tail(2.0) == pytest.approx(0.25 * one.tail(2.0) + 0.75 * other.tail(2.0))


@given(
    st.lists(st.floats(1e-6, 1e3), min_size=1, max_size=5),
    st.floats(1, 60),
    st.floats(0, 1e2),
    st.floats(1, 1e4),
    st.floats(1e-4, 0.9),
)
def test_what_is_exceeded_with_a_probability_is(scales, dof, users, users_dof, level):
    weights = np.arange(1, len(scales) + 1) / sum(range(1, len(scales) + 1))
    error = ErrorDistribution(tuple(scales), tuple(weights), dof, users, users_dof)
    half = error.half_width(level)
    assert error.tail(half) == pytest.approx(level, rel=1e-4)
    assert error.tail(half * 1.1) < error.tail(half) < error.tail(half * 0.9)


def test_nothing_known_excludes_nothing():
    for unknown in (ErrorDistribution((1.0,), (1.0,), 0.0), ErrorDistribution((math.nan,), (1.0,), 4.0)):
        assert not unknown.known
        assert unknown.half_width(0.05) == math.inf
        assert unknown.tail(1e9) == 1.0


def test_no_spread_is_no_error():
    error = ErrorDistribution((0.0,), (1.0,), 4.0)
    assert (error.half_width(0.05), error.tail(0.0), error.tail(1e-9)) == (0.0, 1.0, 0.0)
