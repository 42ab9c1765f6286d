import numpy as np
import pytest

from recclaims.data.catalogue import Item
from recclaims.data.categories import categories, category_slot
from recclaims.data.dataset import Dataset, Interactions


def dataset(*attributes, category=None):
    items = [Item(str(i), attributes=slots) for i, slots in enumerate(attributes)]
    none = np.zeros(0, dtype=np.int32)
    return Dataset("toy", items, [], Interactions(none, none), category=category)


FEW = {"maker": ("m",), "colour": ("red", "blue"), "category": ("cup",), "all": ("x",)}
MANY = {"maker": ("n",), "colour": ("blue",), "category": ("mug",), "all": ("x", "y")}
THIRD = {"maker": ("o",), "colour": ("red",), "category": ("pot",)}


@pytest.mark.parametrize(
    ("slots", "named", "expected"),
    [
        (("maker", "colour", "category"), None, "category"),
        (("maker", "colour", "category"), "maker", "maker"),
        (("maker", "colour"), None, "colour"),  # two first values against three
        (("maker", "all"), None, "maker"),  # `all` tells nothing apart
        (("all",), None, None),
        ((), None, None),
    ],
)
def test_the_slot(slots, named, expected):
    made = dataset(*({s: v for s, v in one.items() if s in slots} for one in (FEW, MANY, THIRD)), category=named)
    assert category_slot(made) == expected


def test_it_is_the_first_value_and_items_without_one_are_a_category():
    made = categories(dataset({"genre": ("b", "a")}, {"genre": ("a", "b")}, {}, {"genre": ("b",)}, {"genre": ()}))
    assert made[0] == made[3]
    assert made[2] == made[4]
    assert len(set(made)) == 3
    assert made.dtype == np.int64


def test_one_category_is_none():
    assert categories(dataset({"genre": ("a",)}, {"genre": ("a", "b")})) is None
    assert categories(dataset({}, {})) is None
    assert categories(dataset({"genre": ("a",)}, {"genre": ("a",)}, category="genre")) is None
