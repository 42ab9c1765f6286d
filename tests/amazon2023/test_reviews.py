import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recclaims.amazon2023 import faults as kinds
from recclaims.amazon2023 import reviews as module
from recclaims.amazon2023.faults import Faults
from recclaims.amazon2023.reviews import read_reviews
from recclaims.errors import DatasetError

from ..drawing import examples
from .raw import block_of, lines, review, write


def read(path, most=100, **changes):
    faults = Faults(most)
    found = read_reviews(path, faults, **changes)
    users, items = found.user_ids.to_list(), found.item_ids.to_list()
    rows = [
        (users[u], items[i], r, t)
        for u, i, r, t in zip(
            *(c.tolist() for c in (found.users, found.items, found.ratings, found.times)), strict=True
        )
    ]
    return rows, {kind: count for (_, kind), count in faults.counts.items()}, found


# Everything that a field may hold, in the way that JSON writes it.
WRITTEN = st.from_regex(r"-?(0|[1-9][0-9]{0,4}|9{30,50})([.][0-9]{1,3})?([eE][+-]?[0-9]{1,2})?", fullmatch=True)
IDS = WRITTEN | st.sampled_from([
    '"AB1"', '"0316"', '"B2"', '"b-2"', '"é"', '""', '"\\u0000"', '"\\ud83d"', "1", "1.5", "1E5", "true",
                       "null", '["A"]', '{"A": 1}', "-1", "99999999999999999999",
                       '" A"', '"A\\tB"', '"true"'])  # fmt: skip
NUMBERS = WRITTEN | st.sampled_from([
    "5.0", "3", '"5"', "true", "null", "[5]", "1e400", "NaN", "-0", "05", "5.", '"x"', "1e2",
                           "99999999999999999999", "-Infinity", "{}", "9" * 400])  # fmt: skip
TIMES = WRITTEN | st.sampled_from([
    "1588687728923", "1", "-5", "1.5", "1e3", '"7"', "true", "null", "9223372036854775807",
                         "9223372036854775808", "99999999999999999999"])  # fmt: skip
FIELDS = st.fixed_dictionaries(
    {"user_id": IDS, "parent_asin": IDS, "rating": NUMBERS},
    optional={"timestamp": TIMES, "sort_timestamp": TIMES, "sortTimestamp": TIMES, "text": st.sampled_from(
        ['"fine"', '"\\ud83d"', '"a\tb"', '"a\0b"', '"é"', "1", "[[[]]]", '{"user_id": "Z9"}'])},
)  # fmt: skip
SOUND = FIELDS.map(lambda fields: "{" + ", ".join(f'"{key}": {value}' for key, value in fields.items()) + "}")
SAMPLE = json.dumps(review("A1", "B1"))
STRANGE = st.sampled_from([
    "", "  ", "\t", "\r", "\x0b", "[]", "3", "null", "{", "}{", "{} {}", "\ufeff{}", "[" * 5000, SAMPLE[:-7],
    SAMPLE + ",", SAMPLE + SAMPLE, '{"user_id": "A", "user_id": "B"}', SAMPLE.replace('"A1"', '"A1", "user_id": "A2"'),
])  # fmt: skip
PLAIN = st.builds(
    lambda u, i, r, t: json.dumps(review(f"A{u}", f"B{i}", r, t)),
    st.integers(0, 3), st.integers(0, 3), st.integers(1, 5), st.integers(0, 3),
)  # fmt: skip


@examples(80)
@given(st.lists(PLAIN | SOUND | STRANGE, max_size=8), st.integers(1, 2000))
def test_a_block_that_is_read_fast_says_what_its_lines_say(tmp_path_factory, texts, block):
    path = tmp_path_factory.mktemp("reviews") / "x.jsonl"
    path.write_text("\n".join(texts), encoding="utf-8", newline="")
    rows, bad, found = read(path, block=block)
    fast = module._fast
    try:
        module._fast = lambda _: None
        expected, expected_bad, slow = read(path)
    finally:
        module._fast = fast
    assert rows == expected
    assert bad == expected_bad
    assert (found.bad, found.repeated) == (slow.bad, slow.repeated)
    assert found.bad + found.repeated + len(found) == sum(
        bool(line.encode().strip()) for line in "\n".join(texts).split("\n")
    )


@pytest.mark.parametrize("field", ["user_id", "parent_asin"])
@pytest.mark.parametrize("number", ["1E5", "1e2", "1.0", "1.5e3", "-0.0", "1E+2", "9" * 45 + ".0"])
@pytest.mark.parametrize("escaped", [False, True])
def test_a_number_with_a_point_or_an_exponent_is_no_id(tmp_path, field, number, escaped):
    line = json.dumps(review("A1", "B1", **{field: 7})).replace(f'"{field}": 7', f'"{field}" : {number}')
    assert number in line
    path = write(tmp_path / "x.jsonl", [line.replace("_", "\\u005f", 1) if escaped else line, *block_of(1, 2)])
    rows, bad, _ = read(path)
    assert (len(rows), bad) == (2, {kinds.WRONG_TYPE: 1})


