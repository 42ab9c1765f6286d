import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from recclaims.recommenders._kernels.graphs import nearest
from recclaims.recommenders._kernels.ties import Lot

from ..drawing import examples


def a_lot(n, seed=0):
    return Lot(n, seed)


@examples(200)
@given(seed=st.integers(0, 2**31), k=st.integers(1, 9), block=st.integers(1, 12), ties=st.booleans())
def test_nearest_equals_a_sort_with_ties_by_lot(seed, k, block, ties):
    random = np.random.default_rng(seed)
    # Few distinct directions make many exact ties.
    matrix = random.integers(0, 2, (9, 3)) if ties else random.normal(size=(9, 4))
    matrix = torch.tensor(matrix, dtype=torch.float32)
    lot = a_lot(9, seed)
    indices, values = nearest(matrix, k, lot, block)
    keys = lot.keys(torch.arange(9)).numpy()
    unit = torch.nn.functional.normalize(matrix, dim=1)
    for row in range(9):
        # Blocks of the same size, for the same bits: a product's rounding depends on its shape.
        start = row // block * block
        similarity = (unit[start : start + block] @ unit.T)[row - start].numpy()
        expected = sorted(range(9), key=lambda i: (-similarity[i], keys[row, i]))[:k]
        assert set(indices[row].tolist()) == set(expected)
        np.testing.assert_allclose(values[row], similarity[expected])
        np.testing.assert_array_equal(values[row], similarity[indices[row]])


def test_every_item_wins_its_share_of_ties():
    """All 400 items are alike: with one order for all rows ten of them would be everybody's neighbours."""
    indices, _ = nearest(torch.ones(400, 3), 10, a_lot(400))
    in_degree = np.bincount(indices.flatten(), minlength=400)
    assert in_degree.sum() == 4_000
    assert in_degree.max() < 30
    assert abs(np.corrcoef(in_degree, np.arange(400))[0, 1]) < 0.2


def test_the_seed_draws_the_lot():
    first, same, other = (nearest(torch.ones(50, 3), 5, a_lot(50, seed))[0] for seed in (1, 1, 2))
    assert (first == same).all()
    assert (first != other).any()


def test_a_row_is_its_own_nearest():
    indices, values = nearest(torch.randn(50, 8, generator=torch.Generator().manual_seed(0)), 3, a_lot(50))
    assert indices[:, 0].tolist() == list(range(50))
    np.testing.assert_allclose(values[:, 0], 1, rtol=1e-6)


def test_zero_rows_are_like_nothing_and_never_nan():
    matrix = torch.tensor([[0.0, 0.0], [1.0, 0.0], [-1.0, 0.0]])
    indices, values = nearest(matrix, 3, a_lot(3))
    assert sorted(indices[0].tolist()) == [0, 1, 2]
    assert values[0].tolist() == [0, 0, 0]
    assert indices[1].tolist() == [1, 0, 2]
