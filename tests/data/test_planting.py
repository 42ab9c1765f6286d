import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recclaims.data import planting
from recclaims.data.planting import LEAST, MOST, deal, popularity_ranks, simulate

from ..drawing import examples

N_ITEMS = 200


def share_of_favourite(groups, dose, n_users=600, seed=0):
    """Mean over users of the share of their items that is of their most frequent group."""
    users, items = simulate(groups, dose, n_users, seed)
    counts = np.zeros((n_users, groups.max() + 1))
    np.add.at(counts, (users, groups[items]), 1)
    return float((counts.max(axis=1) / counts.sum(axis=1)).mean())


@examples(20)
@given(seed=st.integers(0, 1000), n_groups=st.integers(1, 50))
def test_at_dose_0_the_interactions_do_not_depend_on_the_groups(seed, n_groups):
    one = simulate(deal(N_ITEMS, n_groups, seed), 0.0, 30, seed)
    for groups in (np.zeros(N_ITEMS, dtype=np.int64), np.arange(N_ITEMS) // 7, deal(N_ITEMS, n_groups, seed + 1)):
        other = simulate(groups, 0.0, 30, seed)
        np.testing.assert_array_equal(one[0], other[0])
        np.testing.assert_array_equal(one[1], other[1])


def test_the_dose_raises_the_share_of_the_favourite_group():
    groups = deal(N_ITEMS, 8, 0)
    shares = [share_of_favourite(groups, dose) for dose in (0.0, 0.25, 0.5, 0.75, 1.0)]
    assert (np.diff(shares) > 0.02).all()
    # Other groups than the ones that acted are no more concentrated than at dose 0.
    users, items = simulate(groups, 1.0, 600, 0)
    shuffled = deal(N_ITEMS, 8, 99)
    counts = np.zeros((600, 8))
    np.add.at(counts, (users, shuffled[items]), 1)
    assert (counts.max(axis=1) / counts.sum(axis=1)).mean() == pytest.approx(shares[0], abs=0.02)


def test_popularity_has_a_long_tail_that_is_not_in_the_order_of_the_items():
    _, items = simulate(deal(N_ITEMS, 8, 0), 0.0, 2000, 0)
    counts = np.bincount(items, minlength=N_ITEMS)
    top = np.sort(counts)[::-1]
    assert top[: N_ITEMS // 10].sum() > 0.25 * counts.sum()  # 0.1 where all are alike
    assert top[0] > 8 * top[-1]
    assert abs(np.corrcoef(counts, np.arange(N_ITEMS))[0, 1]) < 0.25


def test_tastes_are_shared_so_that_others_predict_them():
    """At dose 0 the leading directions of users by items still explain more than in chance data."""
    n_users = 500
    users, items = simulate(deal(N_ITEMS, 8, 0), 0.0, n_users, 0)
    matrix = np.zeros((n_users, N_ITEMS))
    matrix[users, items] = 1
    chance = matrix.copy()
    random = np.random.default_rng(0)
    probability = matrix.mean(axis=0) / matrix.sum()
    for row, n_taken in zip(chance, matrix.sum(axis=1).astype(int), strict=True):
        row[:] = 0
        row[random.choice(N_ITEMS, n_taken, replace=False, p=probability / probability.sum())] = 1
    spectra = [np.linalg.svd(m - m.mean(axis=0), compute_uv=False) for m in (matrix, chance)]
    explained = [(s[: planting.RANK] ** 2).sum() / (s**2).sum() for s in spectra]
    assert explained[0] > explained[1] + 0.1


def test_pairs_are_sorted_once_each_and_no_user_is_empty():
    users, items = simulate(deal(N_ITEMS, 8, 0), 0.5, 1500, 0)  # more than one block
    pairs = users.astype(np.int64) * N_ITEMS + items
    assert (np.diff(pairs) > 0).all()
    counts = np.bincount(users, minlength=1500)
    assert counts.min() >= LEAST
    assert counts.max() <= MOST * N_ITEMS
    assert users.dtype == items.dtype == np.int32


def test_fewer_users_are_the_first_of_more():
    groups = deal(N_ITEMS, 8, 0)
    few, many = simulate(groups, 0.5, 700, 5), simulate(groups, 0.5, 1500, 5)
    np.testing.assert_array_equal(few[0], many[0][: len(few[0])])
    np.testing.assert_array_equal(few[1], many[1][: len(few[1])])


def test_groups_are_dealt_evenly():
    assert set(np.bincount(deal(83, 8, 0))) == {10, 11}
    assert (deal(83, 8, 0) != deal(83, 8, 1)).any()


def test_another_crowd_likes_the_same_items():
    groups = deal(N_ITEMS, 8, 0)
    one, other = simulate(groups, 0.5, 2000, 4, crowd=1), simulate(groups, 0.5, 2000, 4, crowd=2)
    counts = [np.bincount(items, minlength=N_ITEMS) for _, items in (one, other)]
    assert np.corrcoef(*counts)[0, 1] > 0.95
    assert len(one[1]) != len(other[1]) or (one[1] != other[1]).any()
    elsewhere = np.bincount(simulate(groups, 0.5, 2000, 5, crowd=1)[1], minlength=N_ITEMS)
    assert np.corrcoef(counts[0], elsewhere)[0, 1] < 0.5


def test_a_dose_of_each_item_acts_on_these_alone():
    """Where the less popular half alone has a dose, users keep to a group there, and not among the others."""
    groups, popular = deal(N_ITEMS, 8, 0), popularity_ranks(N_ITEMS, 0) < N_ITEMS // 2
    users, items = simulate(groups, np.where(popular, 0.0, 1.0), 600, 0)
    shares = []
    for half in (popular, ~popular):
        of_half = half[items]
        counts = np.zeros((600, 8))
        np.add.at(counts, (users[of_half], groups[items[of_half]]), 1)
        n = counts.sum(axis=1)
        some = n > 1
        shares.append(((counts * (counts - 1)).sum(axis=1)[some] / (n * (n - 1))[some]).mean())
    assert shares[1] > 1.5 * shares[0]
    assert shares[0] == pytest.approx(1 / 8, abs=0.04)


def test_one_dose_for_all_is_the_same_as_for_each():
    groups = deal(N_ITEMS, 8, 0)
    for one, other in zip(simulate(groups, 0.5, 50, 3), simulate(groups, np.full(N_ITEMS, 0.5), 50, 3), strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_first_by_popularity_are_taken_most():
    _, items = simulate(deal(N_ITEMS, 8, 0), 0.0, 2000, 0)
    counts = np.bincount(items, minlength=N_ITEMS)[np.argsort(popularity_ranks(N_ITEMS, 0))]
    assert counts[:20].mean() > 3 * counts[-20:].mean()
