"""Looking up rows of embedding tables, and what pairwise losses make of them, with few passes over a batch.

On a CPU a step of training is as long as its passes over (batch, size) matrices. A gradient is written into one table
here, not into one table a look-up, which are then added up.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch.nn import functional


def rows(table: torch.Tensor, ids: torch.Tensor, gradient: KeptGradient | None = None) -> torch.Tensor:
    """table[ids], (b, d), by the operation whose gradient is the fastest on a CPU: a third of an embedding's time.

    Args:
        table: (n, d).
        ids: int64 (b,).
        gradient: where the table's gradient is kept; without it autograd makes one.
    """
    if gradient is None:
        return table.index_select(0, ids)
    found: torch.Tensor = _Rows.apply(table, ids, gradient)
    return found


class KeptGradient:
    """Writes gradients of single rows of a table of parameters into one matrix that is kept from step to step.

    Autograd would make a matrix as large as the table for each look-up in each step: of 7,050 items with features of
    4,096 dimensions 115 MB, which malloc maps anew and the kernel zeroes page by page, longer than Adam's own pass.

    Args:
        table: the parameters (n, d), a leaf; `table.grad` is set when rows of it are added and there is none yet.
    """

    def __init__(self, table: torch.Tensor) -> None:
        self._table = table
        self._memory: torch.Tensor | None = None

    def add(self, ids: torch.Tensor, gradients: torch.Tensor, factor: float = 1) -> None:
        """Add gradients (b, d), times `factor`, to those of the rows `ids`, int64 (b,)."""
        if self._table.grad is None:
            self._memory = torch.zeros_like(self._table) if self._memory is None else self._memory.zero_()
            self._table.grad = self._memory
        self._table.grad.index_add_(0, ids, gradients, alpha=factor)

    def add_product(self, left: torch.Tensor, right: torch.Tensor) -> None:
        """Add the product of (n, s) and (s, d) to the gradient of all rows."""
        if self._table.grad is None:
            self._memory = torch.empty_like(self._table) if self._memory is None else self._memory
            self._table.grad = torch.mm(left, right, out=self._memory)
        else:
            self._table.grad.addmm_(left, right)


class _Rows(torch.autograd.Function):
    @staticmethod
    def forward(context: Any, table: torch.Tensor, ids: torch.Tensor, gradient: KeptGradient) -> torch.Tensor:
        context.save_for_backward(ids)
        context.gradient = gradient
        return table.index_select(0, ids)

    @staticmethod
    def backward(context: Any, *gradients: torch.Tensor) -> tuple[None, ...]:
        context.gradient.add(context.saved_tensors[0], gradients[0])
        return None, None, None


def product_of_trained(
    table: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor, gradient: KeptGradient
) -> torch.Tensor:
    """W f + b of every row f of a table that is trained, (n, size), with its kept gradient."""
    found: torch.Tensor = _ProductOfTrained.apply(table, weight, bias, gradient)
    return found


class _ProductOfTrained(torch.autograd.Function):
    @staticmethod
    def forward(
        context: Any, table: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor, gradient: KeptGradient
    ) -> torch.Tensor:
        context.save_for_backward(table, weight)
        context.gradient = gradient
        return torch.addmm(bias, table, weight.T)

    @staticmethod
    def backward(context: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        table, weight = context.saved_tensors
        (of_products,) = gradients
        context.gradient.add_product(of_products, weight)
        return None, of_products.T @ table, of_products.sum(dim=0), None


def row_differences(
    table: torch.Tensor, i: torch.Tensor, j: torch.Tensor, gradient: KeptGradient | None = None
) -> torch.Tensor:
    """table[i] - table[j], (b, d), in one pass; of a table that is trained, with its kept gradient."""
    differences: torch.Tensor = _RowDifferences.apply(table, i, j, gradient)
    return differences


class _RowDifferences(torch.autograd.Function):
    @staticmethod
    def forward(
        context: Any, table: torch.Tensor, i: torch.Tensor, j: torch.Tensor, gradient: KeptGradient | None
    ) -> torch.Tensor:
        context.save_for_backward(i, j)
        context.gradient = gradient
        pairs = torch.stack([i, j], dim=1)
        signs = table.new_tensor([1, -1]).repeat(len(pairs), 1)
        return functional.embedding_bag(pairs, table, mode="sum", per_sample_weights=signs)

    @staticmethod
    def backward(context: Any, *gradients: torch.Tensor) -> tuple[None, ...]:
        i, j = context.saved_tensors
        context.gradient.add(i, gradients[0])
        context.gradient.add(j, gradients[0], -1)
        return None, None, None, None


def gathered(table: torch.Tensor, ids: torch.Tensor) -> torch.Tensor:
    """A matrix with the sum of squares of table[ids] and its gradient, whichever is shorter: that, or a weighted table.

    A regulariser asks for no more than this sum, in which a row that occurs c times counts c times.
    """
    if len(ids) < len(table):
        return rows(table, ids)
    return table * torch.bincount(ids, minlength=len(table)).sqrt().unsqueeze(1)


def narrowed(
    n_items: int, positive: torch.Tensor, negative: torch.Tensor
) -> tuple[torch.Tensor | None, torch.Tensor, torch.Tensor]:
    """Which items something need be computed for, so that a batch finds its own among them.

    Args:
        n_items: rows there are.
        positive, negative: the batch's item ids, int64 (b,) each.

    Returns:
        The ids that occur, ascending, int64 (n,), or None where these may be nearly all; and where among them each
        positive and each negative item stands, int64 (b,) each.
    """
    if n_items <= 2 * len(positive):
        return None, positive, negative
    occurrences = BatchIndex(torch.cat([positive, negative]))
    positive, negative = occurrences.places.chunk(2)
    return occurrences.ids, positive, negative


class BatchIndex:
    """Where each id occurs in a batch.

    Args:
        ids: int64 (b,).

    Attributes:
        ids: those that occur, each once, ascending, int64 (n,).
        places: which of them stands at each place of the batch, int64 (b,).
        counts: how often each occurs, int64 (n,).
    """

    def __init__(self, ids: torch.Tensor) -> None:
        self._order = ascending(ids)
        ordered = ids.index_select(0, self._order)
        self.ids, which, self.counts = torch.unique_consecutive(ordered, return_inverse=True, return_counts=True)
        self.places = torch.empty_like(ids).scatter_(0, self._order, which)
        self._ends = functional.pad(self.counts.cumsum(0), (1, 0))

    def sums(self, table: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
        """Of each id the sum of what stands beside it in the batch, (n, d), without a gradient.

        Args:
            table: rows (m, d).
            places: which of them stands at each place of the batch, int64 (b,).
        """
        return sums(table, places.index_select(0, self._order), self._ends)


@torch.no_grad()
def sums(
    table: torch.Tensor, chosen: torch.Tensor, ends: torch.Tensor, weights: torch.Tensor | None = None
) -> torch.Tensor:
    """Sums of chosen rows of a table, one from each end to the next, (n, d), without a gradient.

    Args:
        table: (m, d).
        chosen: which rows, int64 (b,).
        ends: int64 (n + 1,), from 0 to b.
        weights: of each chosen row, (b,); None: 1.
    """
    summed: torch.Tensor = torch.embedding_bag(table, chosen, ends, False, 0, False, weights, True)[0]
    return summed


#: Whole numbers of so many bits numpy sorts by their digits, in a fifth of the time that comparing them takes.
_DIGIT = 16


def ascending(ids: torch.Tensor) -> torch.Tensor:
    """The places of a batch in the order of their ids, int64 (b,), those of one id in the batch's own order."""
    if ids.device.type != "cpu":
        return torch.sort(ids, stable=True).indices
    remaining = ids.numpy()
    order = np.argsort(remaining.astype(np.uint16), kind="stable")  # by the lowest digit: the rest is cut off
    for shift in range(_DIGIT, int(remaining.max(initial=0)).bit_length(), _DIGIT):
        order = order[np.argsort((remaining >> shift)[order].astype(np.uint16), kind="stable")]
    return torch.from_numpy(order)
