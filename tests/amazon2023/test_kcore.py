import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recclaims.amazon2023.kcore import k_core


def fixpoint(pairs, k):
    """One user or item at a time, in plain Python."""
    left = set(pairs)
    while True:
        for position in (0, 1):
            for who in {pair[position] for pair in left}:
                mine = {pair for pair in left if pair[position] == who}
                if len(mine) < k:
                    left -= mine
                    break
            else:
                continue
            break
        else:
            return left


PAIRS = st.sets(st.tuples(st.integers(0, 7), st.integers(0, 7)), max_size=50).map(sorted)


@given(PAIRS, st.integers(1, 6), st.randoms())
def test_it_is_the_fixpoint(pairs, k, random):
    random.shuffle(pairs)
    users, items = (np.array([pair[i] for pair in pairs], dtype=np.int32) for i in (0, 1))
    mask = k_core(users, items, k)
    assert mask.dtype == bool
    assert {pair for pair, kept in zip(pairs, mask, strict=True) if kept} == fixpoint(pairs, k)


@given(PAIRS, st.integers(1, 4), st.data())
def test_the_core_of_a_part_lies_within_the_core_of_the_whole(pairs, k, data):
    part = data.draw(st.lists(st.sampled_from(pairs), unique=True)) if pairs else []

    def core(of):
        users, items = (np.array([pair[i] for pair in of], dtype=np.int32) for i in (0, 1))
        return {pair for pair, kept in zip(of, k_core(users, items, k), strict=True) if kept}

    assert core(part) <= core(pairs)


@pytest.mark.parametrize(("k", "left"), [(1, 13), (2, 9), (3, 9), (4, 0)])
def test_a_tail_falls_off_link_by_link(k, left):
    # A block of 3 x 3, and a chain that hangs on it: each link has two until the next one is gone.
    block = [(u, i) for u in range(3) for i in range(3)]
    chain = [(2, 3), (3, 3), (3, 4), (4, 4)]
    users, items = np.array(block + chain, dtype=np.int32).T
    assert k_core(users, items, k).sum() == left
