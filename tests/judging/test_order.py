"""Rank correlations with their intervals, beside sums over ranks, and how often these miss."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recclaims.judging.order import LEAST, rank_correlation

NUMBERS = st.lists(st.integers(-5, 5), min_size=2 * LEAST, max_size=2 * LEAST)


def ranks(values):
    return [sum(other < one for other in values) + (sum(other == one for other in values) - 1) / 2 for one in values]


@settings(max_examples=200, deadline=None)
@given(NUMBERS)
def test_it_is_the_correlation_of_ranks(numbers):
    first, second = numbers[:LEAST], numbers[LEAST:]
    found = rank_correlation(first, second)
    if len(set(first)) == 1 or len(set(second)) == 1:
        assert found is None
        return
    assert found.rho == pytest.approx(np.corrcoef(ranks(first), ranks(second))[0, 1])
    assert -1 < found.low <= found.rho + 0.01
    assert found.rho - 0.01 <= found.high < 1
    mirrored = rank_correlation(first, [-one for one in second])
    assert (mirrored.rho, mirrored.low, mirrored.high) == pytest.approx((-found.rho, -found.high, -found.low))


@settings(max_examples=50, deadline=None)
@given(NUMBERS, st.randoms())
def test_the_order_in_which_encoders_stand_decides_nothing(numbers, random):
    pairs = list(zip(numbers[:LEAST], numbers[LEAST:], strict=True))
    moved = random.sample(pairs, len(pairs))
    one, other = (rank_correlation(*zip(*these, strict=True)) for these in (pairs, moved))
    assert (one is None) == (other is None)
    if one:
        assert (one.rho, one.low, one.high) == pytest.approx((other.rho, other.low, other.high))


def test_equal_orders_leave_room():
    """Six that agree may be six of many that agree less."""
    found = rank_correlation(range(6), range(6))
    assert found.rho == 1
    assert 0.3 < found.low < 0.9
    assert found.high < 1


def test_a_few_say_nothing():
    with pytest.raises(ValueError, match="5 of at least 6"):
        rank_correlation(range(5), range(5))


@pytest.mark.parametrize("count", [6, 8, 20])
@pytest.mark.parametrize("truth", [0.0, 0.6, 0.9])
def test_the_interval_holds_the_true_correlation(count, truth):
    """The rho of the population follows from that of the normal pairs."""
    random, draws = np.random.default_rng(0), 600
    rho = 6 / math.pi * math.asin(truth / 2)
    first = random.normal(size=(draws, count))
    second = truth * first + math.sqrt(1 - truth**2) * random.normal(size=(draws, count))
    found = [rank_correlation(*pair) for pair in zip(first.tolist(), second.tolist(), strict=True)]
    assert np.mean([one.low <= rho <= one.high for one in found]) > 0.92
    if not truth:
        assert np.mean([one.low > 0 for one in found]) < 0.04
