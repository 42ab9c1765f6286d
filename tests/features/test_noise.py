import hashlib

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from recclaims.errors import FeatureError, NotAvailableError
from recclaims.features.controls.noise import NOISE, NoiseControl
from recclaims.features.controls.random_controls import TIE_BREAK
from recclaims.features.encoded import Block
from recclaims.recommenders._kernels.graphs import nearest
from recclaims.recommenders._kernels.ties import Lot
from recclaims.testing import NoiseControlContract

from ..drawing import examples

BLOCKS = (Block("a", "visual", 2), Block("b", "textual", 3), Block("c", "visual", 1))
ONE_MODALITY = (Block("a", "textual", 2), Block("b", "textual", 4))


CONTROLS = {control.name: control for control in NOISE}


def find_control(name):
    return CONTROLS[name]


def matrix(n=400, d=6, seed=0):
    random = np.random.default_rng(seed)
    mixing = random.normal(size=(d, d))
    return (random.normal(size=(n, d)) @ mixing + random.normal(size=d) * 5).astype(np.float32)


def replaced(name, real, seed=0, n_categories=5):
    """What a control makes, given all it could need."""
    categories = np.random.default_rng(9).integers(0, n_categories, len(real))
    return find_control(name).apply(real, seed, BLOCKS, categories)


@pytest.mark.parametrize("name", CONTROLS)
class TestEveryControl:
    def test_keeps_shape_and_type_and_leaves_the_original(self, name):
        real = matrix()
        real.setflags(write=False)
        made = replaced(name, real, 3)
        assert made.shape == real.shape
        assert made.dtype == np.float32
        assert np.isfinite(made).all()
        assert not np.shares_memory(made, real)

    def test_the_seed_decides(self, name):
        real = matrix()
        np.testing.assert_array_equal(replaced(name, real, 3), replaced(name, real, 3))
        assert (replaced(name, real, 3) != replaced(name, real, 4)).any()

    def test_breaks_the_link_to_the_items(self, name):
        real = matrix()
        made = replaced(name, real)
        centred = [m - m.mean(axis=0) for m in (real, made)]
        own = np.mean([np.corrcoef(a, b)[0, 1] for a, b in zip(*(c.T for c in centred), strict=True)])
        assert abs(own) < 4 / np.sqrt(len(real))

    def test_leaves_no_trace_of_the_norms(self, name):
        real = matrix() * np.random.default_rng(1).lognormal(size=(400, 1)).astype(np.float32)
        norms = [np.linalg.norm(m, axis=1) for m in (real, replaced(name, real))]
        assert abs(np.corrcoef(*np.argsort(np.argsort(norms)))[0, 1]) < 4 / np.sqrt(len(real))

    def test_works_for_few_items_and_for_zeros(self, name):
        for real in (matrix(2), matrix(5), np.zeros((4, 6), dtype=np.float32)):
            assert np.isfinite(replaced(name, real)).all()

    def test_says_what_it_preserves_and_destroys(self, name):
        control = find_control(name)
        assert control.preserves
        assert "reserves" in control.draw.__doc__
        assert "estroys" in control.draw.__doc__


def digest(made):
    return hashlib.sha256(np.ascontiguousarray(made, dtype="<f4").tobytes()).hexdigest()[:16]


def test_the_first_controls_are_what_they_were_bit_for_bit():
    """Committed baselines rest on them."""
    real = np.arange(42, dtype=np.float32).reshape(7, 6) ** 2 / 8
    assert digest(find_control("permuted").apply(real, 3)) == "cfd1dde9aecf5385"
    assert digest(find_control("gaussian").apply(real, 3)) == "2e7f4a34a7199fb7"


#: Eighths, exact in float32, with many zeros and repeated rows.
eighths = st.integers(-800, 800).map(lambda value: value / 8)
matrices = arrays(np.float32, st.tuples(st.integers(2, 40), st.just(6)), elements=eighths)


