"""Splits that hold items out altogether."""

import dataclasses
import hashlib
import json

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recclaims.data.catalogue import Item
from recclaims.data.dataset import Dataset, Interactions
from recclaims.data.reference import open_source
from recclaims.data.splits import LEFT_OUT, TEST, TRAIN, VALID, Split, candidates, check_relevant, make_split
from recclaims.errors import DatasetError
from recclaims.plugin_manager import load

from ..drawing import examples
from ..foreign import interactions, table, write_mmrec
from ..toy import write_toy

REGISTRY = load()


def dataset(users, items, n_users, n_items, **more):
    return Dataset(
        name="toy",
        items=[Item(f"i{number}") for number in range(n_items)],
        user_ids=[f"u{number}" for number in range(n_users)],
        interactions=Interactions(np.array(users, dtype=np.int32), np.array(items, dtype=np.int32)),
        **{"strategy": "cold", **more},
    )


def drawn(n_users, n_items, share, seed):
    """Users who had some of the items: a few had none, and so it is with items; but the first user had them all."""
    had = np.random.default_rng(seed).random((n_users, n_items)) < share
    had[0] = True
    had[0, n_items - 3 :] = False
    return dataset(*np.nonzero(had), n_users, n_items)


DATA = st.builds(drawn, st.integers(1, 30), st.integers(23, 90), st.floats(0.0, 0.6), st.integers(0, 2**32 - 1))


def labels_by_pair(data, labels):
    ids = [item.item_id for item in data.items]
    pairs = zip(data.interactions.users, data.interactions.items, labels, strict=True)
    return {(data.user_ids[user], ids[item]): int(label) for user, item, label in pairs}


@examples(150)
@given(data=DATA, seed=st.integers(0, 10_000))
def test_items_are_in_one_part_with_all_their_interactions(data, seed):
    labels = make_split(data, seed).labels
    users, items = data.interactions.users, data.interactions.items
    parts = [np.unique(items[labels == label]) for label in (TRAIN, VALID, TEST)]
    for one, other in ((0, 1), (0, 2), (1, 2)):
        assert not len(np.intersect1d(parts[one], parts[other]))
    # What takes no part is held out, and of users without a train interaction; who has one is left out of nothing.
    trained = np.unique(users[labels == TRAIN])
    left_out = labels == LEFT_OUT
    assert not np.isin(items[left_out], parts[0]).any()
    np.testing.assert_array_equal(left_out, ~np.isin(users, trained))


@examples(150)
@given(data=DATA, seed=st.integers(0, 10_000))
def test_a_tenth_of_the_items_that_anybody_had_is_held_out_and_another_tenth(data, seed):
    labels = make_split(data, seed).labels
    n_had = len(np.unique(data.interactions.items))
    held = int(0.1 * n_had + 0.5)
    # The first user had every item that anybody had but three, so that hardly one is missed for want of a trained user.
    for label in (VALID, TEST):
        assert held - 3 <= len(np.unique(data.interactions.items[labels == label])) <= held
    assert n_had - 2 * held == len(np.unique(data.interactions.items[labels == TRAIN]))


@examples(80)
@given(data=DATA, seed=st.integers(0, 10_000), order=st.randoms(use_true_random=False))
def test_neither_order_decides(data, seed, order):
    """Of the catalogue, the users, the interactions."""
    n_users, n_items, n = len(data.user_ids), len(data.items), len(data.interactions)
    users, items, rows = (order.sample(range(size), size) for size in (n_users, n_items, n))
    moved = dataclasses.replace(
        data,
        user_ids=[data.user_ids[number] for number in users],
        items=[data.items[number] for number in items],
        interactions=Interactions(
            np.argsort(users)[data.interactions.users[rows]].astype(np.int32),
            np.argsort(items)[data.interactions.items[rows]].astype(np.int32),
        ),
    )
    first, second = (labels_by_pair(one, make_split(one, seed).labels) for one in (data, moved))
    assert first == second


def test_the_seed_decides():
    data = drawn(20, 60, 0.3, 0)
    one, same, other = (make_split(data, seed).labels for seed in (3, 3, 4))
    np.testing.assert_array_equal(one, same)
    assert (one != other).any()


def test_over_seeds_every_item_is_held_out_alike():
    """However often it is had: 60 items, 6 of them for test, in 2,000 splits 200 times each."""
    data = drawn(20, 63, 0.3, 0)
    counts = np.zeros(63)
    for seed in range(2_000):
        counts[np.unique(data.interactions.items[make_split(data, seed).labels == TEST])] += 1
    had = np.unique(data.interactions.items)
    held = int(0.1 * len(had) + 0.5)
    expected = 2_000 * held / len(had)
    assert abs(counts[had] - expected).max() < 4.5 * np.sqrt(expected)
    assert counts.sum() == 2_000 * held


def test_a_cold_split_never_changes_unnoticed():
    # Changing the draw changes every stored result: raise splits.COLD_VERSION with this digest.
    labels = make_split(drawn(20, 60, 0.3, 0), 0).labels
    assert hashlib.sha256(labels.tobytes()).hexdigest()[:16] == "3d2dc2f53a2ab43d"


def test_its_recipe_is_that_of_no_other_split():
    data = drawn(20, 60, 0.3, 0)
    assert Split.recipe(data, 1) == {"strategy": "cold", "held_out": 0.1, "seed": 1, "version": 1}
    warm = dataclasses.replace(data, strategy="random")
    # The key under which everybody's results lie.
    assert Split.recipe(warm, 1) == {"strategy": "random", "held_out": 0.1, "seed": 1, "version": 1}


