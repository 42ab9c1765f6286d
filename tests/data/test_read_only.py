"""One item is given to every encoder of a process: what one does to it must not reach the next."""

import copy
import json
import pickle

import numpy as np
import pytest

from recclaims.data.catalogue import Item
from recclaims.errors import FeatureError
from recclaims.features.extraction import extract

CHANGES = [
    lambda mapping: mapping.update(a=("z",)),
    lambda mapping: mapping.pop("a"),
    lambda mapping: mapping.popitem(),
    lambda mapping: mapping.clear(),
    lambda mapping: mapping.setdefault("b", ("z",)),
    lambda mapping: mapping.__setitem__("a", ("z",)),
    lambda mapping: mapping.__delitem__("a"),
    lambda mapping: mapping.__ior__({"a": ("z",)}),
    lambda mapping: mapping["a"].append("z"),
]
COPIES = [lambda one: one, copy.deepcopy, lambda one: pickle.loads(pickle.dumps(one))]  # noqa: S301


def item():
    return Item("i", "A title", attributes={"a": ["x", "y"]}, answers={"a": "x"})


@pytest.mark.parametrize("change", CHANGES, ids=range(len(CHANGES)))
@pytest.mark.parametrize("copied", COPIES)
def test_an_encoder_cannot_change_what_the_next_one_sees(change, copied):
    one = copied(item())
    assert one == item()

    class Meddling:
        name, modality, version = "meddling", "textual", "1"

        def encode(self, items):
            change(items[0].attributes)
            return np.ones((len(items), 2), dtype=np.float32)

    with pytest.raises(FeatureError, match="encoder 'meddling' failed"):
        extract(Meddling(), [one])
    if change is not CHANGES[-1]:
        with pytest.raises(TypeError, match="read-only; change a copy"):
            change(one.answers)
    assert one == item()


def test_a_read_only_mapping_is_a_mapping():
    one = item()
    assert one.attributes == {"a": ("x", "y")} == dict(one.attributes)
    assert json.loads(json.dumps(one.attributes)) == {"a": ["x", "y"]}
    assert {**one.attributes, "b": ()} == one.attributes | {"b": ()} == {"a": ("x", "y"), "b": ()}
    mine = copy.copy(dict(one.attributes))
    mine["a"] = ()
    assert one.attributes["a"] == ("x", "y")


def test_the_list_of_items_is_the_encoder_s_own():
    class Emptying:
        name, modality, version = "emptying", "textual", "1"

        def prepare(self, items):
            if isinstance(items, list):
                items.clear()

        def encode(self, items):
            return np.ones((len(items), 2), dtype=np.float32)

    items = [item(), item()]
    assert len(extract(Emptying(), items).matrix) == len(items) == 2
