"""Looking up rows of the tables of several cells, and products over graphs of several cells, with their gradients."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import torch

from recclaims.recommenders._kernels.propagation import Propagator, product


def rows(tables: torch.Tensor, ids: torch.Tensor) -> torch.Tensor:
    """Rows of each cell's own table.

    Args:
        tables: float (cells, n, d).
        ids: int64 (cells, ...).

    Returns:
        Float (cells, ..., d).
    """
    n_cells, n, width = tables.shape
    first = torch.arange(n_cells, device=ids.device).view(-1, *[1] * (ids.dim() - 1)) * n
    flat: torch.Tensor = _Rows.apply(tables.reshape(-1, width), (ids + first).reshape(-1))
    return flat.view(*ids.shape, width)


class _Rows(torch.autograd.Function):
    @staticmethod
    def forward(context: Any, table: torch.Tensor, ids: torch.Tensor) -> torch.Tensor:
        context.save_for_backward(ids)
        context.n = len(table)
        return table.index_select(0, ids)

    @staticmethod
    def backward(context: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor, None]:
        (ids,) = context.saved_tensors
        gradient = gradients[0].contiguous()
        if gradient.device.type == "cpu":
            return gradient.new_zeros(context.n, gradient.shape[1]).index_add_(0, ids, gradient), None
        # Sorted, not added by whichever thread comes first: the same bits each time.
        return torch.ops.aten.embedding_dense_backward(gradient, ids, context.n, -1, False), None


def occurrences(ids: torch.Tensor, present: torch.Tensor, n: int) -> torch.Tensor:
    """How often each id occurs in each cell's batch, float (cells, n), from ids and `present` (cells, b)."""
    # Sums of ones are exact in whichever order.
    return present.new_zeros(len(ids), n).scatter_add_(1, ids, present)


def block_diagonal(matrices: Sequence[torch.Tensor], dtype: torch.dtype) -> torch.Tensor:
    """CSR matrices of equal shape as one, each on its own block of the diagonal, with int32 indices."""
    n_columns = matrices[0].shape[1]
    columns = torch.cat([m.col_indices() + n * n_columns for n, m in enumerate(matrices)])
    values = torch.cat([m.values() for m in matrices]).to(dtype)
    starts, before = [], 0
    for matrix in matrices:
        starts.append(matrix.crow_indices()[:-1] + before)
        before += matrix.values().numel()
    starts.append(torch.tensor([before], device=columns.device))
    size = sum(m.shape[0] for m in matrices), len(matrices) * n_columns
    return csr(torch.cat([start.to(torch.int32) for start in starts]), columns.to(torch.int32), values, size)


def csr(starts: torch.Tensor, columns: torch.Tensor, values: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    """A CSR matrix over these very tensors: what is written into them later changes it."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*[Ss]parse CSR tensor support.*")
        return torch.sparse_csr_tensor(starts, columns, values, size=size, check_invariants=False)


def together(graphs: Sequence[Propagator], dtype: torch.dtype) -> Propagator:
    """The graphs of several cells as one."""
    matrix = block_diagonal([graph.matrix for graph in graphs], dtype)
    if all(graph.transpose is graph.matrix for graph in graphs):
        return Propagator(matrix, matrix)
    return Propagator(matrix, block_diagonal([graph.transpose for graph in graphs], dtype))


def propagated(graph: Propagator, embeddings: torch.Tensor) -> torch.Tensor:
    """A product with a graph of several cells: (cells, m, d) from (cells, n, d)."""
    return (graph @ embeddings.reshape(-1, embeddings.shape[2])).view(len(embeddings), -1, embeddings.shape[2])


def mean_of_layers(graph: Propagator, nodes: torch.Tensor, n_layers: int) -> torch.Tensor:
    """The mean of nodes (cells, n, d) and n_layers propagations over a graph of several cells."""
    mean: torch.Tensor = _MeanOfLayers.apply(graph, n_layers, nodes.reshape(-1, nodes.shape[2]))
    return mean.view(nodes.shape)


class _MeanOfLayers(torch.autograd.Function):
    @staticmethod
    def forward(context: Any, graph: Propagator, n_layers: int, nodes: torch.Tensor) -> torch.Tensor:
        context.graph, context.n_layers = graph, n_layers
        return _mean(graph.matrix, n_layers, nodes)

    @staticmethod
    def backward(context: Any, *gradients: torch.Tensor) -> tuple[None, None, torch.Tensor]:
        return None, None, _mean(context.graph.transpose, context.n_layers, gradients[0].contiguous())


def _mean(matrix: torch.Tensor, n_layers: int, nodes: torch.Tensor) -> torch.Tensor:
    # (1 + A + A^2 + ...) x = x + A (x + A (x + ...)), with no more than two matrices beside x.
    total = nodes
    for _ in range(n_layers):
        total = product(matrix, total).add_(nodes)
    return total / (n_layers + 1)
