import numpy as np
import pytest
import scipy.sparse as sp
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from recclaims.recommenders.graphs import Propagator, bipartite, nearest


@settings(max_examples=60, deadline=None)
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


def test_the_bipartite_graph_is_the_symmetric_normalisation():
    users, items = np.array([0, 0, 1]), np.array([0, 1, 1])
    dense = np.zeros((5, 5))
    for u, i in zip(users, items, strict=True):
        dense[u, 2 + i] = dense[2 + i, u] = 1
    degree = dense.sum(axis=1)
    degree[degree == 0] = 1
    expected = dense / np.sqrt(degree[:, None] * degree)
    graph = bipartite(users, items, 2, 3).matrix.to_dense().numpy()
    np.testing.assert_allclose(graph, expected, rtol=1e-6)


def test_the_gradient_goes_through_the_transpose():
    random = np.random.default_rng(0)
    dense = random.normal(size=(6, 6)) * (random.random((6, 6)) < 0.5)
    graph = Propagator.of(sp.csr_matrix(dense))
    x, y = (torch.ones(6, 2, requires_grad=True) for _ in range(2))
    weights = torch.tensor(random.normal(size=(6, 2)), dtype=torch.float32)
    ((graph @ x) * weights).sum().backward()
    ((torch.tensor(dense, dtype=torch.float32) @ y) * weights).sum().backward()
    np.testing.assert_allclose(x.grad, y.grad, atol=1e-6)


def test_isolated_nodes_do_not_divide_by_zero():
    with np.errstate(divide="raise", invalid="raise"):
        graph = bipartite(np.array([1]), np.array([1]), 3, 3)
    assert np.isfinite(graph.matrix.to_dense().numpy()).all()
    assert graph.matrix.to_dense().sum().item() == pytest.approx(2)
