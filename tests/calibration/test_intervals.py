"""Against examples worked by hand, SciPy where it has the same thing, and slow, obvious versions."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy import stats
from scipy.integrate import quad

from recclaims.calibration.intervals import (
    DEFAULT_INTERVAL,
    INTERVALS,
    _BehrensFisher,
    behrens_fisher_interval,
    crossed_bootstrap_interval,
    nadeau_bengio_interval,
    variance_component_interval,
)
from recclaims.judging.components import Table, parts_of, variance_components
from recclaims.judging.holm import holm

CLOSED = [name for name in INTERVALS if name != "crossed_bootstrap"]
EVERY = pytest.mark.parametrize("name", INTERVALS)

# Three users, two replicates. User means 1.5, 3, 7.5; replicate means 3, 5; mean 4.
#   SS users      = 2 (2.5^2 + 1^2 + 3.5^2)            = 39   2 d.o.f.   MS 19.5
#   SS replicates = 3 (1^2 + 1^2)                      =  6   1 d.o.f.   MS  6
#   SS total      = 9 + 4 + 4 + 0 + 4 + 25             = 46
#   SS residual   = 46 - 39 - 6                        =  1   2 d.o.f.   MS  0.5
# Components: users (19.5 - 0.5)/2 = 9.5, replicates (6 - 0.5)/3 = 11/6, residual 0.5.
# Variance of the mean: (19.5 + 6 - 0.5)/6 = 25/6; Satterthwaite: 25^2 / (19.5^2/2 + 6^2/1 + 0.5^2/2).
WORKED = np.array([[1.0, 2.0], [2.0, 4.0], [6.0, 9.0]])
WORKED_DOF = 625 / 226.25


def ragged(seed: int = 3, n_users: int = 30, n_replicates: int = 4) -> np.ndarray:
    rng = np.random.default_rng(seed)
    table = rng.normal(size=(n_users, 1)) + 0.5 * rng.normal(size=(1, n_replicates))
    table = table + rng.normal(size=(n_users, n_replicates))
    table[rng.random(table.shape) < 0.4] = np.nan
    return table


def test_components_worked_by_hand():
    assert_allclose(variance_components(WORKED), (9.5, 11 / 6, 0.5))


def test_satterthwaite_worked_by_hand():
    estimate = variance_component_interval(WORKED)
    half = stats.t.isf(0.025, WORKED_DOF) * math.sqrt(25 / 6)
    assert estimate.effect == 4.0
    assert_allclose(estimate.degrees_of_freedom, WORKED_DOF)
    assert_allclose((estimate.low, estimate.high), (4 - half, 4 + half))
    assert_allclose(estimate.p_value, 2 * stats.t.sf(4 / math.sqrt(25 / 6), WORKED_DOF))
    assert (estimate.n_users, estimate.n_replicates, estimate.density) == (3, 2, 1.0)


def test_components_may_be_negative_and_are_cut_only_in_the_interval():
    # Users 2, 2, 5 on average, replicates both 3: MS users 6, replicates 0, residual 2.
    table = np.array([[1.0, 3.0], [2.0, 2.0], [6.0, 4.0]])
    assert_allclose(variance_components(table), (2.0, -2 / 3, 2.0))
    # Replicate means 2 and 4, user means both 3: users are cut at 0 and a t-test over replicates is left.
    table = np.array([[1.0, 5.0], [3.0, 3.0]])
    estimate = variance_component_interval(table)
    expected = stats.ttest_1samp([2.0, 4.0], 0.0)
    assert estimate.components.users < 0
    assert_allclose(estimate.p_value, expected.pvalue)
    assert_allclose((estimate.low, estimate.high), expected.confidence_interval())


def test_degrees_of_freedom_are_at_least_one():
    # MS users 6, replicates 0, residual 2: (6 + 0 - 2)^2 / (6^2/2 + 0^2/1 + 2^2/2) = 0.8, below all three.
    estimate = variance_component_interval(np.array([[1.0, 3.0], [2.0, 2.0], [6.0, 4.0]]))
    assert estimate.degrees_of_freedom == 1.0
    assert_allclose(estimate.high - estimate.effect, stats.t.isf(0.025, 1) * math.sqrt(4 / 6))


def test_nadeau_bengio_without_test_data_is_the_t_test_over_replicates():
    table = ragged()
    expected = stats.ttest_1samp(np.nanmean(table, axis=0), 0.0)
    estimate = nadeau_bengio_interval(table, test_share=0.0)
    assert_allclose(estimate.p_value, expected.pvalue)
    assert_allclose((estimate.low, estimate.high), expected.confidence_interval())


def test_nadeau_bengio_widens_by_test_over_train():
    # R = 4, n_test/n_train = 1/4: variance S^2 (1/4 + 1/4), twice that of the t-test.
    naive, corrected = (nadeau_bengio_interval(ragged(), test_share=share) for share in (0.0, 0.2))
    assert_allclose(corrected.high - corrected.low, math.sqrt(2) * (naive.high - naive.low))


def test_components_of_a_ragged_table_equal_least_squares_with_dummies():
    table = ragged()
    users, replicates = np.nonzero(~np.isnan(table))
    values = table[users, replicates]
    dummies_u, dummies_r = np.eye(table.shape[0])[users], np.eye(table.shape[1])[replicates]

    def mean_square(design: np.ndarray) -> float:
        fitted = design @ np.linalg.lstsq(design, values, rcond=None)[0]
        return float(np.square(values - fitted).sum() / (len(values) - np.linalg.matrix_rank(design)))

    residual = mean_square(np.hstack([dummies_u, dummies_r]))
    expected = (mean_square(dummies_r) - residual, mean_square(dummies_u) - residual, residual)
    assert_allclose(variance_components(table), expected)


def test_variance_of_a_ragged_table_equals_its_definition():
    table = ragged()
    present = ~np.isnan(table)
    n_r = table.shape[1]
    pairs = [(r, s) for r in range(n_r) for s in range(n_r) if r != s]
    shared = [
        sum(present[u, r] and present[u, s] for u in range(len(table))) / (present[:, r].sum() * present[:, s].sum())
        for r, s in pairs
    ]
    parts = parts_of(Table(table))
    assert_allclose(parts.replicates, np.nanmean(table, axis=0).var(ddof=1) / n_r)
    assert_allclose(parts.users, variance_components(table).users * np.mean(shared))


def test_variance_of_the_effect_is_estimated_without_bias():
    """Ragged tables with a fixed pattern: the mean estimate is the variance seen, to 5 standard errors."""
    rng = np.random.default_rng(5)
    missing = np.isnan(ragged())
    effects, variances = [], []
    for _ in range(1500):
        table = rng.normal(size=(30, 1)) + 0.3 * rng.normal(size=(1, 4)) + rng.normal(size=(30, 4))
        parts = parts_of(Table(np.where(missing, np.nan, table)))
        effects.append(np.nanmean(np.where(missing, np.nan, table), axis=0).mean())
        variances.append(parts.replicates + parts.users)
    seen = np.var(effects)
    error = seen * math.sqrt(2 / 1500) + np.std(variances) / math.sqrt(1500)
    assert abs(np.mean(variances) - seen) < 5 * error


def test_behrens_fisher_of_two_cauchy_variables_is_their_sum():
    """With one degree of freedom each, sqrt(v1) T1 + sqrt(v2) T2 is Cauchy of scale sqrt(v1) + sqrt(v2)."""
    reference = _BehrensFisher(4.0, 1, 0.25, 1)
    for x in (0.1, 1.0, 10.0, 100.0):
        assert_allclose(reference.sf(x), 2 * stats.cauchy.sf(x, scale=2.5), rtol=1e-6)
    assert_allclose(reference.isf(0.05), stats.cauchy.isf(0.025, scale=2.5), rtol=1e-6)


@pytest.mark.parametrize("dof", [1, 2, 4, 30, 899, 20_000])
def test_behrens_fisher_of_one_part_is_a_t_distribution(dof):
    reference = _BehrensFisher(1.0, dof, 1e-14, 5)
    for x in (0.5, 2.0, 4.0):
        assert_allclose(reference.sf(x), 2 * stats.t.sf(x, dof), rtol=1e-5)


def test_behrens_fisher_of_the_worked_table_equals_a_convolution():
    """Replicates 2/2 = 1 with 1 d.o.f., users 9.5/3 with 2: P(|T1 + sqrt(9.5/3) T2| > x), integrated over T2."""
    estimate = behrens_fisher_interval(WORKED)
    scale = math.sqrt(9.5 / 3)

    def beyond(x: float) -> float:
        return 2 * quad(lambda y: stats.t.pdf(y, 2) * stats.t.sf(x - scale * y, 1), -np.inf, np.inf)[0]

    assert_allclose(beyond(estimate.high - 4), 0.05, rtol=1e-5)
    assert_allclose(estimate.p_value, beyond(4.0), rtol=1e-5)


def test_behrens_fisher_is_no_narrower_than_satterthwaite_here():
    narrow, wide = variance_component_interval(ragged()), behrens_fisher_interval(ragged())
    assert wide.high - wide.low > narrow.high - narrow.low


def test_bootstrap_of_equal_replicates_is_the_bootstrap_of_users():
    column = np.random.default_rng(8).normal(0.2, 1.0, size=200)
    estimate = crossed_bootstrap_interval(np.tile(column[:, None], 3))
    expected = stats.bootstrap(
        (column,), np.mean, n_resamples=10_000, method="percentile", rng=np.random.default_rng(0)
    ).confidence_interval
    assert_allclose((estimate.low, estimate.high), expected, atol=0.01)


def test_bootstrap_draws_users_and_replicates_apart():
    """The bootstrap variance has a closed form in a complete table (Owen 2007, with plug-in variances)."""
    table = ragged(n_users=40)
    table = np.where(np.isnan(table), 0.3, table)
    n_u, n_r = table.shape
    a, b = table.mean(axis=1).var(), table.mean(axis=0).var()
    residual = table.var() - a - b
    expected = a / n_u + b / n_r + residual / (n_u * n_r)
    estimate = crossed_bootstrap_interval(table, level=0.6827)
    assert_allclose((estimate.high - estimate.low) / 2, math.sqrt(expected), rtol=0.08)


def test_bootstrap_p_value_is_never_zero():
    # Every one of 999 resamples is above 0: 2 (0 + 1) / (999 + 1).
    assert crossed_bootstrap_interval(ragged() + 100, n_resamples=999).p_value == 0.002


def test_bootstrap_is_seeded_and_blocks_do_not_change_it(monkeypatch):
    first = crossed_bootstrap_interval(ragged(), n_resamples=500)
    # As text: NaN is not equal to itself, and since Python 3.13 neither are two estimates that have one.
    assert repr(crossed_bootstrap_interval(ragged(), n_resamples=500)) == repr(first)
    assert repr(crossed_bootstrap_interval(ragged(), n_resamples=500, seed=1)) != repr(first)
    monkeypatch.setattr("recclaims.calibration.intervals._BLOCK_ENTRIES", 30 * 70)
    blocked = crossed_bootstrap_interval(ragged(), n_resamples=500)
    assert_allclose((blocked.low, blocked.high), (first.low, first.high), rtol=0.3)


@EVERY
@pytest.mark.parametrize("level", [0.8, 0.95])
def test_interval_and_p_value_agree(name, level):
    fewer = {"n_resamples": 2000} if name == "crossed_bootstrap" else {}
    for shift in np.linspace(-1.5, 1.5, 31):
        estimate = INTERVALS[name](ragged() + shift, level=level, **fewer)
        if abs(estimate.p_value - (1 - level)) > 0.01:
            assert (estimate.p_value < 1 - level) == (not estimate.low <= 0 <= estimate.high)


@EVERY
def test_scale_shift_and_order_do_not_matter(name):
    table = ragged()
    plain, scaled = INTERVALS[name](table), INTERVALS[name](-1000 * table)
    expected = -1000 * np.array([plain.effect, plain.high, plain.low])
    assert_allclose((scaled.effect, scaled.low, scaled.high), expected)
    assert_allclose(scaled.p_value, plain.p_value, rtol=1e-6)
    shuffled = INTERVALS[name](table[::-1, ::-1])
    assert_allclose((shuffled.low, shuffled.high), (plain.low, plain.high), rtol=0.2)


@EVERY
def test_empty_users_and_replicates_are_left_out(name):
    table = ragged()
    padded = np.full((40, 6), np.nan)
    padded[5:35, 1:5] = table
    assert repr(INTERVALS[name](padded)) == repr(INTERVALS[name](table))


@EVERY
def test_nothing_but_nan(name):
    estimate = INTERVALS[name](np.full((4, 3), np.nan))
    assert all(map(math.isnan, (estimate.effect, estimate.low, estimate.high, estimate.p_value)))
    assert (estimate.n_users, estimate.n_replicates) == (0, 0)


@EVERY
@pytest.mark.parametrize("shape", [(50, 1), (1, 1)])
def test_one_replicate_allows_no_interval(name, shape):
    estimate = INTERVALS[name](np.random.default_rng(1).normal(1.0, 0.01, size=shape))
    assert (estimate.low, estimate.high, estimate.p_value) == (-math.inf, math.inf, 1.0)
    assert math.isnan(estimate.components.users)


@pytest.mark.parametrize("name", ["satterthwaite", "behrens_fisher", "crossed_bootstrap"])
def test_one_user_allows_no_interval(name):
    estimate = INTERVALS[name](np.array([[1.0, 1.1, 0.9]]))
    assert (estimate.low, estimate.high, estimate.p_value) == (-math.inf, math.inf, 1.0)


@EVERY
def test_no_difference_anywhere_is_no_effect_without_a_warning(name):
    estimate = INTERVALS[name](np.zeros((20, 3)))
    assert (estimate.effect, estimate.low, estimate.high, estimate.p_value) == (0.0, 0.0, 0.0, 1.0)


@pytest.mark.parametrize("name", CLOSED)
def test_a_constant_difference_is_certain(name):
    estimate = INTERVALS[name](np.full((20, 3), 0.25))
    assert (estimate.effect, estimate.low, estimate.high, estimate.p_value) == (0.25, 0.25, 0.25, 0.0)


@pytest.mark.parametrize("name", ["satterthwaite", "behrens_fisher"])
def test_users_who_never_recur_leave_the_spread_of_replicates(name):
    table = np.full((9, 3), np.nan)
    table[np.arange(9), np.arange(9) % 3] = np.random.default_rng(2).normal(size=9)
    expected = stats.ttest_1samp(np.nanmean(table, axis=0), 0.0)
    assert_allclose(INTERVALS[name](table).p_value, expected.pvalue)


@EVERY
@pytest.mark.parametrize(
    ("table", "said"),
    [(np.zeros(3), "n_users, n_replicates"), (np.array([[1.0, np.inf], [0.0, 1.0]]), "infinite")],
)
def test_bad_tables_are_refused(name, table, said):
    with pytest.raises(ValueError, match=said):
        INTERVALS[name](table)


@EVERY
@pytest.mark.parametrize("level", [0.0, 1.0, 95.0, math.nan])
def test_bad_levels_are_refused(name, level):
    with pytest.raises(ValueError, match="level"):
        INTERVALS[name](WORKED, level=level)


def test_bad_test_share_is_refused():
    with pytest.raises(ValueError, match="test_share"):
        nadeau_bengio_interval(WORKED, test_share=1.0)


def test_coverage_at_three_replicates():
    """Half of the effect's variance is between replicates: the default holds, one split does not."""
    rng = np.random.default_rng(7)
    n_users, n_replicates, simulations = 100, 3, 600
    spread = math.sqrt(n_replicates * (1 / n_users + 1 / (n_users * n_replicates)))
    covered = one_split = 0
    for _ in range(simulations):
        table = rng.normal(size=(n_users, 1)) + spread * rng.normal(size=(1, n_replicates))
        table = table + rng.normal(size=(n_users, n_replicates))
        estimate = INTERVALS[DEFAULT_INTERVAL](table)
        covered += estimate.low <= 0 <= estimate.high
        one_split += stats.ttest_1samp(table[:, 0], 0.0).pvalue > 0.05
    assert 0.93 <= covered / simulations <= 0.985
    assert one_split / simulations < 0.85


