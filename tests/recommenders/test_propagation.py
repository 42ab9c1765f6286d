import numpy as np
import pytest
import scipy.sparse as sp
import torch

from recclaims.recommenders._kernels.propagation import Propagator, bipartite, mean_of_layers


def test_the_bipartite_graph_is_the_symmetric_normalisation():
    users, items = np.array([0, 0, 1]), np.array([0, 1, 1])
    dense = np.zeros((5, 5))
    for u, i in zip(users, items, strict=True):
        dense[u, 2 + i] = dense[2 + i, u] = 1
    degree = dense.sum(axis=1)
    degree[degree == 0] = 1
    expected = dense / np.sqrt(degree[:, None] * degree)
    graph = bipartite(users, items, 2, 3).toarray()
    np.testing.assert_allclose(graph, expected, rtol=1e-6)


@pytest.mark.parametrize("make", [Propagator.of, Propagator.stock])
def test_the_gradient_goes_through_the_transpose(make):
    random = np.random.default_rng(0)
    dense = random.normal(size=(6, 6)) * (random.random((6, 6)) < 0.5)
    graph = make(sp.csr_matrix(dense))
    x, y = (torch.ones(6, 2, requires_grad=True) for _ in range(2))
    weights = torch.tensor(random.normal(size=(6, 2)), dtype=torch.float32)
    ((graph @ x) * weights).sum().backward()
    ((torch.tensor(dense, dtype=torch.float32) @ y) * weights).sum().backward()
    np.testing.assert_allclose(x.grad, y.grad, atol=1e-6)


def test_isolated_nodes_do_not_divide_by_zero():
    with np.errstate(divide="raise", invalid="raise"):
        graph = bipartite(np.array([1]), np.array([1]), 3, 3)
    assert np.isfinite(graph.toarray()).all()
    assert graph.sum() == pytest.approx(2)


@pytest.mark.parametrize("n_layers", [0, 1, 2, 4])
def test_layers_are_averaged_with_the_first(n_layers):
    graph = Propagator.of(sp.csr_matrix(2 * np.eye(3)))
    users, items = torch.ones(2, 1), torch.ones(1, 1)
    expected = sum(2**layer for layer in range(n_layers + 1)) / (n_layers + 1)
    means = mean_of_layers(graph, users, items, n_layers)
    assert [mean.flatten().tolist() for mean in means] == [pytest.approx([expected] * 2), pytest.approx([expected])]
    means = mean_of_layers(graph, users, items, n_layers, lambda layer: layer / 2)
    assert [mean.flatten().tolist() for mean in means] == [[1, 1], [1]]


@pytest.mark.parametrize("n_layers", [0, 1, 2, 4])
def test_a_mean_of_layers_and_its_gradient_are_those_of_the_loop_bit_for_bit(n_layers):
    random = np.random.default_rng(0)
    graph = Propagator.of(sp.random(50, 50, 0.1, "csr", random_state=random))
    tables = [torch.randn(n, 8, requires_grad=True) for n in (30, 20)]
    weights = [torch.randn_like(table) for table in tables]

    def gradients(**how):
        means = mean_of_layers(graph, *tables, n_layers, **how)
        total = sum((mean * weight).sum() for mean, weight in zip(means, weights, strict=True))
        return *means, *torch.autograd.grad(total, tables)

    for ours, looped in zip(gradients(), gradients(after=lambda layer: layer), strict=True):
        assert ours.equal(looped)
