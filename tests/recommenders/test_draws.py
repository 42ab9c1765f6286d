"""Draws by counters: the same in numpy and torch, all different, uniform."""

import numpy as np
import pytest
import torch

from recclaims.recommenders._kernels import draws

N = 100_000


def test_the_numbers_are_those_of_splitmix64():
    """Those of Steele's reference for seed 1234567, as Rosetta Code lists them."""
    drawn = draws.bits(1234567, np.arange(5)).view(np.uint64)
    assert drawn.tolist() == [
        6457827717110365317,
        3203168211198807973,
        9817491932198370423,
        4593380528125082431,
        16408922859458223821,
    ]


def test_numpy_and_torch_draw_the_same():
    keys = np.array([draws.key(seed, draws.NEGATIVES, 3) for seed in range(4)])
    one = draws.bits(keys[:, None], np.arange(1000))
    other = draws.bits(torch.from_numpy(keys)[:, None], torch.arange(1000))
    np.testing.assert_array_equal(one, other.numpy())
    np.testing.assert_array_equal(draws.below(one, 7), draws.below(other, 7).numpy())
    np.testing.assert_array_equal(draws.unit(one), draws.unit(other).numpy())


@pytest.mark.parametrize("n", [0, 1, 2, 3, 1000, 70_000])
@pytest.mark.parametrize("among", [2, 2**31, None], ids=["of two", "alike in their first bits", "all bits"])
def test_equal_bits_keep_their_order(n, among):
    for seed in range(20):
        bits = draws.bits(draws.key(seed, draws.SHUFFLE), np.arange(n))
        bits = bits if among is None else draws.below(bits, among)
        np.testing.assert_array_equal(draws.order(bits), np.argsort(bits, kind="stable"))


def test_more_places_than_are_counted_in_the_last_bits_keep_their_order(monkeypatch):
    monkeypatch.setattr(draws, "_FEW", 999)
    bits = draws.bits(draws.key(1, draws.SHUFFLE), np.arange(1000))
    np.testing.assert_array_equal(draws.order(bits), np.argsort(bits, kind="stable"))


def test_streams_differ_in_seed_purpose_and_epoch():
    keys = {draws.key(*which) for which in np.ndindex(20, 7, 20)}
    assert len(keys) == 20 * 7 * 20
    first = np.array([draws.bits(key, np.arange(3)) for key in keys])
    assert len(np.unique(first)) == first.size


def test_a_place_gives_the_same_whatever_is_drawn_beside_it():
    key = draws.key(0, draws.SHUFFLE)
    np.testing.assert_array_equal(draws.bits(key, np.arange(10))[7:], draws.bits(key, np.arange(7, 10)))


def test_numbers_are_uniform_and_independent_of_their_neighbours():
    drawn = draws.bits(draws.key(1, draws.USERS), np.arange(N))
    counts = np.bincount(draws.below(drawn, 10), minlength=10)
    assert np.abs(counts - N / 10).max() < 5 * np.sqrt(N * 0.1 * 0.9)
    of_unit = draws.unit(drawn)
    assert 0 < of_unit.min() < of_unit.max() < 1
    assert abs(of_unit.mean() - 0.5) < 5 / np.sqrt(12 * N)
    assert abs(np.corrcoef(of_unit[1:], of_unit[:-1])[0, 1]) < 5 / np.sqrt(N)


def test_every_number_below_n_occurs_and_no_other():
    drawn = draws.bits(draws.key(2, draws.ITEMS), np.arange(N))
    ends = np.array([1, 2, 3, 1000])
    for n in ends:
        assert set(np.unique(draws.below(drawn, int(n)))) == set(range(n))
