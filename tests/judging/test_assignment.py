import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from recclaims.judging.assignment import PROBE, TRAINED, Shares
from recclaims.judging.error import ErrorDistribution
from recclaims.judging.levels import nominal_levels

LOOKS = (4, 6, 10)
PAIRS = [n // 2 for n in range(50)]


def drawn(random, rho, effect=0.0, replicates=LOOKS[-1]):
    """Real features against noise that two replicates share, in units of the spread of the rest."""
    noise = random.normal(0, np.sqrt(rho), (replicates + 1) // 2)[np.arange(replicates) // 2]
    return effect + random.normal(0, np.sqrt(rho)) - noise + random.normal(size=replicates)


def scales(values, groups, luck, prior=TRAINED):
    """Variances of the mean and their weights."""
    found = Shares.of(values, groups, luck, prior)
    return found.variance, found.weights


def p_of(values, prior=TRAINED):
    found, weights = scales(values, PAIRS[: len(values)], luck=True, prior=prior)
    return ErrorDistribution(tuple(found), tuple(weights), len(values) - 1).tail(abs(values.mean()))


def is_called(values, levels):
    return any(p_of(values[:look]) < level for look, level in zip(LOOKS, levels, strict=True))


@pytest.mark.parametrize("rho", [0.0, 0.1, 0.2])
def test_luck_of_the_assignment_is_not_called_an_effect(rho):
    """At the shares that trained recommenders were measured at, over all looks, at most the level."""
    random, levels = np.random.default_rng(1), nominal_levels(LOOKS, 0.05)
    wrong = sum(is_called(drawn(random, rho), levels) for _ in range(1_500))
    assert scipy.stats.binomtest(wrong, 1_500).proportion_ci().low < 0.05


@pytest.mark.parametrize("rho", [0.5, 2.0, 50.0])
def test_nor_where_it_is_nearly_all_there_is_as_for_probes(rho):
    random, looks = np.random.default_rng(5), (10, 20, 50)
    levels = nominal_levels(looks, 0.05)

    def is_called(values):
        return any(p_of(values[:look], PROBE) < level for look, level in zip(looks, levels, strict=True))

    wrong = sum(is_called(drawn(random, rho, replicates=50)) for _ in range(400))
    assert scipy.stats.binomtest(wrong, 400).proportion_ci().low < 1.5 * 0.05


def test_without_it_luck_would_be_called_one():
    random, levels = np.random.default_rng(1), nominal_levels(LOOKS, 0.05)
    tables = [drawn(random, 0.5) for _ in range(400)]

    def naive(values):
        return scipy.stats.ttest_1samp(values, 0).pvalue

    wrong = sum(any(naive(y[:n]) < level for n, level in zip(LOOKS, levels, strict=True)) for y in tables)
    assert wrong / 400 > 0.15
    assert sum(is_called(y, levels) for y in tables) < wrong / 2


def test_an_effect_beyond_that_luck_is_found():
    random, levels = np.random.default_rng(2), nominal_levels(LOOKS, 0.025)
    assert np.mean([is_called(drawn(random, 0.1, effect=3.0), levels) for _ in range(200)]) > 0.85


def test_the_weights_are_the_likelihood_of_what_the_mean_leaves():
    """REML by brute force: the density of contrasts that hold no mean, the scale integrated out."""
    random = np.random.default_rng(3)
    y, groups = random.normal(size=5), [0, 0, 1, 1, 2]
    found, weights = scales(y, groups, luck=True)
    contrasts = np.linalg.qr(np.column_stack([np.ones(5), np.eye(5)[:, :4]]))[0][:, 1:].T
    same = np.equal.outer(groups, groups).astype(float)
    quantiles = (np.arange(48) + 0.5) / 48
    expected, variances = [], []
    for rho in TRAINED * quantiles / (1 - quantiles):
        covariance = contrasts @ (np.eye(5) + rho * same) @ contrasts.T
        rest = contrasts @ y
        squares = rest @ np.linalg.solve(covariance, rest)
        expected.append(np.linalg.det(covariance) ** -0.5 * squares**-2.0)
        variances.append(squares / 4 * (rho + (np.eye(5) + rho * same).mean()))
    np.testing.assert_allclose(weights, np.array(expected) / sum(expected), rtol=1e-9)
    np.testing.assert_allclose(found, variances, rtol=1e-9)


@given(st.lists(st.floats(-5, 5), min_size=2, max_size=10, unique=True), st.floats(1e-3, 1e3), st.booleans())
def test_it_has_no_scale(values, factor, luck):
    y = np.array(values)
    if np.ptp(y) < 1e-6:
        return
    found, weights = scales(y, PAIRS[: len(y)], luck)
    stretched, same = scales(factor * y, PAIRS[: len(y)], luck)
    np.testing.assert_allclose(stretched, factor**2 * found, rtol=1e-6)
    np.testing.assert_allclose(same, weights, rtol=1e-6)
    assert weights.sum() == pytest.approx(1)


def test_luck_of_the_real_features_makes_it_less_sure():
    y = np.random.default_rng(4).normal(size=6)
    assert (scales(y, PAIRS[:6], luck=True)[0] > scales(y, PAIRS[:6], luck=False)[0]).all()


def test_pairs_that_agree_and_differ_from_each_other_show_the_share():
    agreeing, mixed = np.array([1.0, 1.1, -1.0, -0.9, 0.2, 0.1]), np.array([1.0, -1.0, 0.1, 1.1, -0.9, 0.2])
    rho = np.arange(48)
    assert scales(agreeing, PAIRS[:6], luck=True)[1] @ rho > scales(mixed, PAIRS[:6], luck=True)[1] @ rho


@pytest.mark.parametrize("value", [0.0, 2.96059473e-18, 0.1, -1 / 3])
@pytest.mark.parametrize("n", range(2, 11))
def test_equal_values_show_no_spread_whatever_their_mean_is_rounded_to(value, n):
    found, weights = scales([value] * n, [number // 2 for number in range(n)], luck=True)
    assert found.tolist() == [0.0]
    assert weights.tolist() == [1.0]


def test_values_that_differ_in_their_last_digits_show_a_spread():
    found, weights = scales([0.1, 0.1 * (1 + 1e-14), 0.1, 0.1], [0, 0, 1, 1], luck=True)
    assert (found > 0).all()
    assert weights.sum() == pytest.approx(1)