def test_ids_of_digits_alone_are_read_fast(tmp_path, monkeypatch):
    path = write(tmp_path / "x.jsonl", [json.dumps(review("A1", "0316055433")), json.dumps(review("7", "B1"))])
    monkeypatch.setattr(module, "_slow", None)
    rows, _, _ = read(path)
    assert [row[:2] for row in rows] == [("7", "B1"), ("A1", "0316055433")]


def test_sound_files_are_read_fast(tmp_path, monkeypatch):
    path = write(tmp_path / "x.jsonl.gz", block_of())
    monkeypatch.setattr(module, "_slow", None)
    rows, bad, _ = read(path, block=1000)
    assert len(rows) == 36
    assert rows[:2] == [("U0", "B0", 1.0, 1_600_000_000_000), ("U0", "B1", 2.0, 1_600_000_001_000)]
    assert bad == {}


BAD = {
    json.dumps(review("U1", "B1"))[:-5]: kinds.CORRUPT,
    "[1, 2]": kinds.CORRUPT,
    json.dumps(review("U1", "B1")).replace("Fits", "Fi\0ts"): kinds.NUL,
    "\0" * 100: kinds.NUL,
    json.dumps(review("U1", "B1", text="x" * 500)): kinds.TOO_LONG,
    json.dumps(review(..., "B1")): kinds.MISSING,
    json.dumps(review("U1", None)): kinds.MISSING,
    json.dumps(review("U1", "B1", rating=None)): kinds.MISSING,
    json.dumps(review("U1", "B1", timestamp=...)): kinds.MISSING,
    json.dumps(review(["U1"], "B1")): kinds.WRONG_TYPE,
    json.dumps(review("U1", {"a": 1})): kinds.WRONG_TYPE,
    json.dumps(review("U1", "B1", rating="five")): kinds.WRONG_TYPE,
    json.dumps(review("U1", "B1", rating=True)): kinds.WRONG_TYPE,
    json.dumps(review("U1", "B1", rating=math.inf)): kinds.CORRUPT,
    json.dumps(review("U1", "B1", rating=1e39)): kinds.WRONG_TYPE,
    json.dumps(review("U1", "B1", timestamp="yesterday")): kinds.WRONG_TYPE,
}


@pytest.mark.parametrize(("line", "kind"), BAD.items(), ids=range(len(BAD)))
def test_a_bad_line_is_counted_by_kind_and_its_neighbours_are_kept(tmp_path, line, kind):
    sound = block_of(2, 2)
    path = write(tmp_path / "x.jsonl", [*sound[:2], line, *sound[2:]])
    rows, bad, found = read(path, longest=400)
    assert [row[:2] for row in rows] == [("U0", "B0"), ("U0", "B1"), ("U1", "B0"), ("U1", "B1")]
    assert bad == {kind: 1}
    assert found.bad == 1
    with pytest.raises(DatasetError, match=rf"1 bad lines so far, and --max-bad is 0: x.jsonl: {kind} \(first: line 3"):
        read(path, most=0, longest=400)


def test_bytes_that_are_not_utf8_are_counted(tmp_path):
    content = lines(block_of(2, 2)) + json.dumps(review("U1", "B1")).replace("Fits", "Fi?ts").encode().replace(
        b"?", b"\xff"
    )
    rows, bad, _ = read(write(tmp_path / "x.jsonl", content))
    assert len(rows) == 4
    assert bad == {kinds.NOT_UTF8: 1}


def test_reading_stops_where_too_much_is_bad(tmp_path):
    path = write(tmp_path / "x.jsonl", [*block_of(), *["{"] * 1000])
    with pytest.raises(DatasetError, match="bad lines so far") as caught:
        read(path, most=5, block=100)
    assert "\n" not in str(caught.value)
    assert int(str(caught.value).split()[0]) < 100


def test_of_one_users_reviews_of_one_item_the_latest_is_kept_and_of_equal_times_the_last(tmp_path):
    path = write(
        tmp_path / "x.jsonl",
        [
            review("U1", "B1", 1, 30),
            review("U1", "B1", 2, 20),
            review("U1", "B2", 3, 10),
            review("U1", "B1", 4, 30),
            review("U0", "B1", 5, 40),
        ],
    )
    for block in (50, 1 << 20):
        rows, _, found = read(path, block=block)
        assert rows == [("U0", "B1", 5, 40), ("U1", "B1", 4, 30), ("U1", "B2", 3, 10)]
        assert found.repeated == 2


@pytest.mark.parametrize("name", ["timestamp", "sort_timestamp", "sortTimestamp"])
def test_the_time_goes_by_several_names(tmp_path, name):
    record = review("U1", "B1", timestamp=..., helpful_vote=..., helpful_votes=3) | {name: 1_588_687_728_923}
    assert read(write(tmp_path / "x.jsonl", [record]))[0] == [("U1", "B1", 5, 1_588_687_728_923)]


@pytest.mark.parametrize("content", [b"", b"\n\n", b"\xef\xbb\xbf" + lines([review("U1", "B1")])])
def test_nothing_and_a_byte_order_mark(tmp_path, content):
    rows, bad, found = read(write(tmp_path / "x.jsonl", content))
    assert bad == {}
    assert len(rows) == len(found) == content.count(b"{")
    assert found.users.dtype == np.int32
