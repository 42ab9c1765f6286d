"""Pooling over data sets: against a published example, and by simulation."""

import numpy as np
import pytest

from recclaims.pooling.random_effects import pool

# Thirteen trials of BCG vaccine: cases and others among the vaccinated, and among the rest (Colditz et al. 1994).
BCG = [
    (4, 119, 11, 128), (6, 300, 29, 274), (3, 228, 11, 209), (62, 13536, 248, 12619), (33, 5036, 47, 5761),
    (180, 1361, 372, 1079), (8, 2537, 10, 619), (505, 87886, 499, 87892), (29, 7470, 45, 7232), (17, 1699, 65, 1600),
    (186, 50448, 141, 27197), (5, 2493, 3, 2338), (27, 16886, 29, 17825),
]  # fmt: skip


def test_a_published_example():
    """The log risk ratios of these trials: figures of Viechtbauer (2010) and of metafor's manual."""
    a, b, c, d = np.array(BCG, float).T
    found = pool(np.log(a / (a + b) / (c / (c + d))), np.sqrt(1 / a - 1 / (a + b) + 1 / c - 1 / (c + d)))
    assert found.fixed == pytest.approx(-0.4303, abs=5e-5)
    assert found.tau**2 == pytest.approx(0.3181, abs=5e-5)
    assert found.tau_interval[0] ** 2 == pytest.approx(0.1197, abs=5e-5)
    assert found.tau_interval[1] ** 2 == pytest.approx(1.1115, abs=5e-5)
    assert found.inconsistency == pytest.approx(0.9212, abs=5e-5)


def _studies(k, tau, rng):
    errors = rng.uniform(0.005, 0.02, k)
    return 0.03 + tau * rng.standard_normal(k) + errors * rng.standard_normal(k), errors


@pytest.mark.minutes  # seconds by itself
@pytest.mark.parametrize("tau", [0.0, 0.01, 0.04])
@pytest.mark.parametrize("k", [3, 12])
def test_intervals_hold_the_truth(k, tau):
    """Of 250 simulated poolings at least 93 % hold the mean, and the next data set, but for luck (3 errors)."""
    rng = np.random.default_rng([k, int(1000 * tau)])
    held = predicted = 0
    for _ in range(250):
        found = pool(*_studies(k, tau, rng))
        low, high = found.interval()
        held += low <= 0.03 <= high
        low, high = found.prediction
        predicted += low <= 0.03 + tau * rng.standard_normal() <= high
    least = 250 * 0.93 - 3 * (250 * 0.93 * 0.07) ** 0.5
    assert held >= least
    assert predicted >= least


def test_the_order_of_data_sets_does_not_matter():
    """Effects in another order give the same to rounding."""
    rng = np.random.default_rng(0)
    y, s = _studies(9, 0.02, rng)
    whole = pool(y, s)
    for _ in range(20):
        order = rng.permutation(9)
        other = pool(y[order], s[order])
        assert other.mean == pytest.approx(whole.mean, abs=1e-12)
        assert other.tau == pytest.approx(whole.tau, abs=1e-9)
        assert other.prediction == pytest.approx(whole.prediction, abs=1e-7)


def test_equal_effects():
    """No spread at all: tau 0, and the interval is that of the errors alone."""
    found = pool([0.05] * 6, [0.01] * 6)
    assert found.tau == found.inconsistency == 0
    assert found.mean == pytest.approx(0.05)
    assert found.error == pytest.approx(0.01 / 6**0.5)


def test_few_data_sets_predict_little():
    """The prediction is wider than the interval of the mean, and with two data sets far wider."""
    two, six = (pool([0.01, 0.03] * n, [0.01] * 2 * n) for n in (1, 3))
    for found in (two, six):
        low, high = found.interval()
        assert found.prediction[0] < low < high < found.prediction[1]
    assert np.diff(two.prediction) > 3 * np.diff(six.prediction)


@pytest.mark.parametrize(
    ("effects", "errors"), [([0.1], [0.1]), ([0.1, 0.2], [0.1, 0.0]), ([0.1, np.nan], [0.1, 0.1]), ([1, 2], [1])]
)
def test_what_cannot_be_pooled(effects, errors):
    """One data set, an error of zero, a NaN: refused."""
    with pytest.raises(ValueError, match="at least two"):
        pool(effects, errors)
