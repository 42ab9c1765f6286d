"""RecBole's tables are read as pandas reads them, which is how RecBole does: a cell in quotes is one cell."""

import pandas as pd
import pytest

from recclaims.data.importers.quotes import quoted_cells
from recclaims.data.reference import open_source
from recclaims.errors import DatasetError
from recclaims.plugin_manager import registry


def write(folder, titles, header="item_id:token\ttitle:token_seq", more=""):
    folder.mkdir()
    (folder / "a.inter").write_text("user_id:token\titem_id:token\nu1\ti1\nu2\ti2\n")
    rows = "".join(f"i{number}\t{title}\n" for number, title in enumerate(titles, 1))
    (folder / "a.item").write_text(f"{header}\n{rows}{more}")
    return folder


def load(folder):
    return open_source(str(folder), registry()).load()


def test_a_quoted_line_end_is_no_second_item(tmp_path):
    dataset = load(write(tmp_path / "a", ['"One\nmore"', '"A ""b"" c"']))
    assert [(item.item_id, item.title) for item in dataset.items] == [("i1", "One\nmore"), ("i2", 'A "b" c')]


@pytest.mark.parametrize(
    "titles",
    [
        ['"Weird Al" Yankovic', 'a 5" disk'],
        ['"a\ttab"', '""'],
        ['"\nfirst"', 'say "x"'],
        ["plain", "without"],
        ['""""', '"a""'],
        ["'single'", '"x"y"z'],
    ],
)
@pytest.mark.parametrize("header", ["item_id:token\ttitle:token_seq", '"item_id:token"\t"title:token_seq"'])
def test_cells_are_what_pandas_says(tmp_path, titles, header):
    folder = write(tmp_path / "a", titles, header)
    try:
        expected = pd.read_csv(folder / "a.item", delimiter="\t", dtype=str, keep_default_na=False)
    except pd.errors.ParserError:
        with pytest.raises(DatasetError, match="a quote that is not closed"):
            load(folder)
        return
    found = quoted_cells(folder / "a.item")
    assert found.columns == list(expected.columns)
    assert [[cell or "" for cell in row] for row in found.rows()] == expected.to_numpy().tolist()
    assert {item.item_id: item.title for item in load(folder).items} == dict(expected.to_numpy().tolist())


def test_a_quote_that_is_not_closed_is_refused(tmp_path):
    with pytest.raises(DatasetError, match=r"a\.item: a cell begins with a quote that is not closed"):
        load(write(tmp_path / "a", ['"One', "Two"]))


def test_a_row_that_is_too_long_is_refused(tmp_path):
    with pytest.raises(DatasetError, match=r"a\.item: row 2: has 3 cells for 2 columns"):
        load(write(tmp_path / "a", ['"One"', "Two\tthree"]))


def test_ids_in_quotes_are_those_without(tmp_path):
    folder = write(tmp_path / "a", ["One", "Two"])
    (folder / "a.inter").write_text('user_id:token\titem_id:token\n"u1"\t"i1"\n"u2"\t"i2"\n')
    dataset = load(folder)
    assert list(dataset.user_ids) == ["u1", "u2"]
    assert [item.item_id for item in dataset.items] == ["i1", "i2"]
