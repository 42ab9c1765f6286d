import numpy as np
import pytest

from recclaims.data.reference import open_source
from recclaims.data.splits import make_split
from recclaims.data.vectors import modality_of
from recclaims.errors import RecclaimsError
from recclaims.plugin_manager import registry
from recclaims.testing import DatasetContract

from .. import foreign
from ..foreign import (
    N_ITEMS,
    interactions,
    write_cornac,
    write_ducho,
    write_elliot,
    write_microlens,
    write_mmrec,
    write_recbole,
)


class TestImportedFolder(DatasetContract):
    @pytest.fixture(autouse=True)
    def folder(self, tmp_path):
        self.path = write_recbole(tmp_path / "rb")

    def make(self):
        return open_source(str(self.path), registry())


def load(folder, query=""):
    return open_source(f"{folder}{query}", registry()).load()


def triples(dataset, split=True):
    """The interactions as a set of user, item and part, by the ids of the file."""
    parts = make_split(dataset, 0).labels if split else np.zeros(len(dataset.interactions), dtype=int)
    users = [dataset.user_ids[user] for user in dataset.interactions.users]
    items = [dataset.items[item].item_id for item in dataset.interactions.items]
    return set(zip(users, items, parts.tolist(), strict=True))


def expected(user="{}", item="{}", split=True):
    users, items, _, _, parts = interactions()
    parts = parts if split else np.zeros_like(parts)
    return {(user.format(u), item.format(i), int(p)) for u, i, p in zip(users, items, parts, strict=True)}


def test_mmrec(tmp_path):
    source = open_source(str(write_mmrec(tmp_path / "baby")), registry())
    assert source.name == "baby"
    assert source.modalities == frozenset()
    assert {name: file.modality for name, file in source.features.items()} == {
        "image_feat": "visual",
        "text_feat": "textual",
    }
    dataset = source.load()
    assert triples(dataset) == expected("A{}", "B{:03}")
    # Row i of the matrices is item i: the order of the numbers, not that of the file or of the ids.
    assert [item.item_id for item in dataset.items] == [f"B{i:03}" for i in range(N_ITEMS)]
    assert dataset.interactions.ratings[0] == dataset.interactions.items[0] % 5 + 1
    assert set(dataset.features) == {"image_feat", "text_feat"}


def test_mmrec_without_maps_numbers_its_items_in_order(tmp_path):
    dataset = load(write_mmrec(tmp_path / "baby", mapped=False))
    assert [item.item_id for item in dataset.items] == [str(i) for i in range(N_ITEMS)]
    assert triples(dataset) == expected()
    assert np.array_equal(make_split(dataset, 0).labels, make_split(dataset, 7).labels)


def test_mmrec_without_parts_draws_a_split_of_each_replicate(tmp_path):
    folder = tmp_path / "baby"
    folder.mkdir()
    users, items, *_ = interactions()
    (folder / "baby.inter").write_text(foreign.table([users, items], ["userID", "itemID"]))
    dataset = load(folder)
    assert dataset.given_split is None
    assert not np.array_equal(make_split(dataset, 0).labels, make_split(dataset, 7).labels)


def test_recbole_with_its_split_and_items(tmp_path):
    source = open_source(str(write_recbole(tmp_path / "rb")), registry())
    assert source.modalities == {"textual", "attributes"}
    dataset = source.load()
    assert triples(dataset) == expected(item="i{}")
    by_id = {item.item_id: item for item in dataset.items}
    assert by_id["i5"].title == "thing 5"
    # `page` tells which item it is and nothing else; `price` is no attribute.
    assert by_id["i5"].attributes == {"class": ("group1", "common"), "year": ("1",)}
    assert not by_id[f"i{N_ITEMS - 1}"].title, "an item without a line in .item still is a candidate"


def test_recbole_without_split_or_items(tmp_path):
    source = open_source(str(write_recbole(tmp_path / "rb", split=False, described=False)), registry())
    assert source.modalities == frozenset()
    assert triples(source.load(), split=False) == expected(item="i{}", split=False)


def test_elliot_with_its_split_and_attributes(tmp_path):
    source = open_source(str(write_elliot(tmp_path / "el")), registry())
    assert source.modalities == {"attributes"}
    dataset = source.load()
    assert triples(dataset) == expected()
    assert dataset.items[2].attributes == {"map": ("blue", "9")}
    assert len(dataset.items) == N_ITEMS, "an item that only the attribute file has is no candidate"


def test_elliot_without_split(tmp_path):
    assert triples(load(write_elliot(tmp_path / "el", split=False)), split=False) == expected(split=False)


def test_cornac(tmp_path):
    source = open_source(str(write_cornac(tmp_path / "co")), registry())
    assert source.modalities == {"textual"}
    assert source.features["image_features"].ids.name == "item_ids.txt"
    dataset = source.load()
    assert triples(dataset, split=False) == expected(item="i{}", split=False)
    assert {item.item_id: item.text for item in dataset.items}["i7"] == "words of 7 :: and more"