def test_holm_worked_by_hand():
    # Sorted 0.01, 0.02, 0.03, 0.04, times 4, 3, 2, 1: 0.04, 0.06, 0.06, 0.04; the maximum lifts the last.
    assert_allclose(holm([0.04, 0.01, 0.03, 0.02]), [0.06, 0.04, 0.06, 0.06])


def test_holm_stops_at_the_first_failure():
    # Sorted 0.012, 0.03, 0.04: 0.036 passes, 0.03 x 2 = 0.06 fails; 0.04 x 1 would pass but must fail too.
    assert_allclose(holm([0.012, 0.03, 0.04]), [0.036, 0.06, 0.06])


def test_holm_ties_and_the_ceiling():
    assert_allclose(holm([0.02, 0.02, 0.9]), [0.06, 0.06, 0.9])
    assert_allclose(holm([0.5, 0.6]), [1.0, 1.0])


def test_holm_nan_stays_and_leaves_the_family():
    assert_allclose(holm([0.02, np.nan, 0.03]), [0.04, np.nan, 0.04])
    assert holm([]).shape == (0,)
    assert np.isnan(holm([np.nan])).all()


@pytest.mark.parametrize("p_values", [[-0.1], [1.1], [[0.1]]])
def test_holm_refuses_what_are_no_p_values(p_values):
    with pytest.raises(ValueError, match="p_values"):
        holm(p_values)


@given(st.lists(st.floats(0, 1) | st.just(math.nan), max_size=12), st.randoms())
def test_holm_is_monotone_no_smaller_and_free_of_order(p_values, random):
    p, adjusted = np.array(p_values), holm(p_values)
    assert (np.isnan(p) == np.isnan(adjusted)).all()
    order = np.argsort(p)
    tested = adjusted[order][~np.isnan(p[order])]
    assert (np.diff(tested) >= 0).all()
    assert (np.isnan(p) | ((adjusted >= p) & (adjusted <= 1))).all()
    shuffled = random.sample(range(len(p)), len(p))
    assert_allclose(holm(p[shuffled]), adjusted[shuffled])


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_rejects_what_the_step_down_procedure_rejects(p_values):
    alpha, rejected = 0.05, set()
    for rank, index in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        if p_values[index] * (len(p_values) - rank) > alpha:
            break
        rejected.add(index)
    assert set(np.flatnonzero(holm(p_values) <= alpha)) == rejected
