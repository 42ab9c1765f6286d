import json
import pickle

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st
from safetensors.numpy import save_file

from recclaims.data.catalogue import Item
from recclaims.data.dataset import Dataset, Interactions
from recclaims.data.reference import open_source
from recclaims.data.vectors import FeatureFile
from recclaims.errors import FeatureError, RecclaimsError, UnknownNameError
from recclaims.features.available_inputs import available_modalities, bundled_encoders
from recclaims.features.encoded import FeatureReport
from recclaims.features.extraction import extract
from recclaims.features.resolve import bind, facts_of, make_encoder
from recclaims.plugin_manager import registry

from ..drawing import examples
from ..toy import write_toy

IDS = [f"i{number}" for number in range(12)]
ITEMS = [Item(one) for one in IDS]
MATRIX = np.arange(36, dtype=np.float32).reshape(12, 3) / 7


def encoder(path, settings=""):
    return make_encoder(f"features:{path}{settings}", registry())


def rows(path, items=ITEMS):
    return extract(encoder(path), items).matrix


def dataset(**features):
    nobody = np.array([0], dtype=np.int32)
    return Dataset("shop", ITEMS, ["u"], Interactions(nobody, nobody), features=features)


def write_npy(path, order):
    np.save(path / "x.npy", MATRIX[order])
    (path / "x.ids.txt").write_text("".join(f"{IDS[i]}\n" for i in order))
    return path / "x.npy"


def write_npz(path, order):
    np.savez(path / "x.npz", vectors=MATRIX[order], ids=np.array(IDS)[order])
    return path / "x.npz"


def write_safetensors(path, order):
    metadata = {"ids": json.dumps([IDS[i] for i in order])}
    save_file({"vectors": np.ascontiguousarray(MATRIX[order])}, path / "x.safetensors", metadata=metadata)
    return path / "x.safetensors"


def frame(order):
    columns = {f"f{i}": MATRIX[order][:, i] for i in range(3)}
    return pl.DataFrame({"item_id": [IDS[i] for i in order], **columns})


def write_parquet(path, order):
    frame(order).write_parquet(path / "x.parquet")
    return path / "x.parquet"


def write_lists(path, order):
    table = pl.DataFrame({"asin": [IDS[i] for i in order], "vector": MATRIX[order].tolist()})
    table.write_parquet(path / "x.parquet")
    return path / "x.parquet"


def write_csv(path, order):
    frame(order).write_csv(path / "x.csv")
    return path / "x.csv"


def write_tsv(path, order):
    frame(order).write_csv(path / "x.tsv", separator="\t")
    return path / "x.tsv"


def write_folder(path, order):
    (path / "x").mkdir(exist_ok=True)
    for i in order:
        np.save(path / "x" / f"{IDS[i]}.npy", MATRIX[i][None] if i % 2 else MATRIX[i])
    return path / "x"


WRITERS = [write_npy, write_npz, write_safetensors, write_parquet, write_lists, write_csv, write_tsv, write_folder]


