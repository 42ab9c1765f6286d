"""What pairwise losses look up, beside the plain way of writing it."""

import pytest
import torch

from recclaims.recommenders._kernels import pairs as pairs_module
from recclaims.recommenders._kernels.gathers import (
    BatchIndex,
    KeptGradient,
    gathered,
    narrowed,
    row_differences,
    rows,
)
from recclaims.recommenders._kernels.pairs import Pairs, score_differences

IDS = torch.tensor([7, 2, 2, 9, 7, 2, 40])


def test_occurrences():
    occurrences = BatchIndex(IDS)
    assert occurrences.ids.tolist() == [2, 7, 9, 40]
    assert occurrences.places.tolist() == [1, 0, 0, 2, 1, 0, 3]
    table, beside = torch.tensor([[1.0, 2], [10, 20], [100, 200]]), torch.tensor([0, 1, 1, 2, 2, 0, 1])
    assert occurrences.sums(table, beside).tolist() == [[21, 42], [101, 202], [100, 200], [10, 20]]


@pytest.mark.parametrize("largest", [1, 50, 2**16, 2**16 + 1, 2**40])
def test_places_stand_in_the_order_of_their_ids(largest):
    torch.manual_seed(largest % 1000)
    for n in (0, 1, 3000):
        ids = torch.randint(0, largest, (n,))
        found = BatchIndex(ids)
        occurring, places, counts = torch.unique(ids, return_inverse=True, return_counts=True)
        assert found.ids.equal(occurring)
        assert found.places.equal(places)
        assert found.counts.equal(counts)
        numbers = torch.arange(float(n)).unsqueeze(1)
        expected = torch.zeros(len(occurring), 1).index_add_(0, places, numbers)
        assert found.sums(numbers, torch.arange(n)).equal(expected)


def test_only_what_occurs_is_computed_where_that_is_less():
    positive, negative = torch.tensor([7, 2, 2]), torch.tensor([9, 7, 40])
    ids, i, j = narrowed(50, positive, negative)
    assert ids.tolist() == [2, 7, 9, 40]
    assert ids[i].equal(positive)
    assert ids[j].equal(negative)
    assert narrowed(6, positive, negative) == (None, positive, negative)


@pytest.mark.parametrize("pairs", [9, 50])
@pytest.mark.parametrize("trained", ["both", "users", "items"])
def test_score_differences_and_their_gradients_are_the_plain_ones(trained, pairs, monkeypatch):
    """A batch that is shorter than both tables together and one that is longer, in blocks that do not come out even."""
    monkeypatch.setattr(pairs_module, "_CACHED", 21)
    torch.manual_seed(0)
    users, items = torch.randn(4, 3, dtype=torch.float64), torch.randn(6, 3, dtype=torch.float64)
    tables = [table for table, name in ((users, "users"), (items, "items")) if trained in ("both", name)]
    for table in tables:
        table.requires_grad_()
    u, i, j = (torch.randint(0, n, (pairs,)) for n in (4, 6, 6))
    weights = torch.randn(pairs, dtype=torch.float64)
    ours = score_differences(users, items, Pairs(u, i, j))
    plain = (users[u] * (items[i] - items[j])).sum(dim=1)
    torch.testing.assert_close(ours, plain)
    for mine, theirs in zip(*(torch.autograd.grad((s * weights).sum(), tables) for s in (ours, plain)), strict=True):
        torch.testing.assert_close(mine, theirs)


@pytest.mark.parametrize("size", [5, 60])
def test_what_was_looked_up_has_the_sum_of_squares_of_its_rows(size):
    torch.manual_seed(0)
    table = torch.randn(20, 3, dtype=torch.float64, requires_grad=True)
    ids = torch.randint(0, 20, (size,))
    short = gathered(table, ids)
    assert len(short) == min(size, 20)
    sums = [matrix.square().sum() for matrix in (short, rows(table, ids))]
    torch.testing.assert_close(*sums)
    torch.testing.assert_close(*(torch.autograd.grad(total, table)[0] for total in sums))


def test_a_table_of_zeros_has_a_norm_with_a_gradient():
    table = torch.zeros(3, 2, requires_grad=True)
    gathered(table, torch.tensor([0, 0, 1, 2])).norm().backward()
    assert table.grad.tolist() == [[0, 0]] * 3


def test_a_kept_gradient_is_that_of_autograd_in_every_step():
    torch.manual_seed(0)
    table = torch.randn(6, 3, requires_grad=True)
    plain = table.detach().clone().requires_grad_()
    gradient, memory = KeptGradient(table), set()
    for _ in range(3):
        i, j, ids = torch.randint(0, 6, (4,)), torch.randint(0, 6, (4,)), torch.randint(0, 6, (5,))
        ours = row_differences(table, i, j, gradient).square().sum() + rows(table, ids, gradient).exp().sum()
        theirs = (plain[i] - plain[j]).square().sum() + plain[ids].exp().sum()
        torch.testing.assert_close(ours, theirs)
        # A pass over the whole table adds to the same matrix.
        (ours + table.sin().sum()).backward()
        (theirs + plain.sin().sum()).backward()
        torch.testing.assert_close(table.grad, plain.grad)
        memory.add(table.grad.data_ptr())
        table.grad = plain.grad = None
    assert len(memory) == 1


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_differences_of_rows_that_are_not_trained(dtype):
    table = torch.tensor([[0, 0], [1, 2], [5, 3]], dtype=dtype)
    found = row_differences(table, torch.tensor([1, 2, 2]), torch.tensor([2, 1, 2]))
    assert found.dtype == dtype
    assert found.tolist() == [[-4, -1], [4, 1], [0, 0]]