@pytest.mark.parametrize("n_items", [1, 19])
def test_few_items_are_refused_in_one_line(n_items):
    data = dataset(np.arange(100) % 30, np.arange(100) % n_items, 30, 50)
    with pytest.raises(DatasetError, match=f"'toy': .* 20 items with interactions; there are {n_items}$") as caught:
        make_split(data, 0)
    assert "\n" not in str(caught.value)


def test_users_who_had_one_item_each_leave_nothing_to_find():
    """Each of them has nothing in train where that item is held out."""
    with pytest.raises(DatasetError, match="'toy': the valid part of the split is empty"):
        make_split(dataset(np.arange(30), np.arange(30), 30, 30), 0)


def test_what_a_part_is_ranked_among_are_the_items_of_that_part():
    data = drawn(20, 60, 0.3, 0)
    split = make_split(data, 0)
    for part in (split.valid, split.test):
        assert set(np.flatnonzero(candidates(data, part))) == set(data.interactions.items[part])
    assert candidates(dataclasses.replace(data, strategy="random"), split.test) is None


def test_a_split_that_came_with_the_data_may_be_a_cold_one():
    #        user 0 has items 0 and 1 in train; user 2 has none there.
    users, items, parts = [0, 0, 1, 0, 1, 0, 2], [0, 1, 0, 2, 2, 3, 3], [0, 0, 0, 1, 1, 2, 2]
    data = dataset(users, items, 3, 5, given_split=np.array(parts, dtype=np.int8))
    split = make_split(data, 7)
    check_relevant(data, split)
    assert split.labels.tolist() == [0, 0, 0, 1, 1, 2, LEFT_OUT]
    assert Split.recipe(data, 1) == Split.recipe(data, 2)
    assert Split.recipe(data, 1) != Split.recipe(dataclasses.replace(data, strategy="random"), 1)
    assert data.card()["split"] == "given, cold"
    with pytest.raises(DatasetError, match=r"1 of 1 items of the validation part are not in train .* split = 'cold'"):
        check_relevant(dataclasses.replace(data, strategy="random"), split)


def test_a_given_split_that_is_not_cold_is_not_taken_for_one():
    users, items, parts = [0, 0, 0, 0, 1], [0, 1, 2, 3, 2], [0, 0, 1, 2, 0]
    data = dataset(users, items, 2, 4, given_split=np.array(parts, dtype=np.int8))
    with pytest.raises(DatasetError, match=r"1 items of its validation part are in train, too \('i2'\)"):
        check_relevant(data, make_split(data, 0))


def parts_of(data):
    """The items of each part."""
    labels = make_split(data, 0).labels
    return [set(data.interactions.items[labels == label].tolist()) for label in (TRAIN, VALID, TEST)]


def test_whoever_chooses_a_split_may_choose_this_one(tmp_path):
    """In dataset.toml, behind a question mark, and in a program: the same of the same data."""
    said = write_toy(tmp_path / "said", split="cold")
    plain = write_toy(tmp_path / "plain")
    opened = [open_source(str(said), REGISTRY), open_source(f"{plain}?split=cold", REGISTRY)]
    assert [one.name for one in opened] == ["toy", "toy?split=cold"]
    catalogue = [json.loads(line) for line in (plain / "items.jsonl").read_text().splitlines()]
    made = Dataset.of("toy", pl.read_csv(plain / "interactions.csv"), pl.DataFrame(catalogue), split="cold")
    read = [one.load() for one in opened] + [made]
    first, *others = (labels_by_pair(data, make_split(data, 0).labels) for data in read)
    assert all(other == first for other in others)
    # What is said behind a question mark counts more.
    assert open_source(f"{said}?split=random", REGISTRY).load().strategy == "random"
    train, valid, test = parts_of(read[0])
    assert len(valid) == len(test) == 5
    assert not train & (valid | test)


def write_parts(folder, part_of):
    """An MMRec folder whose interactions are in the parts that are said, of user, item and part."""
    write_mmrec(folder)
    users, items, ratings, times, parts = interactions()
    columns = [users, items, ratings, times, part_of(users, items, parts)]
    (folder / f"{folder.name}.inter").write_text(table(columns, ["userID", "itemID", "rating", "timestamp", "x_label"]))
    return folder


def test_another_program_s_split_may_be_a_cold_one(tmp_path):
    folder = write_parts(tmp_path / "baby", lambda users, items, parts: np.select([items < 36, items < 42], [0, 1], 2))
    data = open_source(f"{folder}?split=cold", REGISTRY).load()
    check_relevant(data, make_split(data, 0))
    train, valid, test = parts_of(data)
    assert (len(valid), len(test)) == (6, 6)
    assert not train & (valid | test)
    message = r"baby\.inter: .* items of the validation part are not in train .* or split = 'cold', if these"
    with pytest.raises(DatasetError, match=message):
        open_source(str(folder), REGISTRY).load()


def test_another_program_s_split_that_is_none_names_its_file(tmp_path):
    folder = write_parts(tmp_path / "baby", lambda users, items, parts: parts)
    with pytest.raises(DatasetError, match=r"baby\.inter: split is 'cold', but .* 48 items of its validation part"):
        open_source(f"{folder}?split=cold", REGISTRY).load()