@pytest.mark.parametrize("write", WRITERS)
@examples(5, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(order=st.permutations(range(12)))
def test_rows_find_their_items_in_whatever_order_they_lie(tmp_path, write, order):
    np.testing.assert_array_equal(rows(write(tmp_path, order)), MATRIX)


@pytest.mark.parametrize("write", WRITERS)
def test_items_without_a_vector_are_imputed_and_counted(tmp_path, write):
    features = extract(encoder(write(tmp_path, [*range(2, 12)])), ITEMS)
    assert features.filled.tolist() == [True, True] + 10 * [False]
    np.testing.assert_array_equal(features.matrix[2:], MATRIX[2:])
    np.testing.assert_allclose(features.matrix[0], MATRIX[2:].mean(axis=0), rtol=1e-6)
    assert FeatureReport.of(features).imputed == 2


def test_vectors_of_others_are_left_alone(tmp_path):
    np.testing.assert_array_equal(rows(write_npy(tmp_path, [*range(12)]), ITEMS[3:5]), MATRIX[3:5])


def test_without_ids_row_i_is_item_i_and_is_mapped(tmp_path):
    np.save(tmp_path / "x.npy", MATRIX)
    made = encoder(tmp_path / "x.npy").encode(ITEMS)
    np.testing.assert_array_equal(made, MATRIX)
    assert not made.flags.owndata
    assert not made.flags.writeable


@pytest.mark.parametrize("dtype", [np.float16, np.float64, np.int8, bool])
def test_other_numbers_become_float32(tmp_path, dtype):
    np.save(tmp_path / "x.npy", MATRIX.astype(dtype))
    made = rows(tmp_path / "x.npy")
    assert made.dtype == np.float32
    np.testing.assert_array_equal(made, MATRIX.astype(dtype).astype(np.float32))


class Bomb:
    def __reduce__(self):
        return (exec, ("raise SystemExit('unpickled')",))


def with_value(value):
    def write(path):
        matrix = MATRIX.copy()
        matrix[[1, 2, 4, 7], 1] = value
        np.save(path / "x.npy", matrix)
        return path / "x.npy"

    return write


def saved(array, name="x.npy", pickled=False):
    def write(path):
        np.save(path / name, array, allow_pickle=pickled)
        return path / name

    return write


def with_ids(text, array=MATRIX):
    def write(path):
        np.save(path / "x.npy", array)
        (path / "x.ids.txt").write_text(text)
        return path / "x.npy"

    return write


def table(columns, name="x.csv"):
    def write(path):
        made = pl.DataFrame(columns)
        made.write_csv(path / name) if name.endswith("csv") else made.write_parquet(path / name)
        return path / name

    return write


def text(content, name="x.csv"):
    def write(path):
        (path / name).write_text(content)
        return path / name

    return write


def folder_of(**files):
    def write(path):
        (path / "x").mkdir()
        for name, array in files.items():
            np.save(path / "x" / name, array, allow_pickle=True)
        return path / "x"

    return write


LFS = "version https://git-lfs.github.com/spec/v1\noid sha256:0000\nsize 12345\n"


def archive_called_npy(path):
    return write_npz(path, [*range(12)]).rename(path / "x.npy")


OBJECTS = np.array([Bomb(), None], dtype=object)


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (with_value(np.nan), "x.npy: the vectors of 4 items have NaN or inf: 'i1', 'i2', 'i4'"),
        (with_value(np.inf), "x.npy: the vectors of 4 items have NaN or inf: 'i1', 'i2', 'i4'"),
        (saved(MATRIX[:5]), "has 5 rows for 12 items ('i0', 'i1', 'i2', ...); list their ids in x.ids.txt"),
        (saved(MATRIX[:, 0]), "x.npy: has shape (12,), not (items, dimensions)"),
        (saved(MATRIX[:, :0]), "x.npy: has shape (12, 0), not (items, dimensions)"),
        (saved(MATRIX.astype(complex)), "x.npy: holds values of type complex128, not real numbers"),
        (saved(MATRIX.astype(str)), "x.npy: holds values of type <U"),
        (saved(MATRIX.astype(np.float64) * 1e300), "have NaN or inf: "),
        (saved(OBJECTS, pickled=True), "x.npy: holds Python objects, which are never unpickled"),
        (with_ids("i0\ni1\n"), "x.ids.txt: has 2 ids ('i0', 'i1') for 12 rows"),
        (with_ids("".join(f"i{i // 2}\n" for i in range(12))), "6 ids have more than one row: 'i0', 'i1', 'i2'"),
        (with_ids("".join(f"{IDS[i] if i % 2 else ''}\n" for i in range(12))), "6 rows have no id: rows 1, 3, 5"),
        (with_ids("".join(f"B{i}\n" for i in range(12))), "the catalogue's ids are like 'i0', 'i1', 'i2', the file's"),
        (table({"x": IDS, "a": [1.0] * 12}), "none of its columns ('x', 'a') is called item_id"),
        (text("item_id,a\ni0,1\ni1,red\n"), "x.csv: cannot be read: "),
        (text("item_id,a\ni0,1\ni1,\n"), "the vectors of 1 items have NaN or inf: 'i1'"),
        (text("item_id,a\ni0,1\n,2\n"), "x.csv: 1 rows have no id: rows 2"),
        (text("item_id\ni0\n"), "x.csv: has shape (1, 0), not (items, dimensions)"),
        (text("", "x.npy"), "x.npy: cannot be read: "),
        *(
            (
                text(LFS, f"x.{end}"),
                f"x.{end}: cannot be read: is a Git LFS pointer; get the file with git lfs pull",
            )
            for end in ("npy", "npz", "safetensors", "parquet", "csv", "tsv")
        ),
        (archive_called_npy, "x.npy: is an .npz archive; call it x.npz"),
        (text("garbage", "x.safetensors"), "x.safetensors: cannot be read: "),
        (text("x", "x.pt"), "x.pt: unknown format; write .npy, .npz, .safetensors, .parquet, .csv, .tsv or a folder"),
        (table({"item_id": IDS, "a": ["red"] * 12}, "x.parquet"), "x.parquet: columns hold no numbers: 'a'"),
        (
            table({"item_id": IDS[:3], "a": [[1.0, 2.0], [1.0, 2.0], [1.0]]}, "x.parquet"),
            "x.parquet: 1 vectors are not 2 long: 'i2'",
        ),
        (folder_of(), "x: has no .npy files"),
        (folder_of(B1=MATRIX[0]), "none of its 1 files ('B1') is called by an item's id"),
        (
            folder_of(i0=MATRIX[0], i1=MATRIX[0][:2], i2=MATRIX),
            "2 files do not hold a vector as long as the first: 'i1' (2,)",
        ),
        (folder_of(i0=OBJECTS), "i0.npy: holds Python objects, which are never unpickled"),
        (folder_of(i0=np.array(["a"])), "i0.npy: holds values of type <U1, not real numbers"),
        (folder_of(i0=MATRIX[0], i1=MATRIX[0] * np.nan), "the vectors of 1 items have NaN or inf: 'i1'"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(tmp_path, write, message):
    with pytest.raises(FeatureError) as caught:
        rows(write(tmp_path))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["x.npz", "x.npy"])
def test_nothing_is_unpickled(tmp_path, name):
    if name == "x.npz":
        np.savez(tmp_path / name, allow_pickle=True, vectors=OBJECTS)
    else:
        (tmp_path / name).write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(FeatureError):
        rows(tmp_path / name)


def test_a_path_that_is_not_there_is_said_before_anything_runs(tmp_path):
    with pytest.raises(FeatureError, match=r"/no\.npy does not exist"):
        encoder(tmp_path / "no.npy")
    with pytest.raises(UnknownNameError, match="unknown modality 'visal'; did you mean 'visual'"):
        encoder(saved(MATRIX)(tmp_path), "?modality=visal")
    with pytest.raises(UnknownNameError, match="unknown key 'modalty'; did you mean 'modality'"):
        encoder(saved(MATRIX)(tmp_path), "?modalty=visual")


@pytest.mark.parametrize(
    ("place", "settings", "modality"),
    [
        ("x.npy", "", "multimodal"),
        ("x.npy", "?modality=visual", "visual"),
        ("image_feat.npy", "", "visual"),
        ("image_feat.npy", "?modality=textual", "textual"),
        ("visual_embeddings/sentence_transformers/title-net/1", "", "visual"),
        ("text/x.npy", "", "textual"),
    ],
)
def test_the_modality_is_said_or_seen(tmp_path, monkeypatch, place, settings, modality):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / place
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix:
        np.save(path, MATRIX)
    else:
        path.mkdir()
    place = f"./{place}"
    assert facts_of(f"features:{place}{settings}", registry()).modality == modality
    assert facts_of(f"features:{place}{settings}", registry()).requires == frozenset()


def test_a_dataset_brings_its_own(tmp_path):
    np.save(tmp_path / "image_feat.npy", MATRIX)
    np.save(tmp_path / "text_feat.npy", 2 * MATRIX)
    mine = dataset(
        image_feat=FeatureFile(tmp_path / "image_feat.npy", "visual"),
        text_feat=FeatureFile(tmp_path / "text_feat.npy", "textual"),
    )
    source = type("Source", (), {"modalities": frozenset(), "features": mine.features})()
    fused = "late_fusion:features:image_feat+features:text_feat"
    assert bundled_encoders(source) == ["features:image_feat", "features:text_feat", fused]
    for name in bundled_encoders(source):
        facts = facts_of(name, registry())
        assert facts.requires <= available_modalities(source)
    assert facts.blocks == ("visual", "textual")
    one = bind(make_encoder("features:image_feat", registry()), mine)
    np.testing.assert_array_equal(extract(one, ITEMS).matrix, MATRIX)
    both = bind(make_encoder(fused, registry()), mine)
    assert extract(both, ITEMS).matrix.shape == (12, 6)
    assert both.version.count("sha256-") == 2
    with pytest.raises(UnknownNameError, match="dataset 'shop': unknown features 'image_fat'; did you mean"):
        bind(make_encoder("features:image_fat", registry()), mine)
    with pytest.raises(FeatureError, match=r"give its path: \./image_feat"):
        extract(make_encoder("features:image_feat", registry()), ITEMS)


def test_its_version_follows_content_and_not_the_name(tmp_path):
    def version(path):
        return bind(encoder(path), dataset()).version

    first = version(write_npy(tmp_path, [*range(12)]))
    assert version(tmp_path / "x.npy") == first
    (tmp_path / "x.npy").rename(tmp_path / "y.npy")
    (tmp_path / "x.ids.txt").rename(tmp_path / "y.ids.txt")
    assert version(tmp_path / "y.npy") == first
    (tmp_path / "y.ids.txt").write_text("".join(f"{one}\n" for one in reversed(IDS)))
    by_ids = version(tmp_path / "y.npy")
    np.save(tmp_path / "y.npy", 2 * MATRIX)
    assert len({first, by_ids, version(tmp_path / "y.npy")}) == 3


def test_paths_with_odd_characters(tmp_path):
    place = tmp_path / "a+b:c"
    place.mkdir()
    np.save(place / "image+1.npy", MATRIX)
    np.save(place / "text.npy", MATRIX)
    name = f"features:{place / 'image+1.npy'}"
    np.testing.assert_array_equal(extract(make_encoder(name, registry()), ITEMS).matrix, MATRIX)
    fused = make_encoder(f"late_fusion:{name}?modality=visual+features:{place / 'text.npy'}+attributes", registry())
    assert [part.name for part in fused.parts] == [
        f"{name}?modality=visual",
        f"features:{place / 'text.npy'}",
        "attributes",
    ]
    with pytest.raises(RecclaimsError, match=r"late_fusion:.*no file at .*/a"):
        make_encoder(f"late_fusion:features:{place / 'no.npy'}+attributes", registry())


def test_without_an_argument_it_has_no_case():
    assert not facts_of("features", registry()).requires <= {"visual", "textual", "attributes", "answers"}
    assert make_encoder("features", registry()).unavailable() == "features needs a file: features:PATH"


def test_rows_without_ids_follow_the_catalogues_own_order(tmp_path):
    """Items are numbered by their ids, whatever the order of the file; rows of vectors are not."""
    folder = write_toy(tmp_path / "data")
    lines = (folder / "items.jsonl").read_text().splitlines()
    listed = list(np.random.default_rng(1).permutation(lines))
    (folder / "items.jsonl").write_text("\n".join(listed) + "\n")
    rows = np.arange(1, 2 * len(listed) + 1, dtype=np.float32).reshape(-1, 2)
    np.save(folder / "some.npy", rows)
    dataset = open_source(str(folder), registry()).load()
    encoder = bind(make_encoder(f"features:{folder / 'some.npy'}", registry()), dataset)
    made = encoder.encode(dataset.items)
    ids = [json.loads(line)["item_id"] for line in listed]
    assert [item.item_id for item in dataset.items] != ids
    for item, row in zip(dataset.items, made, strict=True):
        assert row.tolist() == rows[ids.index(item.item_id)].tolist()
