"""Dropout of whole nodes: what is left out of one depends on it and the step alone."""

import numpy as np
import pytest
import torch

from recclaims.recommenders._kernels import draws
from recclaims.recommenders._kernels.dropout import kept, kept_by_cell

KEY = draws.key(3, draws.DROPOUT, 7, 0)
NODES = torch.arange(1000)
SIZES = [1, 4, 7, 64]


@pytest.mark.parametrize("size", SIZES)
def test_a_node_loses_the_same_in_whatever_company(size):
    everything = kept(KEY, NODES, size, 0.3)
    assert everything.shape == (1000, size)
    some = torch.tensor([999, 3, 3, 500])
    torch.testing.assert_close(kept(KEY, some, size, 0.3), everything[some])


@pytest.mark.parametrize("size", SIZES)
def test_cells_beside_each_other_lose_what_each_would_alone(size):
    keys = [draws.key(seed, draws.DROPOUT, 7, 0) for seed in range(3)]
    nodes = torch.stack([NODES[:50], NODES[50:100], NODES[:50].flip(0)])
    together = kept_by_cell(torch.tensor(keys), nodes, size, 0.3)
    for cell, (key, of_cell) in enumerate(zip(keys, nodes, strict=True)):
        torch.testing.assert_close(together[cell], kept(key, of_cell, size, 0.3))


@pytest.mark.parametrize("rate", [0.0, 0.1, 0.5, 0.9])
def test_as_many_are_left_out_as_asked_whatever_the_node_and_the_number(rate):
    found = kept(KEY, NODES, 64, rate).numpy()
    for axis, n in ((None, found.size), (0, len(found)), (1, found.shape[1])):
        share = 1 - found.mean(axis=axis)
        assert np.abs(share - rate).max() <= 5.5 * np.sqrt(rate * (1 - rate) / n)


def test_another_step_leaves_out_others():
    others = [kept(draws.key(3, draws.DROPOUT, step, 0), NODES, 64, 0.5).numpy() for step in range(4)]
    first = others[0]
    for other in others[1:]:
        assert (first == other).mean() == pytest.approx(0.5, abs=0.02)
