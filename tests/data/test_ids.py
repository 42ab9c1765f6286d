"""Ids that agree but for their spelling are refused wherever two files are joined by them."""

import unicodedata

import numpy as np
import polars as pl
import pytest

from recclaims.data.catalogue import Item
from recclaims.data.dataset import Dataset, Interactions
from recclaims.data.ids import alike, plain
from recclaims.data.reference import open_source
from recclaims.data.splits import check_relevant, make_split
from recclaims.errors import DatasetError, RecclaimsError
from recclaims.features.extraction import extract
from recclaims.features.resolve import make_encoder
from recclaims.plugin_manager import registry

from ..foreign import write_cornac, write_elliot, write_recbole
from ..toy import write_toy

NFC, NFD = (unicodedata.normalize(form, "café") for form in ("NFC", "NFD"))


def load(folder):
    return open_source(str(folder), registry()).load()


def write_split(folder, respell=lambda user, item: (user, item), ending="csv", **kinds):
    """The toy, with the last of each user's interactions in test, respelt, and the one before in validation."""
    write_toy(folder)
    table = pl.read_csv(folder / "interactions.csv")
    (folder / "interactions.csv").unlink()
    place = pl.int_range(pl.len()).over("user_id").reverse().over("user_id")
    parts = table.with_columns(place.alias("place"))
    for name, mine in (("train", pl.col("place") > 1), ("valid", pl.col("place") == 1), ("test", pl.col("place") == 0)):
        part = parts.filter(mine).drop("place")
        if name == "test":
            pairs = [respell(*pair) for pair in part.select("user_id", "item_id").iter_rows()]
            part = part.with_columns(
                pl.Series("user_id", [user for user, _ in pairs]), pl.Series("item_id", [item for _, item in pairs])
            )
        part = part.with_columns(pl.col(name).cast(kind) for name, kind in kinds.items())
        getattr(part, f"write_{ending}")(folder / f"{name}.{ending}")
    return folder


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("7", "0007"),
        ("7", "7.0"),
        ("0", "00"),
        (" a", "a"),
        ("a\xa0", "a"),
        (NFC, NFD),
        ("\ufeffi1", "i1"),
        ("\uff17", "7"),
    ],
)
def test_spellings_of_one_id(one, other):
    assert plain(one) == plain(other)
    assert alike([one], [other]) == [(one, other)]


@pytest.mark.parametrize(("one", "other"), [("7", "70"), ("a07", "a7"), ("7.5", "7"), ("A", "a"), ("v1.0", "v1")])
def test_ids_that_are_two(one, other):
    assert plain(one) != plain(other)


def test_the_card_counts_who_is_not_in_train(tmp_path):
    assert load(write_split(tmp_path / "whole")).card()["users_not_in_train"] == 0
    folder = write_split(tmp_path / "toy", lambda user, item: ("new" if user == "u3" else user, item))
    card = load(folder).card()
    assert card["users_not_in_train"] == 1
    assert "users_not_in_train" not in load(write_toy(tmp_path / "drawn")).card()


@pytest.mark.parametrize(
    ("respell", "message"),
    [
        (lambda user, item: (f"{user} ", item), "150 users of validation and test differ .* 'u0 ' and 'u0'"),
        (lambda user, item: (f"{user}\u200b", item), r"differ .* 'u0\\u200b' and 'u0'"),
        (lambda user, item: (f"x{user}", item), r"150 of 150 users of the test part are not in train \('xu0'"),
    ],
)
def test_a_part_that_writes_its_ids_otherwise_is_refused(tmp_path, respell, message):
    folder = write_split(tmp_path / "toy", respell)
    with pytest.raises(DatasetError, match=message):
        load(folder)


def numbered(train, held_out):
    """A dataset of a given split whose users are called so."""
    ids = [*dict.fromkeys([*train, *held_out])]
    users = np.array([ids.index(one) for one in (*train, *held_out)], dtype=np.int32)
    items = np.zeros(len(users), dtype=np.int32)
    parts = np.array([0] * len(train) + [1 + place % 2 for place in range(len(held_out))], dtype=np.int8)
    return Dataset("shop", [Item("i")], ids, Interactions(users, items), given_split=parts)


def test_a_split_of_strangers_is_refused_whoever_made_the_dataset():
    good = numbered(["a", "b", "c"], ["a", "b"])
    check_relevant(good, make_split(good, 0))
    for held_out, message in (
        (["x", "a", "y"], "2 of 2 users of the validation part are not in train ('x', 'y'; train has 'a', 'b', 'c')"),
        (["a", "b", "c "], "1 users of validation and test differ from those of train only in spelling"),
    ):
        bad = numbered(["a", "b", "c"], held_out)
        with pytest.raises(DatasetError) as caught:
            check_relevant(bad, make_split(bad, 0))
        assert message in str(caught.value)