@given(real=matrices, seed=st.integers(0, 2**32 - 1))
def test_permuted_keeps_the_set_of_rows(real, seed):
    made = replaced("permuted", real, seed)
    assert sorted(map(tuple, made)) == sorted(map(tuple, real))


@given(real=matrices, seed=st.integers(0, 2**32 - 1))
def test_permuted_per_modality_keeps_the_rows_of_each_modality(real, seed):
    made = replaced("permuted_per_modality", real, seed)
    for columns in ([0, 1, 5], [2, 3, 4]):  # all columns of a modality move together, wherever they lie
        assert sorted(map(tuple, made[:, columns])) == sorted(map(tuple, real[:, columns]))


def test_permuted_per_modality_parts_what_belongs_together():
    real = np.repeat(np.arange(300, dtype=np.float32)[:, None], 6, axis=1)
    made = replaced("permuted_per_modality", real)
    np.testing.assert_array_equal(made[:, 0], made[:, 5])
    assert (made[:, 0] == made[:, 2]).mean() < 0.02
    assert (made == real).mean() < 0.02


@given(real=matrices, seed=st.integers(0, 2**32 - 1), n_categories=st.integers(2, 9))
def test_permuted_within_category_keeps_the_rows_of_each_category(real, seed, n_categories):
    categories = np.random.default_rng(seed).integers(0, n_categories, len(real))
    made = find_control("permuted_within_category").apply(real, seed, categories=categories)
    for category in range(n_categories):
        mine = categories == category
        assert sorted(map(tuple, made[mine])) == sorted(map(tuple, real[mine]))


def test_permuted_within_category_moves_every_way_equally_often():
    real, categories = np.arange(5, dtype=np.float32)[:, None], np.array([7, 3, 7, 3, 7])
    control = find_control("permuted_within_category")
    seen = [tuple(control.apply(real, seed, categories=categories)[[0, 2, 4], 0]) for seed in range(1200)]
    counts = np.unique(seen, axis=0, return_counts=True)[1]
    assert len(counts) == 6
    assert counts.min() > 140  # 200 expected, deviation 13


@pytest.mark.parametrize("name", ["gaussian", "uniform"])
def test_moments_of_each_dimension_are_kept_and_nothing_between_them(name):
    real = matrix(20_000)
    made = replaced(name, real)
    deviation = real.std(axis=0)
    assert (np.abs(made.mean(axis=0) - real.mean(axis=0)) < 5 * deviation / np.sqrt(len(real))).all()
    np.testing.assert_allclose(made.std(axis=0), deviation, rtol=0.03)
    off_diagonal = ~np.eye(6, dtype=bool)
    assert np.abs(np.corrcoef(real.T)[off_diagonal]).max() > 0.3
    assert np.abs(np.corrcoef(made.T)[off_diagonal]).max() < 0.05


@given(real=matrices, seed=st.integers(0, 1000))
def test_uniform_stays_within_its_range(real, seed):
    made = replaced("uniform", real, seed)
    half = np.sqrt(3) * real.std(axis=0, dtype=np.float64)
    slack = 1e-4 * (1 + np.abs(real).max())
    assert (np.abs(made - real.mean(axis=0, dtype=np.float64)) <= half + slack).all()


def test_uniform_is_flat():
    real = matrix(20_000)
    made = replaced("uniform", real)
    position = (made - real.mean(axis=0)) / (2 * np.sqrt(3) * real.std(axis=0)) + 0.5
    counts = np.histogram(position, bins=10, range=(0, 1))[0]
    np.testing.assert_allclose(counts, made.size / 10, rtol=0.05)


@pytest.mark.parametrize("name", ["gaussian", "uniform"])
def test_a_constant_column_stays_constant(name):
    real = matrix(30)
    real[:, 2] = 7
    np.testing.assert_allclose(replaced(name, real)[:, 2], 7)


