"""Propagation of embeddings over fixed sparse graphs, by CSR products whose transpose is made once."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any, cast

import numpy as np
import scipy.sparse as sp
import torch
from numpy.typing import NDArray


class Propagator:
    """A fixed sparse matrix to multiply embeddings with, whose gradient uses a transpose made once.

    torch's own sparse product rebuilds the transpose in every backward pass.
    """

    def __init__(self, matrix: torch.Tensor, transpose: torch.Tensor) -> None:
        self.matrix, self.transpose = matrix, transpose

    @classmethod
    def symmetric(cls, graph: sp.csr_matrix) -> Propagator:
        """Wrap a matrix that is its own transpose."""
        matrix = _csr_tensor(graph)
        return cls(matrix, matrix)

    @classmethod
    def of(cls, graph: sp.csr_matrix) -> Propagator:
        """Wrap any sparse matrix."""
        return cls(_csr_tensor(graph), _csr_tensor(graph.T.tocsr()))

    @classmethod
    def stock(cls, graph: sp.csr_matrix) -> Propagator:
        """Wrap a matrix so that it is multiplied as RecBole and MMRec do it: COO, with torch's own gradient.

        Slow, and kept to show that the fast way gives the same.
        """
        coo = graph.tocoo()
        places = torch.from_numpy(np.vstack([coo.row, coo.col]).astype(np.int64))
        values = torch.from_numpy(coo.data.astype(np.float32))
        matrix = torch.sparse_coo_tensor(places, values, coo.shape, check_invariants=False).coalesce()
        return cls(matrix, matrix)

    def to(self, device: torch.device) -> Propagator:
        """Move both matrices."""
        matrix = self.matrix.to(device)
        return Propagator(matrix, matrix if self.transpose is self.matrix else self.transpose.to(device))

    @property
    def is_stock(self) -> bool:
        """Whether it was wrapped by `stock`."""
        return bool(self.matrix.layout == torch.sparse_coo)

    def __matmul__(self, embeddings: torch.Tensor) -> torch.Tensor:
        if self.is_stock:
            return cast("torch.Tensor", torch.sparse.mm(self.matrix, embeddings))
        return cast("torch.Tensor", _SparseProduct.apply(self.matrix, self.transpose, embeddings))


def user_item_edges(
    users: NDArray[Any], items: NDArray[Any], n_users: int, n_items: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], int]:
    """Number users before items and name every edge in both directions: rows, columns (2n,) and the size."""
    lower = items.astype(np.int64) + n_users
    upper = users.astype(np.int64)
    return np.concatenate([upper, lower]), np.concatenate([lower, upper]), n_users + n_items


def bipartite(
    users: NDArray[Any], items: NDArray[Any], n_users: int, n_items: int, epsilon: float = 0.0
) -> sp.csr_matrix:
    """Build the symmetric, degree-normalised graph D^-1/2 A D^-1/2 over users, then items.

    Args:
        users, items: the edges, shape (n,) each.
        n_users, n_items: number of nodes of each kind.
        epsilon: added to every degree (LightGCN and MMRec's FREEDOM and BM3 add 1e-7).
    """
    d_users = np.bincount(users, minlength=n_users) + epsilon
    d_items = np.bincount(items, minlength=n_items) + epsilon
    weights = (1.0 / np.sqrt(d_users[users] * d_items[items])).astype(np.float32)
    rows, columns, size = user_item_edges(users, items, n_users, n_items)
    return sp.csr_matrix((np.concatenate([weights, weights]), (rows, columns)), shape=(size, size))


def mean_of_layers(
    graph: Propagator,
    users: torch.Tensor,
    items: torch.Tensor,
    n_layers: int,
    after: Callable[[torch.Tensor], torch.Tensor] | None = None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Propagate n_layers times and average all layers, the first included (LightGCN, He et al., SIGIR 2020).

    Args:
        graph: what to propagate over: users, then items.
        users, items: the first layer, float32 (n_users, size) and (n_items, size).
        n_layers: number of propagations.
        after: what is done to the result of each propagation before it is used.

    Returns:
        The averages, in the shapes of `users` and `items`.
    """
    if after is None and not graph.is_stock:
        mean: tuple[torch.Tensor, torch.Tensor] = _MeanOfLayers.apply(graph, n_layers, users, items)
        return mean
    total = layer = torch.cat([users, items])
    for _ in range(n_layers):
        layer = graph @ layer
        layer = layer if after is None else after(layer)
        total = total + layer
    return _cut(total / (n_layers + 1), users, items)


class _MeanOfLayers(torch.autograd.Function):
    # The same sums as the loop over layers and its gradient, in the same order, with half as many passes over the
    # nodes: what is scaled or added is written in place, and nothing is cut apart and put together again.
    @staticmethod
    def forward(
        ctx: Any, graph: Propagator, n_layers: int, users: torch.Tensor, items: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        ctx.graph, ctx.n_layers = graph, n_layers
        total = layer = torch.cat([users, items])
        for _ in range(n_layers):
            layer = product(graph.matrix, layer)
            # The sum grows in the first layer's place, which is needed no more once it was multiplied.
            total.add_(layer)
        return _cut(total.div_(n_layers + 1), users, items)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        users, items = gradients
        share = users.new_empty(len(users) + len(items), users.shape[1])
        for part, gradient in zip(_cut(share, users, items), gradients, strict=True):
            torch.div(gradient, ctx.n_layers + 1, out=part)
        total = share
        for _ in range(ctx.n_layers):
            total = product(ctx.graph.transpose, total).add_(share)
        return None, None, *_cut(total, users, items)


def _cut(nodes: torch.Tensor, users: torch.Tensor, items: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    first, second = torch.split(nodes, [len(users), len(items)])
    return first, second


class _SparseProduct(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, matrix: torch.Tensor, transpose: torch.Tensor, embeddings: torch.Tensor) -> torch.Tensor:
        ctx.transpose = transpose
        return product(matrix, embeddings)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[None, None, torch.Tensor]:
        return None, None, product(ctx.transpose, gradients[0].contiguous())


def product(matrix: torch.Tensor, embeddings: torch.Tensor) -> torch.Tensor:
    """A CSR matrix times embeddings (n, d), without a gradient."""
    if embeddings.device.type != "cpu":
        return torch.mm(matrix, embeddings)
    # A row of the product is a weighted sum of embeddings: torch's kernel for that, made for tables of embeddings,
    # is three times as fast on a CPU as its sparse product.
    bags = matrix.col_indices(), matrix.crow_indices()
    summed: torch.Tensor = torch.embedding_bag(embeddings, *bags, False, 0, False, matrix.values(), True)[0]
    return summed


def _csr_tensor(graph: sp.csr_matrix) -> torch.Tensor:
    graph = graph.astype(np.float32)
    graph.sort_indices()
    with warnings.catch_warnings():
        # "Sparse CSR tensor support is in beta state": only its matrix product is used here.
        warnings.filterwarnings("ignore", message=".*[Ss]parse CSR tensor support.*")
        return torch.sparse_csr_tensor(
            torch.from_numpy(graph.indptr.astype(np.int32)),
            torch.from_numpy(graph.indices.astype(np.int32)),
            torch.from_numpy(graph.data),
            size=graph.shape,
            check_invariants=False,
        )
