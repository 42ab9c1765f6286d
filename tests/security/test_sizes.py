"""What is small and unpacks to much is not unpacked; lines, texts and tables are bounded."""

import gzip
import json
import re
import subprocess
import sys
import zlib

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from recclaims.amazon2023 import lines
from recclaims.amazon2023.faults import Faults
from recclaims.data import interactions_file, items_file, parquet
from recclaims.data.catalogue import Item
from recclaims.data.dataset import Dataset, Interactions
from recclaims.data.interactions_file import read_table
from recclaims.data.items_file import read_items
from recclaims.errors import DatasetError, FeatureError, RecclaimsError
from recclaims.features import vector_files
from recclaims.features.encoders.file_features import FileFeatures
from recclaims.features.vector_files import read_vectors
from recclaims.reporting import results


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ({"item_id": "a", "title": "x" * 50}, "1: the line is longer than 50 characters"),
        ({"item_id": "a", "title": "x" * 11}, "1: key 'title' is longer than 10 characters"),
        ({"item_id": "abcdef"}, "1: key 'item_id' is longer than 5 characters"),
    ],
)
def test_lines_and_texts_are_bounded(tmp_path, monkeypatch, record, reason):
    for name, value in (("MAX_LINE", 50), ("MAX_TEXT", 10), ("MAX_ID", 5)):
        monkeypatch.setattr(items_file, name, value)
    path = tmp_path / "items.jsonl"
    path.write_text(json.dumps(record) + "\n")
    with pytest.raises(DatasetError, match=re.escape(reason)):
        read_items(path)


def test_a_line_without_end_is_not_read_to_its_end(tmp_path):
    path = tmp_path / "items.jsonl"
    with path.open("wb") as file:
        file.truncate(2**40)  # a terabyte of zeros that takes no place
    with pytest.raises(DatasetError, match="1: the line is longer than 8,000,000 characters"):
        read_items(path)


@pytest.mark.parametrize("escape", ["\\ud800", "a\\udc00", "\\udfff\\ud800"])
def test_half_of_a_pair_is_no_character(tmp_path, escape):
    path = tmp_path / "items.jsonl"
    path.write_text(f'{{"item_id": "a", "title": "{escape}"}}\n')
    with pytest.raises(DatasetError, match=r"items\.jsonl:1: the escape .u[0-9a-f]{4}"):
        read_items(path)
    path.write_text('{"item_id": "a", "title": "\\ud83c\\udfac"}\n')
    assert read_items(path)[0].title == "🎬"


@pytest.mark.parametrize("pack", [gzip.compress, zlib.compress], ids=["gzip", "zlib"])
def test_a_compressed_table_is_not_unpacked(tmp_path, pack):
    """Polars would, to any size, and without a word."""
    path = tmp_path / "interactions.csv"
    path.write_bytes(pack(b"user_id,item_id\na,b\n"))
    assert pl.read_csv(path).shape == (1, 2)
    with pytest.raises(DatasetError, match=r"interactions\.csv: is compressed; unpack it"):
        read_table(path)


def write_parquet(path, ids, **options):
    """A small file in which one long value stands in many rows."""
    pq.write_table(pa.table({"user_id": ids, "item_id": ids}), path, compression="zstd", **options)
    assert path.stat().st_size < 100_000


def long_ids(kind=None, length=1_000_000, rows=6_000):
    values = pa.array([b"x" * length if kind and "binary" in str(kind) else "x" * length], type=kind)
    return pa.DictionaryArray.from_arrays(pa.array([0] * rows, pa.int32()), values)


BOMBS = {
    "dictionary": (long_ids, {}, "row 1: user_id is longer than 1,000 characters"),
    "binary": (lambda: long_ids(pa.binary()), {}, "row 1: user_id is longer than 1,000 characters"),
    "large": (lambda: long_ids(pa.large_string()), {}, "row 1: user_id is longer than 1,000 characters"),
    "plain": (
        lambda: long_ids(rows=60).cast(pa.string()), {"use_dictionary": False},
        "column 'user_id' unpacks to [0-9,]+ bytes for 60 values; a text has at most 1,000 characters",
    ),
    "blocks": (
        lambda: long_ids(pa.binary(1_000_000), rows=600).cast(pa.binary(1_000_000)), {},
        r"column 'user_id' is of type (dictionary<)?.*fixed_size_binary\[1000000\].*, not of strings or numbers",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BOMBS)
def test_an_id_is_bounded_before_it_is_unpacked(tmp_path, name):
    """782 bytes of Parquet took 7.7 GB before the id was found too long."""
    make, options, reason = BOMBS[name]
    path = tmp_path / "interactions.parquet"
    write_parquet(path, make(), **options)
    code = (
        "import resource, sys; from pathlib import Path; import polars, pyarrow.parquet, pyarrow.compute\n"
        "from recclaims.data.interactions_file import read_table\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "try: read_table(Path(sys.argv[1]))\n"
        "except Exception as error: print(type(error).__name__, error)\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)"
    )
    done = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True, check=True)
    refusal, grown = done.stdout.splitlines()
    assert re.fullmatch(f"DatasetError {re.escape(str(path))}: {reason}", refusal)
    assert int(grown) < 200_000, f"{int(grown) / 1e3:.0f} MB"


