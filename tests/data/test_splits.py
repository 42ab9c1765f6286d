import dataclasses
import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recclaims.data.catalogue import Item
from recclaims.data.dataset import Dataset, Interactions
from recclaims.data.splits import Split, check_relevant, make_split, relevant
from recclaims.errors import DatasetError

from ..drawing import examples


def dataset(counts, strategy="random", timestamps=None, ratings=None):
    users = np.repeat(np.arange(len(counts)), counts).astype(np.int32)
    items = np.concatenate([np.arange(n) for n in counts]).astype(np.int32)
    return Dataset(
        name="toy",
        items=[Item(str(i)) for i in range(max(counts))],
        user_ids=[str(u) for u in range(len(counts))],
        interactions=Interactions(users, items, ratings, timestamps),
        strategy=strategy,
    )


def per_user(data, labels, label):
    return np.bincount(data.interactions.users[labels == label], minlength=len(data.user_ids))


@examples(80)
@given(counts=st.lists(st.integers(1, 60), min_size=1, max_size=12), seed=st.integers(0, 1000))
def test_every_user_is_split_80_10_10(counts, seed):
    data = dataset([30, *counts])
    labels = make_split(data, seed).labels
    assert set(labels) == {0, 1, 2}
    expected = [max(1, int(0.1 * n + 0.5)) if n >= 3 else 0 for n in [30, *counts]]
    assert per_user(data, labels, 1).tolist() == expected
    assert per_user(data, labels, 2).tolist() == expected
    assert (per_user(data, labels, 0) >= 1).all()


def test_the_parts_are_a_partition():
    split = make_split(dataset([20, 5, 40]), 0)
    together = np.concatenate([split.train, split.valid, split.test])
    assert sorted(together) == list(range(65))


def test_the_seed_decides():
    data = dataset([50] * 20)
    one, same, other = (make_split(data, seed).labels for seed in (3, 3, 4))
    np.testing.assert_array_equal(one, same)
    assert (one != other).any()


def test_a_split_never_changes_unnoticed():
    # Changing the draw changes every stored result: raise splits.VERSION with this digest.
    labels = make_split(dataset([50] * 20), 0).labels
    assert hashlib.sha256(labels.tobytes()).hexdigest()[:16] == "dd97a9db7bd8b8db"


@examples(50)
@given(seed=st.integers(0, 1000), distinct=st.integers(3, 50))
def test_a_temporal_split_holds_out_the_latest(seed, distinct):
    counts = [30, 12, 4]
    times = np.random.default_rng(seed).integers(0, distinct, sum(counts)).astype(np.float64)
    data = dataset(counts, "temporal", times)
    labels = make_split(data, seed).labels
    for user in range(3):
        mine = data.interactions.users == user
        train, valid, test = (times[mine & (labels == label)] for label in range(3))
        assert train.max() <= valid.min()
        assert valid.max() <= test.min()


def test_equal_times_are_ordered_by_the_seed():
    data = dataset([50], "temporal", np.r_[1.0, np.zeros(49)][::-1])
    assert (make_split(data, 0).labels != make_split(data, 1).labels).any()


def test_a_temporal_split_without_times_is_refused():
    with pytest.raises(DatasetError, match="'toy': a temporal split needs a timestamp column"):
        make_split(dataset([30], "temporal"), 0)


def test_an_empty_part_is_refused():
    with pytest.raises(DatasetError, match="'toy': the valid part of the split is empty"):
        make_split(dataset([2, 2]), 0)


def test_a_given_split_is_used_whatever_the_seed():
    given_split = np.array([0, 0, 1, 2], dtype=np.int8)
    data = dataclasses.replace(dataset([4]), given_split=given_split)
    np.testing.assert_array_equal(make_split(data, 9).labels, given_split)
    assert Split.recipe(data, 1) == Split.recipe(data, 2)


def test_relevance_is_a_threshold_on_ratings():
    data = dataset([4], ratings=np.array([1, 4, 3, 5], dtype=np.float32))
    everything = np.arange(4)
    assert relevant(data, everything).all()
    data = dataclasses.replace(data, relevance=4.0)
    assert relevant(data, everything).tolist() == [False, True, False, True]
    assert relevant(data, np.array([3, 0])).tolist() == [True, False]


def test_a_temporal_split_of_equal_times_is_refused():
    """It would be the random one by another name."""
    same, differing = np.zeros(10), np.arange(10.0)
    data = dataset([10] * 3, "temporal", np.concatenate([same, same, differing]))
    message = "2 of 3 users have one timestamp for all of theirs; write 'random'"
    with pytest.raises(DatasetError, match=message):
        make_split(data, 0)
    drawn = make_split(dataclasses.replace(data, strategy="random"), 0)
    with pytest.raises(DatasetError, match=message):
        check_relevant(data, drawn)  # as one that was stored


def test_the_card_counts_users_whom_time_does_not_split():
    same, differing = np.zeros(10), np.arange(10.0)
    data = dataset([10, 10, 10, 2], "temporal", np.concatenate([same, differing, differing, same[:2]]))
    make_split(data, 0)
    assert data.card()["users_of_one_time"] == 1
    assert "users_of_one_time" not in dataclasses.replace(data, strategy="random").card()