@pytest.mark.parametrize(("release", "named"), [("MicroLens-50k", True), ("MicroLens-100k", False)])
def test_microlens(tmp_path, release, named):
    source = open_source(str(write_microlens(tmp_path / "ml", release, named)), registry())
    assert source.modalities == {"visual", "textual"}
    dataset = source.load()
    users, items, _, times, _ = interactions()
    ids = [item.item_id for item in dataset.items]
    found = dataset.interactions
    assert {
        (dataset.user_ids[u], ids[i], t) for u, i, t in zip(found.users, found.items, found.timestamps, strict=True)
    } == {(str(u), str(i), t) for u, i, t in zip(users, items, times, strict=True)}
    shown = {item.item_id: item for item in dataset.items}
    assert shown["7"].title == 'What 7 says, and "more"'
    assert shown["7"].image().size == (24, 18)
    assert not shown["0"].has("visual")


def test_ducho_beside_any_interactions(tmp_path):
    folder = write_ducho(write_elliot(tmp_path / "el"), [str(i) for i in range(N_ITEMS)])
    features = open_source(str(folder), registry()).features
    assert {name: file.modality for name, file in features.items()} == {
        "visual_embeddings.torch.ResNet50.avgpool": "visual",
        "textual_embeddings_32.sentence_transformers.all-mpnet-base-v2.1": "textual",
    }


def test_a_manifest_beside_a_foreign_format_says_how_it_is_scored(tmp_path):
    folder = write_mmrec(tmp_path / "baby")
    (folder / "dataset.toml").write_text('name = "infant"\nrelevance = 4\n')
    dataset = load(folder)
    assert (dataset.name, dataset.relevance) == ("infant", 4.0)
    assert load(folder, "?relevance=none").relevance is None


def test_vectors_in_a_folder_of_our_own_are_found(tmp_path):
    from ..toy import write_toy

    folder = write_toy(tmp_path / "toy")
    np.save(folder / "image_feat.npy", foreign.vectors(3))
    np.save(folder / "user_graph_dict.npy", np.zeros((3, 3)))
    assert list(load(folder).features) == ["image_feat"]


@pytest.mark.parametrize(
    ("name", "modality"),
    [
        ("image_feat", "visual"),
        ("text_feat", "textual"),
        ("clip-vision-L14", "visual"),
        ("poster_features", "visual"),
        ("image_and_text", "multimodal"),
        ("v_feat", "visual"),
        ("baby_t_features", "textual"),
        ("context", None),
        ("user_graph_dict", None),
        ("audio_feat", None),
    ],
)
def test_a_name_tells_the_modality(name, modality):
    assert modality_of(name) == modality


def edit(name, old, new):
    def change(folder):
        path = folder / name
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new, 1))

    return change


def add(name, text):
    return lambda folder: (folder / name).write_text(text)


def remove(name):
    return lambda folder: (folder / name).unlink()


