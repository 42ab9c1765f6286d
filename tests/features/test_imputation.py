"""What stands in for features that items lack, beside the same by dense sums over all pairs."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recclaims.features.imputation import IMPUTED, NEIGHBOURS, Incomplete, impute

#: Those that draw nothing.
FIXED = sorted(set(IMPUTED) - {"random"})


def case(seed, n_items=30, n_users=40, pairs=200, lacks=0.4):
    random = np.random.default_rng(seed)
    flags = random.random(n_items) < lacks
    flags[:2] = False, True
    matrix = random.normal(size=(n_items, 5)).astype(np.float32)
    matrix[flags] = np.nan  # whoever reads them is found out
    users, items = random.integers(n_users, size=pairs), random.integers(n_items, size=pairs)
    return Incomplete(matrix, flags, users, items, seed)


def cosines(one):
    """Of the items' users in train, all pairs; no item with itself."""
    has = np.zeros((len(one.matrix), int(one.users.max()) + 1))
    has[one.items, one.users] = 1
    lengths = np.sqrt(has.sum(axis=1))
    found = has @ has.T / np.maximum(np.outer(lengths, lengths), 1)
    np.fill_diagonal(found, 0)
    return found


def nearest(row):
    """Which entries of a row are above zero and as large as the last of the largest NEIGHBOURS."""
    last = np.sort(row)[-NEIGHBOURS] if len(row) > NEIGHBOURS else 0
    return (row > 0) & (row >= last - 1e-12)


@pytest.mark.parametrize("how", sorted(IMPUTED))
@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=25, deadline=None)
def test_what_is_known_stays_and_the_rest_is_finite(how, seed):
    one = case(seed)
    made = impute(how, one)
    assert made.dtype == np.float32
    np.testing.assert_array_equal(made[~one.lacks], one.known)
    assert np.isfinite(made).all()


@pytest.mark.parametrize("how", FIXED)
@given(seed=st.integers(0, 2**32 - 1), other=st.integers(0, 2**32 - 1))
@settings(max_examples=25, deadline=None)
def test_the_order_of_items_users_and_interactions_decides_nothing(how, seed, other):
    one, random = case(seed, n_items=60, pairs=500), np.random.default_rng(other)
    items, users = random.permutation(60), random.permutation(40)
    rows = random.permutation(len(one.users))
    place = np.argsort(items)
    moved = Incomplete(one.matrix[items], one.lacks[items], users[one.users[rows]], place[one.items[rows]], seed)
    np.testing.assert_allclose(impute(how, moved), impute(how, one)[items], rtol=1e-5, atol=1e-6)


@given(seed=st.integers(0, 2**32 - 1), n_items=st.sampled_from([8, 30, 90]), pairs=st.integers(5, 400))
@settings(max_examples=40, deadline=None)
def test_neighbours_are_the_known_items_that_share_most_users(seed, n_items, pairs):
    one = case(seed, n_items=n_items, pairs=pairs)
    made, alike = impute("neighbours", one), cosines(one)
    for item in np.flatnonzero(one.lacks):
        among = nearest(alike[item, ~one.lacks])
        wanted = one.known[among].mean(axis=0) if among.any() else one.known.mean(axis=0)
        np.testing.assert_allclose(made[item], wanted, rtol=1e-4, atol=1e-5)


@given(seed=st.integers(0, 2**32 - 1), n_items=st.sampled_from([8, 30, 90]), pairs=st.integers(5, 400))
@settings(max_examples=40, deadline=None)
def test_what_is_propagated_is_the_mean_of_its_neighbours(seed, n_items, pairs):
    """The dense system, solved: of items that have a way to one with features."""
    one = case(seed, n_items=n_items, pairs=pairs)
    made, alike = impute("propagated", one).astype(np.float64), cosines(one)
    weights = np.array([np.where(nearest(row), row, 0) for row in alike])
    linked = weights > 0
    reached = ~one.lacks
    for _ in range(n_items):
        reached = reached | (linked & reached).any(axis=1)
    lost = ~reached
    np.testing.assert_allclose(
        made[lost], np.repeat(one.known.mean(axis=0)[None], lost.sum(), axis=0), rtol=1e-4, atol=1e-5
    )
    system, right = np.eye(n_items), np.where(one.lacks[:, None], 0, np.nan_to_num(one.matrix))
    for item in np.flatnonzero(one.lacks & reached):
        system[item] -= weights[item] / weights[item].sum()
    right[lost] = one.known.mean(axis=0)
    np.testing.assert_allclose(made, np.linalg.solve(system, right), rtol=1e-3, atol=1e-3)


def test_a_drawn_row_is_somebodys_and_another_in_each_replicate():
    one = case(3)
    made = impute("random", one)[one.lacks]
    assert all((row == one.known).all(axis=1).any() for row in made)
    np.testing.assert_array_equal(made, impute("random", one)[one.lacks])
    assert (made != impute("random", replace(one, seed=4))[one.lacks]).any()


def test_nobody_is_filled_in_where_nobody_lacks_anything():
    one = replace(case(0), lacks=np.zeros(30, dtype=bool), matrix=np.ones((30, 5), dtype=np.float32))
    for how in IMPUTED:
        np.testing.assert_array_equal(impute(how, one), one.matrix)


def test_a_pair_that_is_there_twice_is_one_user():
    one = case(5)
    twice = replace(one, users=np.tile(one.users, 2), items=np.tile(one.items, 2))
    np.testing.assert_array_equal(impute("neighbours", twice), impute("neighbours", one))