def test_leading_zeros_in_one_part_alone_are_refused(tmp_path):
    folder = write_elliot(tmp_path / "el")
    path = folder / "test.tsv"
    path.write_text("".join(f"000{line}\n" for line in path.read_text().splitlines()))
    with pytest.raises(DatasetError, match=r"150 users of validation and test differ .* '0000' and '0'"):
        load(folder)


@pytest.mark.parametrize("column", [0, 1])
def test_ids_that_became_floats_are_refused_in_elliot(tmp_path, column):
    folder = write_elliot(tmp_path / "el")
    path = folder / "test.tsv"
    rows = [line.split("\t") for line in path.read_text().splitlines()]
    for row in rows:
        row[column] += ".0"
    path.write_text("".join("\t".join(row) + "\n" for row in rows))
    with pytest.raises(DatasetError, match=r"test\.tsv: row 1: (user|item)_id is '\d+\.0'"):
        load(folder)


@pytest.mark.parametrize("kind", [pl.Float64, pl.Float32, pl.Decimal(10, 2)])
def test_ids_that_became_floats_are_refused_in_parquet(tmp_path, kind):
    folder = write_split(tmp_path / "toy", lambda user, item: (user, item), "parquet")
    part = pl.read_parquet(folder / "test.parquet")
    number = pl.col("user_id").str.slice(1).cast(pl.Int32).cast(kind)
    part.with_columns(number).write_parquet(folder / "test.parquet")
    with pytest.raises(DatasetError, match=r"test\.parquet: column 'user_id' is of type"):
        load(folder)


def respelt(name, old, new):
    def change(folder):
        path = folder / name
        path.write_text(path.read_text().replace(old, new))

    return change


@pytest.mark.parametrize(
    ("write", "change", "message"),
    [
        (write_recbole, respelt("data.item", "i7\t", "i7 \t"), "data.item: 1 item ids differ .* 'i7' and 'i7 '"),
        (write_elliot, respelt("map.tsv", "7\t", "07\t"), "map.tsv: .* item ids differ .* '7' and '07'"),
        (write_cornac, respelt("text.txt", "i7::", "i7 ::"), "text.txt: 1 item ids differ .* 'i7' and 'i7 '"),
        (write_cornac, respelt("item_ids.txt", "i7\n", "i7 \n"), "item_ids.txt: 1 item ids differ .* 'i7' and 'i7 '"),
    ],
)
def test_a_catalogue_that_writes_its_ids_otherwise_is_refused(tmp_path, write, change, message):
    folder = write(tmp_path / "data")
    change(folder)
    with pytest.raises(RecclaimsError, match=message):
        load(folder)


@pytest.mark.parametrize(
    ("item_id", "called"),
    [("0020", "20"), ("20", "20.0"), (NFC, NFD), ("a", "a ")],
    ids=["zeros", "float", "nfd", "blank"],
)
@pytest.mark.parametrize("kind", ["folder", "sidecar", "parquet"])
def test_vectors_whose_ids_nearly_match_are_refused(tmp_path, item_id, called, kind):
    names, matrix = ["i1", "i2", called], np.eye(3, dtype=np.float32)
    path = tmp_path / {"folder": "x", "sidecar": "x.npy", "parquet": "x.parquet"}[kind]
    if kind == "folder":
        path.mkdir()
        for name, vector in zip(names, matrix, strict=True):
            np.save(path / f"{name}.npy", vector)
    elif kind == "sidecar":
        np.save(path, matrix)
        (tmp_path / "x.ids.txt").write_text("".join(f"{name}\n" for name in names))
    else:
        pl.DataFrame({"item_id": names, **{f"d{i}": matrix[i] for i in range(3)}}).write_parquet(path)
    items = [Item("i1"), Item("i2"), Item(item_id)]
    with pytest.raises(RecclaimsError, match="1 ids differ from the catalogue's only in spelling") as caught:
        extract(make_encoder(f"features:{path}", registry()), items)
    assert " and ".join(map(repr if (item_id + called).isascii() else ascii, (item_id, called))) in str(caught.value)


def test_an_item_of_both_spellings_keeps_its_own_vector(tmp_path):
    np.save(tmp_path / "x.npy", np.eye(2, dtype=np.float32))
    (tmp_path / "x.ids.txt").write_text("20\n0020\n")
    encoder = make_encoder(f"features:{tmp_path / 'x.npy'}", registry())
    assert extract(encoder, [Item("0020"), Item("20")]).matrix.tolist() == [[0, 1], [1, 0]]