def test_the_row_of_a_long_id_is_its_own_and_short_ones_are_read(tmp_path):
    path = tmp_path / "interactions.parquet"
    ids = [f"u{number}" for number in range(70_000)]
    for kind in (pa.string(), pa.large_string(), pa.string_view(), pa.int64(), pa.dictionary(pa.int32(), pa.string())):
        mine = pa.array(range(70_000) if kind == pa.int64() else ids, type=kind)
        pq.write_table(pa.table({"user_id": mine, "item_id": mine, "rating": [1.0] * 70_000}), path)
        table = read_table(path)
        assert table["item_id"].to_list() == [str(one) for one in mine.to_pylist()]
        assert table.dtypes == [pl.String, pl.String, pl.Float64]
    ids[66_000] = "x" * 4_001
    pq.write_table(pa.table({"user_id": ids, "item_id": ids}), path)
    with pytest.raises(DatasetError, match="row 66001: user_id is longer than 1,000 characters"):
        read_table(path)


def test_all_texts_together_are_bounded(tmp_path, monkeypatch):
    path = tmp_path / "interactions.parquet"
    write_parquet(path, long_ids(length=1_000, rows=200_000))
    monkeypatch.setattr(parquet, "MAX_TEXTS", 100_000_000)
    with pytest.raises(DatasetError, match="column 'user_id' unpacks to more than 100,000,000 bytes"):
        read_table(path)


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        ({"item_id": long_ids(), "x": pa.array([1.0] * 6_000)}, "row 1: item_id is longer than 1,000 characters"),
        ({"item_id": pa.array(["a"] * 6_000), "x": long_ids()}, "row 1: x is longer than 1,000 characters"),
        (
            {"item_id": pa.array(["a"]), "x": pa.array([["y" * 1_000_000]])},
            "column 'x' is of type list<.*string>, not of numbers or lists of them",
        ),
    ],
)
def test_texts_beside_vectors_are_bounded_before_they_are_unpacked(tmp_path, columns, reason):
    path = tmp_path / "x.parquet"
    pq.write_table(pa.table(columns), path, compression="zstd")
    with pytest.raises(FeatureError, match=reason):
        read_vectors(path, None, ["a"])


@pytest.mark.parametrize("name", ["x.csv", "x.tsv", "x.npy", "x.safetensors", "x.npz", "folder", "x.ids.txt"])
def test_a_sparse_terabyte_of_vectors_is_not_read_for_its_digest(tmp_path, name):
    path = tmp_path / name
    if name == "folder":
        path.mkdir()
        path /= "a.npy"
    elif name == "x.ids.txt":
        np.save(tmp_path / "x.npy", np.ones((1, 2), dtype=np.float32))
    if name == "x.npy":
        np.save(path, np.ones((1, 2), dtype=np.float32))
    with path.open("ab") as file:
        file.truncate(1 << 40)
    place = tmp_path / ("folder" if name == "folder" else "x.npy" if name == "x.ids.txt" else name)
    encoder = FileFeatures(str(place))
    column = np.zeros(1, np.int32)
    with pytest.raises(FeatureError, match=r"has 1,099,511,627,776 bytes; at most [0-9,]+ are read"):
        encoder.bind(Dataset("d", [Item("a")], ["u"], Interactions(column, column)))


@pytest.mark.parametrize("name", ["interactions.csv", "interactions.tsv"])
def test_a_sparse_terabyte_of_interactions_is_not_read(tmp_path, name):
    path = tmp_path / name
    path.write_text("user_id,item_id\n".replace(",", "," if path.suffix == ".csv" else "\t"))
    with path.open("ab") as file:
        file.truncate(1 << 40)
    with pytest.raises(DatasetError, match="cannot be read: has 1,099,511,627,776 bytes; at most 16,000,000,000 are"):
        read_table(path)


