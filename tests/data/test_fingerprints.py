"""Different catalogues never share a fingerprint, however their texts would read when joined."""

from itertools import combinations

import numpy as np

from recclaims.data.catalogue import Item
from recclaims.data.dataset import Dataset, Interactions


def dataset(items, users=("u",), **more):
    return Dataset("d", items, users, Interactions(np.zeros(1, np.int32), np.zeros(1, np.int32)), **more)


def test_catalogues_that_read_alike_when_joined_have_fingerprints_of_their_own():
    items = [
        Item("i", attributes={"a": ("b=c",)}),
        Item("i", attributes={"a=b": ("c",)}),
        Item("i", attributes={"a:b": ("c",)}),
        Item("i", attributes={"a": ("b", "c")}),
        Item("i", attributes={"a": ("b\0a=c",)}),
        Item("i", answers={"a": "b:c"}),
        Item("i", answers={"a:b": "c"}),
        Item("i", answers={"a=b": "c"}),
        Item("i", domain="a"),
        Item("i", attributes={"domain": ("a",)}),
        Item("i", title="a=b"),
        Item("i", title="a", description="b=c"),
        Item("i", title="a\0b=c"),
        Item("i", description="a=b"),
    ]
    found = [dataset([item]).catalogue_fingerprint for item in items]
    same = [pair for pair in combinations(range(len(items)), 2) if found[pair[0]] == found[pair[1]]]
    assert not same


def test_the_order_of_slots_does_not_count():
    items = [Item("i", attributes={"a": ("x",), "b": ("y",)}), Item("i", attributes={"b": ("y",), "a": ("x",)})]
    assert dataset(items[:1]).catalogue_fingerprint == dataset(items[1:]).catalogue_fingerprint


def test_users_and_items_are_told_apart():
    one, other = dataset([Item("c")], ("a", "b")), dataset([Item("b"), Item("c")], ("a",))
    assert one.fingerprint != other.fingerprint


def test_parameters_are_told_apart():
    one, other = dataset([Item("i")], parameters={"a=1": 2}), dataset([Item("i")], parameters={"a": "1=2"})
    joined = dataset([Item("i")], parameters={"a": 1, "b": 2})
    assert len({each.fingerprint for each in (one, other, joined)}) == 3
