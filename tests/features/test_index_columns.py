"""What numbers the rows of a table of vectors is no dimension of them."""

import numpy as np
import polars as pl
import pytest

from recclaims.data.catalogue import Item
from recclaims.errors import FeatureError
from recclaims.features.extraction import extract
from recclaims.features.resolve import make_encoder
from recclaims.plugin_manager import registry

N = 12
ITEMS = [Item(f"i{number}") for number in range(N)]
MATRIX = (np.arange(3 * N, dtype=np.float32).reshape(N, 3) / 8)[:, [2, 0, 1]]


def vectors(path):
    return extract(make_encoder(f"features:{path}", registry()), ITEMS).matrix


def write(path, name, values, place=0, ids="item_id"):
    """The vectors beside a column of this name."""
    table = pl.DataFrame({ids: [item.item_id for item in ITEMS], **{f"d{i}": MATRIX[:, i] for i in range(3)}})
    table = table.insert_column(place, pl.Series(name, values))
    if path.suffix == ".parquet":
        table.write_parquet(path)
    else:
        table.write_csv(path, separator="\t" if path.suffix == ".tsv" else ",")
    return path


@pytest.mark.parametrize("ending", ["csv", "tsv", "parquet"])
@pytest.mark.parametrize(
    "name", ["", "Unnamed: 0", "Unnamed: 0.1", "__index_level_0__", "index", "level_0", "X", "row"]
)
@pytest.mark.parametrize("place", [0, 4])
def test_numbers_of_rows_are_no_dimension(tmp_path, ending, name, place):
    np.testing.assert_array_equal(vectors(write(tmp_path / f"x.{ending}", name, range(N), place)), MATRIX)
    np.testing.assert_array_equal(vectors(write(tmp_path / f"x.{ending}", name, range(1, N + 1), place)), MATRIX)


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_an_index_after_filtering_or_of_texts_is_no_dimension(tmp_path, ending):
    gaps = [3 * number + 7 for number in range(N)]
    np.testing.assert_array_equal(vectors(write(tmp_path / f"x.{ending}", "Unnamed: 0", gaps)), MATRIX)
    np.testing.assert_array_equal(vectors(write(tmp_path / f"x.{ending}", "", [f"r{i}" for i in gaps])), MATRIX)


@pytest.mark.parametrize("name", ["__index_level_0__", "index"])
def test_an_index_beside_lists_is_left_out(tmp_path, name):
    table = {"item_id": [item.item_id for item in ITEMS], "vector": MATRIX.tolist(), name: range(N)}
    pl.DataFrame(table).write_parquet(tmp_path / "x.parquet")
    np.testing.assert_array_equal(vectors(tmp_path / "x.parquet"), MATRIX)


@pytest.mark.parametrize("name", ["X", "index", "row"])
def test_a_dimension_of_such_a_name_stays(tmp_path, name):
    assert vectors(write(tmp_path / "x.csv", name, np.linspace(-1, 1, N), 1)).shape == (N, 4)


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_fractions_without_a_name_are_refused(tmp_path, ending):
    with pytest.raises(FeatureError, match=rf"x\.{ending}: column \d has no name; name it"):
        vectors(write(tmp_path / f"x.{ending}", "", np.linspace(-1, 1, N), 2))


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_a_second_column_of_ids_is_no_dimension(tmp_path, ending):
    with pytest.raises(FeatureError, match="has 2 columns of ids"):
        vectors(write(tmp_path / f"x.{ending}", "id", range(100, 100 + N), 1))


def test_the_columns_of_an_array_are_dimensions(tmp_path):
    table = pl.DataFrame(MATRIX).with_columns(pl.Series("item_id", [item.item_id for item in ITEMS]))
    assert table.columns[0] == "column_0"
    table.write_parquet(tmp_path / "x.parquet")
    np.testing.assert_array_equal(vectors(tmp_path / "x.parquet"), MATRIX)
