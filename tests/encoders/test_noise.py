import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recclaims.encoders.noise import CONTROLS, find_control
from recclaims.errors import UnknownNameError


def matrix(n=400, d=6, seed=0):
    random = np.random.default_rng(seed)
    mixing = random.normal(size=(d, d))
    return (random.normal(size=(n, d)) @ mixing + random.normal(size=d) * 5).astype(np.float32)


@pytest.mark.parametrize("control", CONTROLS.values(), ids=CONTROLS)
class TestEveryControl:
    def test_keeps_shape_and_type_and_leaves_the_original(self, control):
        real = matrix()
        before = real.copy()
        made = control.apply(real, 3)
        assert made.shape == real.shape
        assert made.dtype == np.float32
        assert np.isfinite(made).all()
        np.testing.assert_array_equal(real, before)

    def test_the_seed_decides(self, control):
        real = matrix()
        np.testing.assert_array_equal(control.apply(real, 3), control.apply(real, 3))
        assert (control.apply(real, 3) != control.apply(real, 4)).any()

    def test_breaks_the_link_to_the_items(self, control):
        real = matrix()
        made = control.apply(real, 0)
        centred = [m - m.mean(axis=0) for m in (real, made)]
        own = np.mean([np.corrcoef(a, b)[0, 1] for a, b in zip(*(c.T for c in centred), strict=True)])
        assert abs(own) < 4 / np.sqrt(len(real))

    def test_says_what_it_preserves(self, control):
        assert control.preserves
        assert control.apply.__doc__


@given(seed=st.integers(0, 10_000))
def test_permuted_keeps_the_set_of_rows(seed):
    real = matrix(50)
    made = find_control("permuted").apply(real, seed)
    np.testing.assert_array_equal(np.unique(real, axis=0), np.unique(made, axis=0))


def test_gaussian_keeps_the_moments_of_each_dimension_and_nothing_between_them():
    real = matrix(20_000)
    made = find_control("gaussian").apply(real, 0)
    deviation = real.std(axis=0)
    assert (np.abs(made.mean(axis=0) - real.mean(axis=0)) < 5 * deviation / np.sqrt(len(real))).all()
    np.testing.assert_allclose(made.std(axis=0), deviation, rtol=0.03)
    off_diagonal = ~np.eye(6, dtype=bool)
    assert np.abs(np.corrcoef(real.T)[off_diagonal]).max() > 0.3
    assert np.abs(np.corrcoef(made.T)[off_diagonal]).max() < 0.05


def test_a_constant_column_stays_constant():
    real = matrix(30)
    real[:, 2] = 7
    np.testing.assert_allclose(find_control("gaussian").apply(real, 0)[:, 2], 7)


def test_an_unknown_control_shows_the_nearest():
    with pytest.raises(UnknownNameError, match="unknown control 'permutd'; did you mean 'permuted'"):
        find_control("permutd")
