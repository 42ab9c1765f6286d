"""Differences of scores, of which all pairwise losses are made, and their gradients with few passes over a batch."""

from __future__ import annotations

from functools import cached_property
from typing import Any, NamedTuple

import torch
from torch.nn import functional

from recclaims.recommenders._kernels.gathers import ascending, gathered, rows, sums

#: Numbers of a matrix that stays in a core's cache between passes: half a megabyte of float32.
_CACHED = 2**17


class Pairs:
    """The triples of a batch. What several losses need of them is found once.

    Args:
        u, i, j: user, item and negative item of each, int64 (b,).
    """

    def __init__(self, u: torch.Tensor, i: torch.Tensor, j: torch.Tensor) -> None:
        self.u, self.i, self.j = u, i, j
        self._looked_up: tuple[torch.Tensor, torch.Tensor] | None = None

    def __len__(self) -> int:
        return len(self.u)

    def users_of(self, table: torch.Tensor) -> torch.Tensor:
        """table[u], (b, d); looked up again where the last table that was asked for is another."""
        if self._looked_up is None or self._looked_up[0] is not table:
            self._looked_up = table, rows(table, self.u)
        return self._looked_up[1]

    def gathered_users(self, table: torch.Tensor) -> torch.Tensor:
        """As `gathered` of the users."""
        return self.users_of(table) if len(self) < len(table) else gathered(table, self.u)

    @cached_property
    def by_user(self) -> _Order:
        """The triples in the order of their users."""
        return _Order.of(self.u)

    @cached_property
    def by_item(self) -> _Order:
        """The triples in the order of their items."""
        return _Order.of(self.i)

    @cached_property
    def by_negative(self) -> _Order:
        """The triples in the order of their negative items."""
        return _Order.of(self.j)


class _Order(NamedTuple):
    """A batch in the order of some ids.

    Attributes:
        places: of the batch, those of one id after those of the id before it, int64 (b,).
        counts: how often each id occurs, up to the largest that does, int64 (n,).
    """

    places: torch.Tensor
    counts: torch.Tensor

    @classmethod
    def of(cls, ids: torch.Tensor) -> _Order:
        return cls(ascending(ids), torch.bincount(ids))

    def sums(self, n: int, table: torch.Tensor, beside: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
        """Of each id below n the sum of rows of a table, (n, d): those `beside` it in the batch, weighted."""
        ends = functional.pad(self.counts.cumsum(0), (1, n - len(self.counts)))
        ends[len(self.counts) + 1 :] = len(beside)
        return sums(table, beside.index_select(0, self.places), ends, weights.index_select(0, self.places))


def score_differences(users: torch.Tensor, items: torch.Tensor, pairs: Pairs) -> torch.Tensor:
    """<users[u], items[i] - items[j]> of a batch, float (b,), from tables (m, d) and (n, d).

    Where a batch is longer than both tables, their gradients are sums over the pairs by user and by item, and no matrix
    is as long as the batch: processes that train side by side wait less for memory (docs/performance.md).
    """
    if len(pairs) > len(users) + len(items):
        by_table: torch.Tensor = _DifferencesByTable.apply(users, items, pairs)
        return by_table
    differences: torch.Tensor = _Differences.apply(pairs.users_of(users), items, pairs.i, pairs.j)
    return differences


class _DifferencesByTable(torch.autograd.Function):
    @staticmethod
    def forward(context: Any, users: torch.Tensor, items: torch.Tensor, pairs: Pairs) -> torch.Tensor:
        context.save_for_backward(users, items)
        context.pairs = pairs
        size = max(1, _CACHED // users.shape[1])
        blocks = (torch.split(column, size) for column in (pairs.u, pairs.i, pairs.j))
        return torch.cat([_differences(users, items, *block) for block in zip(*blocks, strict=True)])

    @staticmethod
    def backward(context: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        users, items = context.saved_tensors
        pairs, (gradient,) = context.pairs, gradients
        of_users = of_items = None
        if context.needs_input_grad[0]:
            of_users = pairs.by_user.sums(len(users), items, pairs.i, gradient)
            of_users.sub_(pairs.by_user.sums(len(users), items, pairs.j, gradient))
        if context.needs_input_grad[1]:
            of_items = pairs.by_item.sums(len(items), users, pairs.u, gradient)
            of_items.sub_(pairs.by_negative.sums(len(items), users, pairs.u, gradient))
        return of_users, of_items, None


def _differences(
    users: torch.Tensor, items: torch.Tensor, u: torch.Tensor, i: torch.Tensor, j: torch.Tensor
) -> torch.Tensor:
    preference = items.index_select(0, i).sub_(items.index_select(0, j))
    return preference.mul_(users.index_select(0, u)).sum(dim=1)


class _Differences(torch.autograd.Function):
    @staticmethod
    def forward(
        context: Any, users: torch.Tensor, items: torch.Tensor, i: torch.Tensor, j: torch.Tensor
    ) -> torch.Tensor:
        preference = items.index_select(0, i).sub_(items.index_select(0, j))
        context.save_for_backward(users, preference, i, j)
        context.n_items = len(items)
        return (users * preference).sum(dim=1)

    @staticmethod
    def backward(context: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        users, preference, i, j = context.saved_tensors
        gradient = gradients[0].unsqueeze(1)
        of_users = preference * gradient if context.needs_input_grad[0] else None
        of_items = None
        if context.needs_input_grad[1]:
            share = users * gradient
            of_items = users.new_zeros(context.n_items, users.shape[1]).index_add_(0, i, share)
            of_items.index_add_(0, j, share.neg_())  # with alpha=-1 it takes four times as long, for the same bits
        return of_users, of_items, None, None