@pytest.mark.parametrize(
    ("write", "change", "message"),
    [
        (write_mmrec, edit("data.inter", "\t0\n", "\t3\n"), "data.inter: row 1: x_label is '3', not 0, 1 or 2"),
        (
            write_mmrec,
            edit("data.inter", "\n0\t", "\nann\t"),
            "data.inter: row 1: userID is 'ann', not a whole number",
        ),
        (write_mmrec, edit("data.inter", "\n0\t", "\n\t"), "data.inter: row 1: user_id is empty"),
        (write_mmrec, edit("data.inter", "rating", "ratng"), "unknown column 'ratng'; did you mean 'rating'?"),
        (write_mmrec, add("more.inter", "userID\titemID\n1\t1\n"), None),
        (
            write_mmrec,
            lambda folder: (
                (folder / "data.inter").rename(folder / "a.inter") and add("b.inter", "userID\titemID\n1\t1\n")(folder)
            ),
            "has a.inter, b.inter; keep",
        ),
        (write_mmrec, edit("i_id_mapping.csv", "B001\t1\n", ""), "i_id_mapping.csv: number 1 has no id"),
        (
            write_mmrec,
            edit("i_id_mapping.csv", "B001\t1\n", "B001\tone\n"),
            "row 2: expected an id, a tab and a number",
        ),
        (write_mmrec, edit("i_id_mapping.csv", "B001\t1\n", "B001\t0\n"), "row 2: number 0 already has the id 'B000'"),
        (write_mmrec, edit("i_id_mapping.csv", "B001\t1\n", "B000\t1\n"), "id 'B000' has 2 numbers"),
        (write_mmrec, edit("u_id_mapping.csv", "A149\t149\n", ""), "has 149 ids; data.inter has the numbers 149"),
        (write_mmrec, add("train.tsv", "1\t2\t3\t4\n"), "has files of MMRec and Elliot"),
        (write_mmrec, add("dataset.toml", 'items = "x"\n'), "dataset.toml: key 'items'"),
        (write_mmrec, add("dataset.toml", 'name = "emoji"\n'), "'emoji' is the name of a registered dataset"),
        (write_mmrec, add("dataset.toml", 'category = "x"\n'), "key 'category': unknown attribute slot 'x'"),
        (write_recbole, remove("data.valid.inter"), "data.valid.inter is missing"),
        (write_recbole, edit("data.train.inter", ":float", ":number"), "token, token_seq, float"),
        (write_recbole, edit("data.train.inter", "item_id:", "iid:"), "column 'item_id' is missing"),
        (write_recbole, edit("data.item", "i1\t", "i0\t"), "data.item: duplicate item_id 'i0'"),
        (
            write_recbole,
            add("data.inter", "user_id:token\titem_id:token\n1\t1\n"),
            "keep the files of only one dataset",
        ),
        (write_elliot, remove("validation.tsv"), "validation.tsv is missing"),
        (write_elliot, add("dataset.tsv", "1\t2\t3\t4\n"), "has both dataset.tsv and train.tsv"),
        (write_elliot, edit("test.tsv", "\t", "\t\t"), "test.tsv: "),
        (write_elliot, edit("map.tsv", "1\t", "0\t"), "map.tsv:2: duplicate item '0'"),
        (write_microlens, edit("MicroLens-50k_pairs.csv", "\n1,", "\n,"), "user_id"),
        (write_microlens, edit("MicroLens-50k_titles.csv", "\n7,", "\n8,"), "duplicate item '8'"),
        (write_microlens, edit("MicroLens-50k_titles.csv", "\n7,", "\n07,"), "only in spelling"),
        (write_microlens, add("MicroLens-100k_title_en.csv", '1,"x"\n'), "keep only one as the titles"),
        (write_microlens, add("rating.txt", "1\t2\t3\n"), "has files of Cornac and MicroLens"),
        (write_cornac, edit("text.txt", "i1::words of 1 ::", "i1:"), "text.txt:2: expected an id, '::' and a text"),
        (write_cornac, edit("text.txt", "i1::", "i0::"), "text.txt:2: duplicate item 'i0'"),
        (write_cornac, edit("rating.txt", "\t1\n", "\tone\n"), "rating is 'one', not a number"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(tmp_path, write, change, message):
    folder = write(tmp_path / "data")
    change(folder)
    if message is None:
        assert load(folder)
        return
    with pytest.raises(RecclaimsError) as caught:
        load(folder)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_pair_in_two_parts_is_refused(tmp_path):
    folder = write_mmrec(tmp_path / "baby", mapped=False)
    first = (folder / "baby.inter").read_text().splitlines()[1]
    with (folder / "baby.inter").open("a") as file:
        file.write(first[:-1] + "2\n")
    user, item = first.split("\t")[:2]
    with pytest.raises(RecclaimsError, match=f"user '{user}' has item '{item}' in more than one part"):
        load(folder)


def test_a_folder_of_nothing_says_what_it_could_hold(tmp_path):
    with pytest.raises(RecclaimsError, match=r"has no dataset.toml .*MMRec .* Cornac"):
        open_source(str(tmp_path), registry())
    write_ducho(tmp_path, [str(i) for i in range(N_ITEMS)])
    with pytest.raises(RecclaimsError, match=r"visual_embeddings\.torch\.ResNet50\.avgpool.* need interactions beside"):
        open_source(str(tmp_path), registry())


@pytest.mark.parametrize("name", ["image_feat.npy", "image_feat.ids.txt"])
def test_a_link_out_of_the_folder_is_refused(tmp_path, name):
    folder = write_mmrec(tmp_path / "baby")
    outside = tmp_path / "outside"
    outside.write_text("x\n")
    (folder / name).unlink(missing_ok=True)
    (folder / name).symlink_to(outside)
    with pytest.raises(RecclaimsError, match="leads out of the folder"):
        load(folder)


@pytest.mark.parametrize("write", [write_mmrec, write_recbole, write_elliot, write_cornac])
def test_no_file_of_another_program_may_be_a_link_out_of_its_folder(tmp_path, write):
    folder = write(tmp_path / "d")
    for path in [path for path in folder.iterdir() if path.suffix != ".npy"]:
        outside = path.rename(tmp_path / path.name)
        path.symlink_to(outside)
        with pytest.raises(RecclaimsError, match="leads out of the folder"):
            load(folder)
        path.unlink()
        outside.rename(path)
    load(folder)


@pytest.mark.parametrize("name", ["pairs.csv", "titles.csv", "covers", "covers/7.jpg"])
def test_nothing_that_is_read_of_microlens_may_be_a_link_out_of_its_folder(tmp_path, name):
    folder = write_microlens(tmp_path / "d")
    path = folder / f"MicroLens-50k_{name}"
    path.symlink_to(path.rename(tmp_path / path.name))
    with pytest.raises(RecclaimsError, match="leads out of the folder"):
        load(folder)


def test_no_vector_of_ducho_may_be_a_link_out_of_its_folder(tmp_path):
    folder = write_ducho(write_elliot(tmp_path / "d"), [str(i) for i in range(N_ITEMS)])
    path = next(folder.glob("visual_embeddings/**/7.npy"))
    path.symlink_to(path.rename(tmp_path / "7.npy"))
    with pytest.raises(RecclaimsError, match=r"7\.npy: leads out of the folder"):
        load(folder)
