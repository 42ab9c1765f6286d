"""Sparse graphs: nearest neighbours of items, the user-item graph, and propagation with a known transpose."""

from __future__ import annotations

import warnings
from typing import Any, cast

import numpy as np
import scipy.sparse as sp
import torch
from numpy.typing import NDArray

#: Rows of the similarity matrix held at once.
BLOCK = 1024


def nearest(matrix: torch.Tensor, k: int, block: int = BLOCK) -> tuple[torch.Tensor, torch.Tensor]:
    """Find each row's k most cosine-similar rows, itself included; never a dense n x n matrix.

    Equal similarities go to the smaller index, on every device. A zero row has similarity 0 to all.

    Args:
        matrix: float32 (n, d).
        k: neighbours per row, at most n.
        block: rows handled at once.

    Returns:
        Indices int64 (n, k) and similarities float32 (n, k), most similar first.
    """
    unit = torch.nn.functional.normalize(matrix, dim=1, eps=1e-12)
    k = min(k, len(unit))
    indices = torch.empty((len(unit), k), dtype=torch.int64, device=matrix.device)
    values = torch.empty((len(unit), k), dtype=matrix.dtype, device=matrix.device)
    for start in range(0, len(unit), block):
        rows = slice(start, start + block)
        similarity = unit[rows] @ unit.T
        best, place = torch.topk(similarity, k, dim=1)
        # topk leaves open which of several equal values it takes; only rows with a tie at or above the
        # last place pay for a stable sort.
        last = best[:, -1:]
        tied = (similarity >= last).sum(dim=1) > k
        tied |= (best[:, 1:] == best[:, :-1]).any(dim=1)
        if bool(tied.any()):
            order = torch.sort(similarity[tied], dim=1, descending=True, stable=True)
            best[tied], place[tied] = order.values[:, :k], order.indices[:, :k]
        indices[rows], values[rows] = place, best
    return indices, values


def bipartite(users: NDArray[Any], items: NDArray[Any], n_users: int, n_items: int, epsilon: float = 0.0) -> Propagator:
    """Build the symmetric, degree-normalised graph D^-1/2 A D^-1/2 over users, then items.

    Args:
        users, items: the edges, shape (n,) each.
        n_users, n_items: number of nodes of each kind.
        epsilon: added to every degree (MMRec's FREEDOM adds 1e-7).
    """
    d_users = np.bincount(users, minlength=n_users) + epsilon
    d_items = np.bincount(items, minlength=n_items) + epsilon
    weights = (1.0 / np.sqrt(d_users[users] * d_items[items])).astype(np.float32)
    rows = np.concatenate([users, items + n_users])
    columns = np.concatenate([items + n_users, users])
    size = n_users + n_items
    graph = sp.csr_matrix((np.concatenate([weights, weights]), (rows, columns)), shape=(size, size))
    return Propagator.symmetric(graph)


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

    def to(self, device: torch.device) -> Propagator:
        """Move both matrices."""
        return Propagator(self.matrix.to(device), self.transpose.to(device))

    def __matmul__(self, embeddings: torch.Tensor) -> torch.Tensor:
        return cast("torch.Tensor", _SparseProduct.apply(self.matrix, self.transpose, embeddings))


class _SparseProduct(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, matrix: torch.Tensor, transpose: torch.Tensor, embeddings: torch.Tensor) -> torch.Tensor:
        ctx.transpose = transpose
        return torch.mm(matrix, embeddings)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[None, None, torch.Tensor]:
        return None, None, torch.mm(ctx.transpose, gradients[0].contiguous())


def _csr_tensor(graph: sp.csr_matrix) -> torch.Tensor:
    graph = graph.astype(np.float32)
    graph.sort_indices()
    with warnings.catch_warnings():
        # "Sparse CSR tensor support is in beta state": only its matrix product is used here.
        warnings.filterwarnings("ignore", message=".*[Ss]parse CSR tensor support.*")
        return torch.sparse_csr_tensor(
            torch.from_numpy(graph.indptr.astype(np.int64)),
            torch.from_numpy(graph.indices.astype(np.int64)),
            torch.from_numpy(graph.data),
            size=graph.shape,
            check_invariants=False,
        )