def test_a_small_parquet_file_that_is_a_huge_table_is_not_read(tmp_path, monkeypatch):
    path = tmp_path / "interactions.parquet"
    pl.DataFrame({"user_id": "u", "item_id": "i", "n": pl.int_range(0, 2_000_000, eager=True)}).drop("n").write_parquet(
        path
    )
    assert path.stat().st_size < 50_000
    monkeypatch.setattr(interactions_file, "MAX_ROWS", 1_000_000)
    with pytest.raises(DatasetError, match="has 2,000,000 rows; at most 1,000,000 are read"):
        read_table(path)


@pytest.mark.parametrize(
    ("ids", "reason"),
    [
        ([b"\xff\xfe"], "cannot be read: "),
        ([["u"]], "column 'user_id' holds lists or objects, not one value per row"),
        ([{"a": 1}], "column 'user_id' holds lists or objects"),
    ],
)
def test_a_column_of_another_type_is_refused(tmp_path, ids, reason):
    path = tmp_path / "interactions.parquet"
    pl.DataFrame({"user_id": ids, "item_id": ["i"]}).write_parquet(path)
    with pytest.raises(DatasetError, match=f"interactions.parquet: {reason}"):
        read_table(path)


def test_columns_that_are_not_needed_are_not_read(tmp_path):
    path = tmp_path / "interactions.parquet"
    pl.DataFrame({"user_id": ["u"], "item_id": ["i"], "more": [[["x"]]]}).write_parquet(path)
    assert read_table(path).columns == ["user_id", "item_id"]


def test_a_rating_beyond_float32_is_no_rating(tmp_path):
    path = tmp_path / "interactions.csv"
    path.write_text("user_id,item_id,rating\nu,i,1e300\n")
    with pytest.raises(DatasetError, match="row 1: rating is '1e300', not a number"):
        read_table(path)


def test_a_large_results_json_is_not_read(tmp_path):
    path = tmp_path / "results.json"
    with path.open("wb") as file:
        file.truncate(results.MAX_BYTES + 1)
    with pytest.raises(RecclaimsError, match="has more than 500,000,000 bytes"):
        results.read(path)


def test_reviews_that_unpack_to_a_thousand_times_their_size_are_not_read(tmp_path, monkeypatch):
    monkeypatch.setattr(lines, "ALLOWED", 1_000_000)
    path = tmp_path / "Baby_Products.jsonl.gz"
    path.write_bytes(gzip.compress(b"\n" * 50_000_000))
    read = []
    with pytest.raises(DatasetError, match=r"jsonl\.gz: unpacks to more than 100 times its size"):
        read.extend(len(block) for _, block in lines.read_blocks(path, Faults(0), block=100_000))
    assert sum(read) < 6_000_000
    random = np.random.default_rng(0).bytes(500_000).hex().encode()
    path.write_bytes(gzip.compress(b"\n" * 1_500_000 + random))
    assert sum(len(block) for _, block in lines.read_blocks(path, Faults(0))) == 2_500_001


@pytest.mark.parametrize(
    ("name", "limit", "reason"),
    [
        ("x.npz", "MAX_UNPACKED", "unpacks to 8,000,128 bytes; at most 1,000,000 are; a .npy file is mapped"),
        ("x.parquet", "MAX_VALUES", "has 2,000,000 values; at most 1,000,000 are read; a .npy file is mapped"),
        ("x.csv", None, "is compressed; unpack it, so that its size is known"),
    ],
)
def test_a_small_file_of_huge_vectors_is_not_read(tmp_path, monkeypatch, name, limit, reason):
    path = tmp_path / name
    if path.suffix == ".npz":
        np.savez_compressed(path, x=np.zeros((1_000_000, 2), dtype=np.float32))
    elif path.suffix == ".parquet":
        pl.DataFrame({"item_id": "a", "x": pl.zeros(1_000_000, eager=True)}).write_parquet(path)
    else:
        path.write_bytes(gzip.compress(b"item_id,x\na,1\n"))
    assert path.stat().st_size < 50_000
    if limit:
        monkeypatch.setattr(vector_files, limit, 1_000_000)
    with pytest.raises(FeatureError, match=re.escape(reason)):
        read_vectors(path, None, ["a"])
