import json
import os
import re
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image

from recclaims.data.movielens import MovieLens100K
from recclaims.data.reference import open_source
from recclaims.errors import DatasetError, RecclaimsError
from recclaims.plugin_manager import Registry

DOCS = Path(__file__).parents[2] / "docs" / "folder-dataset.md"


@pytest.fixture
def registry():
    return Registry(datasets={"ml-100k": MovieLens100K})


@pytest.fixture
def folder(tmp_path):
    """Four items, three users, written as the documentation says."""
    (tmp_path / "images").mkdir()
    Image.new("RGB", (4, 4), "blue").save(tmp_path / "images" / "a.png")
    write_items(
        tmp_path,
        [{"item_id": "a", "title": "A", "image": "images/a.png"}, {"item_id": "b"}, {"item_id": "c"}],
    )
    (tmp_path / "dataset.toml").write_text('name = "toy"\n')
    write_table(tmp_path / "interactions.tsv", ["u1 a", "u1 b", "u1 c", "u2 a", "u2 b", "u2 c"])
    return tmp_path


def write_items(folder, records):
    (folder / "items.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))


def write_table(path, rows, header="user_id item_id"):
    separator = "," if path.suffix == ".csv" else "\t"
    path.write_text("\n".join(line.replace(" ", separator) for line in (header, *rows)) + "\n")


def load(folder, registry, query=""):
    return open_source(f"{folder}{os.sep}{query}", registry).load()


def test_the_documented_example_loads(tmp_path, registry):
    text = DOCS.read_text(encoding="utf-8")
    files = re.findall(r"`([\w.]+)`:\n\n```\w+\n(.*?)```", text, re.DOTALL)[:3]  # another folder's follow
    assert [name for name, _ in files] == ["dataset.toml", "items.jsonl", "interactions.csv"]
    for name, content in files:
        (tmp_path / name).write_text(content)
    (tmp_path / "images").mkdir()
    Image.new("RGB", (4, 4)).save(tmp_path / "images" / "cup.png")
    data = load(tmp_path, registry)
    assert data.name == "shop"
    assert data.relevance == 4
    assert data.user_ids == ["anna", "ben"]
    cup, mug = data.items
    assert cup.attributes == {"material": ("stoneware",)}
    assert mug.attributes == {"genres": ("kitchen", "gift")}
    assert cup.text == "Blue cup. Stoneware, 300 ml."
    assert cup.image().size == (4, 4)
    assert mug.image() is None
    assert data.interactions.ratings.tolist() == [5, 3, 4]


def test_modalities_are_seen_without_reading_interactions(folder, registry):
    (folder / "interactions.tsv").unlink()
    assert open_source(str(folder), registry).modalities == {"visual", "textual"}
    (folder / "dataset.toml").write_text('modalities = ["textual"]')
    assert open_source(str(folder), registry).modalities == {"textual"}


@pytest.mark.parametrize("ending", ["tsv", "csv", "parquet"])
def test_every_table_format_gives_the_same_dataset(folder, registry, ending):
    expected = load(folder, registry).fingerprint
    table = pl.read_csv(folder / "interactions.tsv", separator="\t")
    (folder / "interactions.tsv").unlink()
    if ending == "parquet":
        table.write_parquet(folder / "interactions.parquet")
    else:
        table.write_csv(folder / f"interactions.{ending}", separator="\t" if ending == "tsv" else ",")
    assert load(folder, registry).fingerprint == expected


def test_the_order_of_rows_does_not_matter(folder, registry):
    expected = load(folder, registry).fingerprint
    write_table(folder / "interactions.tsv", ["u2 c", "u1 b", "u2 a", "u1 c", "u2 b", "u1 a"])
    assert load(folder, registry).fingerprint == expected


def test_of_repeated_pairs_the_latest_is_kept(folder, registry):
    rows = ["u1 a 1 30", "u1 a 5 20", "u1 a 2 10", "u1 b 3 5"]
    write_table(folder / "interactions.tsv", rows, "user_id item_id rating timestamp")
    data = load(folder, registry)
    assert data.duplicates_dropped == 2
    assert data.interactions.ratings.tolist() == [1, 3]
    assert data.interactions.timestamps.tolist() == [30, 5]


def test_a_given_split(folder, registry):
    (folder / "interactions.tsv").unlink()
    for name, rows in {"train": ["u1 a", "u2 b"], "valid": ["u1 b"], "test": ["u1 c", "u2 a"]}.items():
        write_table(folder / f"{name}.csv", rows)
    data = load(folder, registry)
    label = {
        (int(u), int(i)): int(s)
        for u, i, s in zip(data.interactions.users, data.interactions.items, data.given_split, strict=True)
    }
    assert label == {(0, 0): 0, (1, 1): 0, (0, 1): 1, (0, 2): 2, (1, 0): 2}
    assert data.card()["split"] == "given"


def test_content_over_a_base(tmp_path, registry):
    (tmp_path / "dataset.toml").write_text('name = "posters"\nbase = "ml-100k"\n')
    write_items(tmp_path, [{"item_id": "2", "title": "Another title", "description": "More."}])
    data = load(tmp_path, registry)
    base = MovieLens100K().load()
    assert data.name == "posters"
    np.testing.assert_array_equal(data.interactions.items, base.interactions.items)
    assert data.items[1].title == "Another title"
    assert data.items[0] == base.items[0]
    assert data.relevance == 4.0
    assert data.fingerprint == base.fingerprint
    assert data.catalogue_fingerprint != base.catalogue_fingerprint


def test_the_manifest_names_the_category(folder, registry):
    write_items(folder, [{"item_id": item, "colour": ["red"], "maker": [item]} for item in "abc"])
    assert load(folder, registry).category is None
    (folder / "dataset.toml").write_text('name = "toy"\ncategory = "colour"\n')
    assert load(folder, registry).category == "colour"
    (folder / "dataset.toml").write_text('category = "color"\n')
    message = "dataset.toml: key 'category': unknown attribute slot 'color'; did you mean 'colour'"
    with pytest.raises(RecclaimsError, match=message):
        load(folder, registry)


def test_the_reference_changes_the_protocol_and_the_name(folder, registry):
    (folder / "dataset.toml").write_text('name = "toy"\nrelevance = 3\nsplit = "temporal"\n')
    write_table(folder / "interactions.tsv", ["u1 a 5 1", "u1 b 2 2"], "user_id item_id rating timestamp")
    data = load(folder, registry)
    assert (data.name, data.relevance, data.strategy) == ("toy", 3, "temporal")
    data = load(folder, registry, "?relevance=none&split=random")
    assert (data.name, data.relevance, data.strategy) == ("toy?relevance=none&split=random", None, "random")


ITEM_FAULTS = {
    "not JSON": ('{"item_id": "a"', "items.jsonl:1: not JSON"),
    "key twice": (
        '{"item_id": "a", "title": "x", "title": "y"}',
        "items.jsonl:1: not JSON: duplicate key 'title'",
    ),
    "no object": ("[1]", "items.jsonl:1: not a JSON object, but a list"),
    "no id": ('{"title": "A"}', "items.jsonl:1: key 'item_id' is missing"),
    "id of wrong type": ('{"item_id": 1.5}', "items.jsonl:1: key 'item_id' is 1.5"),
    "title of wrong type": ('{"item_id": "a", "title": 3}', "items.jsonl:1: key 'title' is 3"),
    "typing error": (
        '{"item_id": "a", "descripton": "x"}',
        "items.jsonl:1: unknown key 'descripton'; did you mean 'description'?",
    ),
    "attributes": (
        '{"item_id": "a", "attributes": ["x"]}',
        "items.jsonl:1: key 'attributes' is ['x'], not an object",
    ),
    "answers": ('{"item_id": "a", "lvlm": {"m": 1}}', "items.jsonl:1: key 'lvlm' is not an object of strings"),
    "duplicate id": (
        '{"item_id": "a"}\n\n{"item_id": "a"}',
        "items.jsonl:3: duplicate item_id 'a', already in line 1",
    ),
    "no image": (
        '{"item_id": "a", "image": "images/z.png"}',
        "items.jsonl:1: key 'image': 'images/z.png' does not exist in the folder",
    ),
    "image outside": (
        '{"item_id": "a", "image": "../secret.png"}',
        "items.jsonl:1: key 'image': '../secret.png' leads out of the folder",
    ),
    "absolute image": (
        '{"item_id": "a", "image": "/etc/hostname"}',
        "items.jsonl:1: key 'image': '/etc/hostname' leads out of the folder",
    ),
    "zero byte": ('{"item_id": "a", "image": "a\\u0000b"}', "items.jsonl:1: key 'image': 'a\\x00b'"),
    "long name": (
        '{"item_id": "a", "image": "' + "x" * 5000 + '"}',
        "items.jsonl:1: key 'image': '" + "x" * 40 + "'",
    ),
    "empty": ("", "items.jsonl: has no items"),
    "too deep": ("[" * 200_000, "items.jsonl:1: not JSON"),
}


@pytest.mark.parametrize(("content", "message"), ITEM_FAULTS.values(), ids=ITEM_FAULTS)
def test_faults_of_items(folder, registry, content, message):
    (folder / "items.jsonl").write_text(content)
    assert message in one_line(folder, registry)


TABLE_FAULTS = {
    "unknown items": (
        "user_id item_id\nu1 a\nu1 x\nu2 y\nu2 x\nu2 bb",
        "interactions.tsv: 4 interactions have an item_id that is not in the catalogue: 'x' (row 2), 'y' (row 3)",
    ),
    "missing column": (
        "user item_id\nu1 a",
        "interactions.tsv: column 'user_id' is missing; 'user' is nearest; it has user, item_id",
    ),
    "no number": (
        "user_id item_id rating\nu1 a 5\nu1 b five",
        "interactions.tsv: row 2: rating is 'five', not a number",
    ),
    "nan": ("user_id item_id rating\nu1 a nan", "interactions.tsv: row 1: rating is 'nan', not a number"),
    "infinite": (
        "user_id item_id timestamp\nu1 a inf",
        "interactions.tsv: row 1: timestamp is 'inf', not a number",
    ),
    "misspelt column": (
        "user_id item_id ratings\nu1 a 5",
        "interactions.tsv: unknown column 'ratings'; did you mean 'rating'?",
    ),
    "column twice": ("user_id item_id rating rating\nu1 a 5 4", "interactions.tsv: duplicate column 'rating'"),
    "empty id": ("user_id item_id\nu1 a\n\tb", "interactions.tsv: row 2: user_id is empty"),
    "no rows": ("user_id item_id", "interactions.tsv: has no interactions"),
    "empty": ("", "interactions.tsv: is empty; its first line must name the columns user_id, item_id"),
}


@pytest.mark.parametrize(("content", "message"), TABLE_FAULTS.values(), ids=TABLE_FAULTS)
def test_faults_of_interactions(folder, registry, content, message):
    (folder / "interactions.tsv").write_text(content.replace(" ", "\t"))
    assert message in one_line(folder, registry)


MANIFEST_FAULTS = {
    "taken name": ("name = 'ml-100k'", "dataset.toml: key 'name': 'ml-100k' is the name of a registered dataset"),
    "unknown key": ("nam = 'x'", "dataset.toml: unknown key 'nam'; did you mean 'name'?"),
    "not TOML": ("name = ", "dataset.toml: not TOML"),
    "wrong type": ("name = 3", "dataset.toml: key 'name' is 3"),
    "no float": (f"relevance = 1{'0' * 400}", "dataset.toml: key 'relevance' is 1000000"),
    "not a number": ("relevance = nan", "dataset.toml: key 'relevance' is nan"),
    "boolean": ("relevance = true", "dataset.toml: key 'relevance' is True"),
    "split": ("split = 'randum'", "dataset.toml: unknown split 'randum'; did you mean 'random'?"),
    "modality": (
        "modalities = ['visuel']",
        "dataset.toml: unknown modality 'visuel'; did you mean 'visual'?",
    ),
    "base": (
        "base = 'ml-100'",
        "dataset.toml: key 'base': unknown dataset 'ml-100'; did you mean 'ml-100k'?",
    ),
    "base folder": ("base = './'", "dataset.toml: key 'base': ./ has a base itself (./); name that one"),
    "outside": (
        "items = '../items.jsonl'",
        "dataset.toml: key 'items': '../items.jsonl' leads out of the folder",
    ),
}


@pytest.mark.parametrize(("content", "message"), MANIFEST_FAULTS.values(), ids=MANIFEST_FAULTS)
def test_faults_of_the_manifest(folder, registry, content, message):
    (folder / "dataset.toml").write_text(content)
    assert message in one_line(folder, registry)


def one_line(folder, registry):
    with pytest.raises(RecclaimsError) as caught:
        load(folder, registry)
    message = str(caught.value)
    assert "\n" not in message
    assert str(folder) in message
    return message


def test_a_folder_needs_no_manifest(folder, registry, monkeypatch):
    """As a user types it: the folder's name, in the place where it lies."""
    named = load(folder, registry)
    (folder / "dataset.toml").unlink()
    monkeypatch.chdir(folder.parent)
    found = open_source(folder.name, registry).load()
    assert found.name == folder.name
    assert [item.item_id for item in found.items] == [item.item_id for item in named.items]
    assert len(found.interactions.items) == len(named.interactions.items)


@pytest.mark.parametrize("ending", ["tsv", "csv", "parquet"])
@pytest.mark.parametrize("manifest", [None, ""])
def test_interactions_without_a_catalogue_say_what_to_write(tmp_path, registry, ending, manifest):
    (tmp_path / f"interactions.{ending}").write_text("user_id,item_id\nu1,a\n")
    if manifest is not None:
        (tmp_path / "dataset.toml").write_text(manifest)
    asked = f'interactions.{ending} needs items.jsonl beside it, one JSON object a line, as in {{"item_id": '
    assert one_line(tmp_path, registry).startswith(f"{tmp_path}: {asked}")
    (tmp_path / "items.csv").write_text("item_id,title\na,A\n")
    assert one_line(tmp_path, registry).startswith(f"{tmp_path}: items.csv is not read; {asked}")


def test_a_folder_without_a_manifest_may_not_have_a_registered_name(tmp_path, registry):
    place = tmp_path / "emoji"
    place.mkdir()
    write_items(place, [{"item_id": "a"}])
    registry.datasets.setdefault("emoji", object)
    assert "'emoji' is the name of a registered dataset; give it another name with the key 'name'" in one_line(
        place, registry
    )


def test_a_linked_folder_that_leads_out_is_refused(folder, registry, tmp_path_factory):
    outside = tmp_path_factory.mktemp("outside")
    Image.new("RGB", (4, 4)).save(outside / "b.png")
    (folder / "more").symlink_to(outside)
    write_items(folder, [{"item_id": "a", "image": "more/b.png"}])
    assert "leads out of the folder" in one_line(folder, registry)


def test_a_link_that_leads_out_is_refused(folder, registry, tmp_path_factory):
    outside = tmp_path_factory.mktemp("outside") / "secret.png"
    Image.new("RGB", (2, 2)).save(outside)
    (folder / "images" / "link.png").symlink_to(outside)
    write_items(folder, [{"item_id": "a", "image": "images/link.png"}])
    assert "leads out of the folder" in one_line(folder, registry)


@pytest.mark.parametrize(
    ("manifest", "message"),
    [
        ("relevance = 4", "relevance is 4, but there is no rating column"),
        ("split = 'temporal'", "a temporal split needs a timestamp column"),
    ],
)
def test_a_protocol_that_the_data_cannot_follow(folder, registry, manifest, message):
    (folder / "dataset.toml").write_text(manifest)
    with pytest.raises(DatasetError, match=message):
        load(folder, registry)


def test_a_table_that_leads_out_is_refused(folder, registry, tmp_path_factory):
    outside = tmp_path_factory.mktemp("outside") / "interactions.tsv"
    (folder / "interactions.tsv").rename(outside)
    (folder / "interactions.tsv").symlink_to(outside)
    assert "interactions.tsv: leads out of the folder" in one_line(folder, registry)


def test_two_kinds_of_interactions_are_one_too_many(folder, registry):
    write_table(folder / "train.tsv", ["u1 a"])
    assert "has both interactions.tsv and train.tsv" in one_line(folder, registry)


def test_an_incomplete_split_names_the_missing_part(folder, registry):
    (folder / "interactions.tsv").rename(folder / "train.tsv")
    assert "valid.{tsv,csv,parquet} is missing" in one_line(folder, registry)


def test_an_empty_part_of_a_given_split(folder, registry):
    (folder / "interactions.tsv").rename(folder / "train.tsv")
    write_table(folder / "valid.tsv", ["u1 a"])
    write_table(folder / "test.tsv", [])
    assert "test.tsv: the test part of the split is empty" in one_line(folder, registry)


def test_a_pair_in_two_parts_is_a_leak(folder, registry):
    (folder / "interactions.tsv").rename(folder / "train.tsv")
    write_table(folder / "valid.tsv", ["u1 a"])
    write_table(folder / "test.tsv", ["u3 a"])
    assert "user 'u1' has item 'a' in more than one part of the split" in one_line(folder, registry)


def test_a_folder_without_interactions(folder, registry):
    (folder / "interactions.tsv").unlink()
    assert "has neither interactions.{tsv,csv,parquet} nor train, valid and test" in one_line(folder, registry)


def test_strangers_to_the_base_are_shown(folder, registry):
    (folder / "dataset.toml").write_text('base = "ml-100k"')
    assert "3 items are not in the base 'ml-100k': 'a', 'b', 'c'" in one_line(folder, registry)


@pytest.mark.parametrize("content", [b"", b"not an image", b"\x89PNG\r\n\x1a\n broken"])
def test_an_unreadable_image_is_named(folder, registry, content):
    (folder / "images" / "a.png").write_bytes(content)
    item = load(folder, registry).items[0]
    with pytest.raises(DatasetError, match=r"a\.png: image of item 'a' cannot be read") as caught:
        item.image()
    assert "\n" not in str(caught.value)


def test_a_truncated_image_is_named(folder, registry):
    path = folder / "images" / "a.png"
    Image.effect_noise((64, 64), 50).save(path)
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(DatasetError, match="cannot be read"):
        load(folder, registry).items[0].image()


def test_a_huge_image_is_not_decoded(folder, registry):
    Image.new("1", (9000, 9000)).save(folder / "images" / "a.png")
    with pytest.raises(DatasetError, match="9000 x 9000 pixels; at most"):
        load(folder, registry).items[0].image()


@pytest.mark.skipif("RECCLAIMS_DATA_DIR" not in os.environ, reason="RECCLAIMS_DATA_DIR is not set")
def test_real_posters_over_ml_100k(registry):
    card = load(Path(os.environ["RECCLAIMS_DATA_DIR"]) / "ml100k", registry).card()
    assert (card["items"], card["items_with_image"], card["items_with_both"]) == (1682, 1663, 1663)
    assert card["interactions"] == 100_000


@pytest.mark.parametrize(
    ("records", "message"),
    [
        ([{"tag": ["t5", None]}], "items.jsonl:1: key 'tag' is ['t5', None], not a list"),
        ([{"tag": ["t5", 7]}], "items.jsonl:1: key 'tag' is ['t5', 7], not a list"),
        ([{"tag": ["t5"]}, {"tag": [None]}], "items.jsonl:2: key 'tag' is [None]"),
        ([{"tag": [5]}, {"tag": ["t5"]}], "items.jsonl:1: key 'tag' is [5]"),
        ([{"tag": ["t5"]}, {"tag": "t6"}], "items.jsonl:2: key 'tag' is 't6'"),
        ([{"tag": ["t5"]}, {"tag": {"a": 1}}], "items.jsonl:2: key 'tag' is {'a': 1}"),
    ],
)
def test_a_slot_is_a_list_of_texts_in_every_line(folder, registry, records, message):
    records += [{} for _ in range(3 - len(records))]
    write_items(folder, [{"item_id": one, **record} for one, record in zip("abc", records, strict=True)])
    with pytest.raises(DatasetError) as caught:
        load(folder, registry)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_fields_that_are_no_slot_are_left_alone(folder, registry):
    records = [{"tag": ["t5"], "price": [5], "brand": "x"}, {"tag": [], "price": 7, "brand": {}}, {"tag": None}]
    write_items(folder, [{"item_id": one, **record} for one, record in zip("abc", records, strict=True)])
    assert [dict(item.attributes) for item in load(folder, registry).items] == [{"tag": ("t5",)}, {}, {}]
