import json

import pytest

from recclaims.amazon2023 import faults as kinds
from recclaims.amazon2023.faults import Faults
from recclaims.amazon2023.metadata import read_metadata

from .raw import product, write


def read(tmp_path, records, reviewed=("B1", "B2", "B3"), wanted=("B1", "B2"), most=100):
    faults = Faults(most)
    found = read_metadata(write(tmp_path / "meta.jsonl.gz", records), set(reviewed), set(wanted), faults)
    return found, {kind: count for (_, kind), count in faults.counts.items()}


def test_a_product_as_the_dataset_has_it(tmp_path):
    found, bad = read(
        tmp_path, [product("B1", 2), product("B3", 0, title="", description=[], features=[]), product("B9")]
    )
    assert bad == {}
    assert found.lines == 3
    assert found.known == {"B1", "B3"}
    assert found.with_text == found.with_image == {"B1"}
    assert list(found.products) == ["B1"]
    one = found.products["B1"]
    assert (one.title, one.description) == ("Product B1", "A thing. It is soft.")
    assert one.categories == ("Nursery", "Bedding")
    assert one.image_url == "https://m.media-amazon.com/B10.jpg"


@pytest.mark.parametrize(
    ("changes", "field", "expected"),
    [
        ({"description": []}, "description", "Soft"),
        ({"description": [], "features": []}, "description", ""),
        ({"description": "One text.\n\n Of two."}, "description", "One text. Of two."),
        ({"description": ["A\0B", None, " "]}, "description", "A B"),
        ({"title": None}, "title", ""),
        ({"title": "cut \ud83d"}, "title", "cut ?"),
        ({"categories": []}, "categories", ()),
        ({"categories": None}, "categories", ()),
        ({"categories": ["Baby Products"]}, "categories", ("Baby Products",)),
        ({"categories": ["Baby", "Toys", "Toys"]}, "categories", ("Toys",)),
        ({"images": []}, "image_url", ""),
        ({"images": None}, "image_url", ""),
        ({"images": [{"variant": "MAIN", "large": None, "hi_res": None, "thumb": None}]}, "image_url", ""),
        ({"images": [{"variant": "MAIN", "large": None, "hi_res": "h", "thumb": "t"}]}, "image_url", "h"),
        ({"images": [{"variant": "MAIN", "large": "", "thumb": "t"}]}, "image_url", "t"),
        ({"images": [{"variant": "PT01", "large": "a"}, {"variant": "MAIN", "large": "b"}]}, "image_url", "b"),
        ({"images": [{"variant": "PT01", "large": "a"}, {"variant": "MAIN", "large": None}]}, "image_url", "a"),
        ({"images": {"variant": ["PT01", "MAIN"], "large": ["a", "b"], "hi_res": [None]}}, "image_url", "b"),
    ],
)
def test_what_is_empty_or_of_another_form(tmp_path, changes, field, expected):
    found, bad = read(tmp_path, [product("B1", **changes)])
    assert bad == {}
    assert getattr(found.products["B1"], field) == expected


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        (product(...), kinds.MISSING),
        (product(["B1"]), kinds.WRONG_TYPE),
        (product("B1", title=3), kinds.WRONG_TYPE),
        (product("B1", description={"a": 1}), kinds.WRONG_TYPE),
        (product("B1", features=[1]), kinds.WRONG_TYPE),
        (product("B1", images="x"), kinds.WRONG_TYPE),
        (product("B1", images=["x"]), kinds.WRONG_TYPE),
        (product("B1", images=[{"large": 3}]), kinds.WRONG_TYPE),
        (product("B1", images={"large": "x"}), kinds.WRONG_TYPE),
        (json.dumps(product("B1"))[:-1], kinds.CORRUPT),
        (json.dumps(product("B1")).replace("Soft", "\0"), kinds.NUL),
    ],
)
def test_a_bad_line_is_left_out_and_counted(tmp_path, line, kind):
    found, bad = read(tmp_path, [line, product("B2")])
    assert bad == {kind: 1}
    assert list(found.products) == ["B2"]


def test_the_first_of_repeated_lines_counts(tmp_path):
    found, bad = read(tmp_path, [product("B1", title="first"), product("B1", title="second")])
    assert found.products["B1"].title == "first"
    assert found.repeated == 1
    assert bad == {}