@pytest.mark.parametrize(("n", "d"), [(6000, 6), (6, 6), (7, 6), (5, 40), (40, 41)])
def test_gaussian_covariance_keeps_mean_and_covariance(n, d):
    """Over many draws: the mean of the rows and their second moments are those of the real rows."""
    real = matrix(n, d) if n >= d else np.random.default_rng(0).normal(2, 3, (n, d)).astype(np.float32)
    n_draws = max(4, 6_000 // n)
    control = find_control("gaussian_covariance")
    rows = np.concatenate([control.apply(real, seed) for seed in range(n_draws)]).astype(np.float64)
    mean, covariance = real.mean(axis=0, dtype=np.float64), np.cov(real.T.astype(np.float64), bias=True)
    deviation = np.sqrt(np.diag(covariance))
    assert (np.abs(rows.mean(axis=0) - mean) < 5 * deviation / np.sqrt(len(rows))).all()
    found = (rows - mean).T @ (rows - mean) / len(rows)
    # The deviation of a covariance of normal variables: sqrt((s_ii s_jj + s_ij^2) / N).
    allowed = 5.5 * np.sqrt((np.outer(deviation, deviation) ** 2 + covariance**2) / len(rows))
    assert (np.abs(found - covariance) < allowed + 1e-6).all()


def test_gaussian_covariance_keeps_the_spectrum_and_gaussian_does_not():
    real = matrix(20_000)

    def spectrum(made):
        return np.linalg.eigvalsh(np.cov(made.T.astype(np.float64)))

    np.testing.assert_allclose(spectrum(replaced("gaussian_covariance", real)), spectrum(real), rtol=0.1)
    assert spectrum(replaced("gaussian", real)).min() > 2 * spectrum(real).min()


@pytest.mark.parametrize(("n", "d", "rank"), [(50, 20, 3), (20, 50, 3), (30, 60, 29)])
def test_gaussian_covariance_keeps_the_rank(n, d, rank):
    random = np.random.default_rng(0)
    real = (random.normal(size=(n, rank)) @ random.normal(size=(rank, d))).astype(np.float32)
    made = find_control("gaussian_covariance").apply(real, 0)
    centred = made - real.mean(axis=0)
    values = np.linalg.svd(centred, compute_uv=False)
    assert values[rank - 1] > 1e-2
    assert values[rank:].max(initial=0) < 1e-3 * values[0]
    # Rows vary only in the directions in which real rows do.
    basis = np.linalg.svd(real - real.mean(axis=0), full_matrices=False)[2][:rank]
    np.testing.assert_allclose(centred @ basis.T @ basis, centred, atol=1e-3 * np.abs(centred).max())


def test_gaussian_covariance_makes_no_square_of_the_dimensions_where_items_are_fewer():
    import tracemalloc

    real = np.random.default_rng(0).normal(size=(50, 20_000)).astype(np.float32)
    tracemalloc.start()
    find_control("gaussian_covariance").apply(real, 0)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 12 * real.nbytes  # 20,000 x 20,000 would be 400 times as large


def test_gaussian_covariance_is_the_same_in_blocks(monkeypatch):
    real = matrix(100)
    whole = find_control("gaussian_covariance").apply(real, 0)
    monkeypatch.setattr("recclaims.features.controls.random_controls.BLOCK", 6 * 7)
    np.testing.assert_allclose(find_control("gaussian_covariance").apply(real, 0), whole, rtol=1e-4, atol=1e-4)


@given(real=matrices, seed=st.integers(0, 1000))
def test_isotropic_keeps_the_set_of_norms(real, seed):
    made = replaced("isotropic", real, seed)
    norms = [np.sort(np.linalg.norm(m.astype(np.float64), axis=1)) for m in (real, made)]
    np.testing.assert_allclose(norms[1], norms[0], rtol=1e-5, atol=1e-6)


def test_isotropic_prefers_no_direction():
    real = matrix(20_000)
    made = replaced("isotropic", real)
    unit = made / np.linalg.norm(made, axis=1, keepdims=True)
    assert np.abs(unit.mean(axis=0)).max() < 5 / np.sqrt(6 * len(real))
    np.testing.assert_allclose(unit.T @ unit / len(real), np.eye(6) / 6, atol=0.01)


@given(real=matrices, seed=st.integers(0, 1000))
def test_constant_is_one_row_and_a_little_noise(real, seed):
    made = replaced("constant", real, seed).astype(np.float64)
    mean = real.mean(axis=0, dtype=np.float64)
    length = np.linalg.norm(made.mean(axis=0))
    noise = np.linalg.norm(made - made.mean(axis=0), axis=1)
    assert 0 < noise.max() < 4 * TIE_BREAK * length
    if np.linalg.norm(mean) > 1e-5 * np.sqrt((real.astype(np.float64) ** 2).sum() / len(real)):
        np.testing.assert_allclose(made.mean(axis=0), mean, atol=5 * TIE_BREAK * np.linalg.norm(mean))


@examples(10)
@given(seed=st.integers(0, 1000), d=st.sampled_from([20, 384, 1664]))
def test_with_constant_features_no_neighbour_is_chosen_by_the_order_of_the_items(seed, d):
    n, k = 300, 10
    real = np.random.default_rng(seed).normal(0.1, 1, (n, d)).astype(np.float32)
    indices, values = nearest(torch.from_numpy(find_control("constant").apply(real, seed)), k + 1, Lot(n, seed))
    neighbours, similarities = indices[:, 1:].numpy(), values[:, 1:].numpy()
    assert similarities.min() > 0.99
    ties = (np.diff(similarities, axis=1) == 0).mean()
    assert ties < 0.02
    assert neighbours.mean() == pytest.approx((n - 1) / 2, abs=0.15 * n)


def test_controls_that_do_not_apply_say_so():
    per_modality, within = find_control("permuted_per_modality"), find_control("permuted_within_category")
    assert "two modalities" in per_modality.unfit(["textual", "textual"], True)
    assert per_modality.unfit(["visual", "textual"], False) is None
    assert "two categories" in within.unfit(["visual", "textual"], False)
    assert within.unfit(["visual"], True) is None
    for name in set(CONTROLS) - {"permuted_per_modality", "permuted_within_category"}:
        assert find_control(name).unfit(["visual"], False) is None
    for blocks in ((), ONE_MODALITY):
        with pytest.raises(NotAvailableError, match="control 'permuted_per_modality' needs features of at least two"):
            per_modality.apply(matrix(), 0, blocks, np.arange(400))
    with pytest.raises(NotAvailableError, match="control 'permuted_within_category' needs items of at least two"):
        within.apply(matrix(), 0, BLOCKS, None)


@pytest.mark.parametrize("drawn", [np.ones((3, 2), np.float32), np.ones((4, 2)), np.full((4, 2), np.nan, np.float32)])
def test_what_a_control_must_not_draw_is_refused(drawn):
    control = NoiseControl("mine", "1", lambda matrix, seed: drawn, "nothing")
    with pytest.raises(FeatureError, match="control 'mine' drew"):
        control.apply(np.ones((4, 2), np.float32), 0)


@pytest.mark.parametrize("name", CONTROLS)
class TestContract(NoiseControlContract):
    """Ours pass what others' must."""

    @pytest.fixture
    def control(self, name):
        return CONTROLS[name]


class Leaking(NoiseControlContract):
    def make(self):
        return NoiseControl("leaking", "1", lambda matrix, seed: matrix + np.float32(0.1), "everything")


def test_the_contract_catches_a_control_that_leaves_the_features():
    contract = Leaking()
    with pytest.raises(AssertionError):
        contract.test_it_breaks_the_link_from_items_to_features(contract.make())
    with pytest.raises(AssertionError):
        contract.test_the_seed_decides_and_nothing_else(contract.make())
