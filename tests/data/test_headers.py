"""Names of columns and numbers of rows are no users, items or interactions."""

import pytest

from recclaims.data.importers.headers import names_columns
from recclaims.data.reference import open_source
from recclaims.errors import RecclaimsError
from recclaims.plugin_manager import registry

from ..foreign import N_ITEMS, interactions, table, write_cornac, write_elliot


def load(folder):
    return open_source(str(folder), registry()).load()


def write_pairs(folder, name, header=None, separator="\t", index=False, users="{}"):
    """A table of users and items alone, as pandas writes it with `header=False`, or not."""
    folder.mkdir()
    pairs = [[users.format(user) for user in interactions()[0]], list(interactions()[1])]
    columns = [list(range(len(pairs[0]))), *pairs] if index else pairs
    (folder / name).write_text(table(columns, header, separator))
    return folder


@pytest.mark.parametrize(("name", "separator"), [("dataset.tsv", "\t"), ("rating.txt", "\t"), ("ratings.csv", ",")])
@pytest.mark.parametrize("header", [["userId", "movieId"], ["user", "item"], ["who", "what"], ["uid", "iid"]])
def test_a_line_of_names_is_no_interaction(tmp_path, name, separator, header):
    folder = write_pairs(tmp_path / "data", name, header, separator)
    with pytest.raises(RecclaimsError, match=f"{name}: line 1 .*{header[0]}, {header[1]}"):
        load(folder)


@pytest.mark.parametrize("name", ["train.tsv", "validation.tsv", "test.tsv"])
@pytest.mark.parametrize("header", ["userId\tmovieId\n", "userId\tmovieId\t1\t1\n"])
def test_a_line_of_names_in_one_part_is_refused(tmp_path, name, header):
    folder = write_elliot(tmp_path / "el")
    wide = header.count("\t") > 1
    for path in folder.glob("*.tsv"):
        if path.stem in ("train", "validation", "test") and not wide:
            path.write_text("".join("\t".join(line.split("\t")[:2]) + "\n" for line in path.read_text().splitlines()))
    path = folder / name
    path.write_text(header + path.read_text())
    with pytest.raises(RecclaimsError, match=rf"{name}: line 1 .*userId, movieId"):
        load(folder)


def test_a_line_of_names_before_the_ids_is_no_item(tmp_path):
    folder = write_cornac(tmp_path / "co")
    path = folder / "item_ids.txt"
    path.write_text("item_id\n" + path.read_text())
    with pytest.raises(RecclaimsError, match=r"item_ids\.txt: line 1 .*item_id"):
        load(folder)


@pytest.mark.parametrize("name", ["dataset.tsv", "rating.txt"])
def test_numbers_of_rows_are_no_users(tmp_path, name):
    folder = write_pairs(tmp_path / "data", name, index=True)
    with pytest.raises(RecclaimsError, match=f"{name}: its first column numbers the rows"):
        load(folder)


@pytest.mark.parametrize("users", ["{}", "user{}", "u{}"])
def test_tables_without_either_are_read(tmp_path, users):
    dataset = load(write_pairs(tmp_path / "data", "dataset.tsv", users=users))
    assert len(dataset.interactions) == len(interactions()[0])
    assert len(dataset.items) == N_ITEMS


def test_an_item_may_begin_with_the_word(tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    users, items, *_ = interactions()
    (folder / "dataset.tsv").write_text(table([users, [f"item{one}" for one in items]], None))
    assert len(load(folder).items) == N_ITEMS


@pytest.mark.parametrize("cells", [["u1", "i1"], ["anna", "cup"], ["user1", "item1"], ["user", "B00X"], ["0", "0"]])
def test_ids_that_are_no_names_of_columns(cells):
    assert not names_columns(cells)
