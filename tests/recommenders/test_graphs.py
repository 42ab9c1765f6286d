import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from recclaims.recommenders.graphs import nearest

from ..drawing import examples


@examples(60)
@given(seed=st.integers(0, 2**31), k=st.integers(1, 9), block=st.integers(1, 12), ties=st.booleans())
def test_nearest_equals_a_sort_with_ties_to_the_smaller_index(seed, k, block, ties):
    random = np.random.default_rng(seed)
    # Few distinct directions make many exact ties.
    matrix = random.integers(0, 2, (9, 3)) if ties else random.normal(size=(9, 4))
    matrix = torch.tensor(matrix, dtype=torch.float32)
    indices, values = nearest(matrix, k, block)
    unit = torch.nn.functional.normalize(matrix, dim=1)
    for row in range(9):
        # Blocks of the same size, for the same bits: a product's rounding depends on its shape.
        start = row // block * block
        similarity = (unit[start : start + block] @ unit.T)[row - start].numpy()
        expected = sorted(range(9), key=lambda i: (-similarity[i], i))[:k]
        assert indices[row].tolist() == expected
        np.testing.assert_allclose(values[row], similarity[expected])


def test_a_row_is_its_own_nearest():
    indices, values = nearest(torch.randn(50, 8, generator=torch.Generator().manual_seed(0)), 3)
    assert indices[:, 0].tolist() == list(range(50))
    np.testing.assert_allclose(values[:, 0], 1, rtol=1e-6)


def test_zero_rows_are_like_nothing_and_never_nan():
    matrix = torch.tensor([[0.0, 0.0], [1.0, 0.0], [-1.0, 0.0]])
    indices, values = nearest(matrix, 3)
    assert indices[0].tolist() == [0, 1, 2]
    assert values[0].tolist() == [0, 0, 0]
    assert indices[1].tolist() == [1, 0, 2]
