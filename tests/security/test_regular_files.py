"""Every reader opens the very file that is named, and only a regular one."""

import os
import signal

import numpy as np
import polars as pl
import pytest
from PIL import Image
from safetensors.numpy import save_file

from recclaims.artefact import check_artefact
from recclaims.data.catalogue import Item
from recclaims.data.reference import open_source
from recclaims.errors import RecclaimsError
from recclaims.features.extraction import extract
from recclaims.features.resolve import bind, make_encoder
from recclaims.plugin_manager import registry
from recclaims.reporting import results
from recclaims.store import Store
from recclaims.toml_file import read_toml

from .. import foreign

#: What polars expands in a path, each with the name of a folder beside it that it would match.
PATTERNS = {"set[1]": "set1", "se*": "seven"}


@pytest.fixture(autouse=True)
def limit():
    """Whoever waits at a pipe is killed, so that the test run says so instead of waiting, too."""
    signal.alarm(60)
    yield
    signal.alarm(0)


def write_own(folder, ending="csv"):
    folder.mkdir(parents=True)
    (folder / "dataset.toml").write_text(f'interactions = "interactions.{ending}"\n')
    (folder / "items.jsonl").write_text("".join(f'{{"item_id": "{i}"}}\n' for i in "abc"))
    table = pl.DataFrame({"user_id": [folder.parent.name] * 3, "item_id": list("abc")})
    path = folder / f"interactions.{ending}"
    table.write_parquet(path) if ending == "parquet" else path.write_text(
        table.write_csv(separator="\t" if ending == "tsv" else ",")
    )
    return folder


def users(folder):
    return len(open_source(f"{folder}/", registry()).load().user_ids)


@pytest.mark.parametrize("pattern", PATTERNS)
@pytest.mark.parametrize("ending", ["csv", "tsv", "parquet"])
def test_a_path_is_no_pattern_of_interactions(tmp_path, pattern, ending):
    for name in (PATTERNS[pattern], pattern):
        write_own(tmp_path / name / "data", ending)
    dataset = open_source(f"{tmp_path / pattern / 'data'}/", registry()).load()
    assert list(dataset.user_ids) == [pattern]


@pytest.mark.parametrize(
    "write", [foreign.write_mmrec, foreign.write_recbole, foreign.write_elliot, foreign.write_cornac]
)
@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_path_is_no_pattern_of_another_program(tmp_path, write, pattern):
    mine, other = (write(tmp_path / name / "d") for name in (pattern, PATTERNS[pattern]))
    for path in (*other.glob("*.inter"), *other.glob("*.tsv"), *other.glob("rating.txt"), *other.glob("*.csv")):
        path.write_text("x\ty\n")
    assert users(mine) == foreign.N_USERS


def vectors(path, value):
    matrix = np.full((2, 3), value, dtype=np.float32)
    match path.suffix:
        case ".npy":
            np.save(path, matrix)
        case ".npz":
            np.savez(path, vectors=matrix, ids=np.array(["a", "b"]))
        case ".safetensors":
            save_file({"vectors": matrix}, path, metadata={"ids": '["a", "b"]'})
        case ending:
            table = pl.DataFrame({"item_id": ["a", "b"], **{f"f{i}": matrix[:, i] for i in range(3)}})
            separator = "\t" if ending == ".tsv" else ","
            table.write_parquet(path) if ending == ".parquet" else path.write_text(table.write_csv(separator=separator))


ENDINGS = ["npy", "npz", "safetensors", "parquet", "csv", "tsv"]
ITEMS = [Item("a"), Item("b")]


@pytest.mark.parametrize("pattern", PATTERNS)
@pytest.mark.parametrize("ending", ENDINGS)
def test_a_path_is_no_pattern_of_vectors(tmp_path, pattern, ending):
    for value, name in enumerate((PATTERNS[pattern], pattern)):
        (tmp_path / name).mkdir()
        vectors(tmp_path / name / f"x.{ending}", value)
    found = extract(make_encoder(f"features:{tmp_path / pattern}/x.{ending}", registry()), ITEMS)
    assert (found.matrix == 1).all()


def test_a_path_is_no_pattern_of_images(tmp_path):
    for name, colour in (("set1", "red"), ("set[1]", "blue")):
        (tmp_path / name).mkdir()
        Image.new("RGB", (2, 2), colour).save(tmp_path / name / "a.png")
    assert Item("a", image_path=tmp_path / "set[1]" / "a.png").image().getpixel((0, 0)) == (0, 0, 255)


@pytest.mark.parametrize("name", ["items.jsonl", "interactions.csv", "dataset.toml"])
def test_a_pipe_is_no_dataset(tmp_path, name):
    folder = write_own(tmp_path / "data")
    (folder / name).unlink()
    os.mkfifo(folder / name)
    with pytest.raises(RecclaimsError):
        users(folder)


@pytest.mark.parametrize(
    "write", [foreign.write_mmrec, foreign.write_recbole, foreign.write_elliot, foreign.write_cornac]
)
def test_a_pipe_is_no_table_of_another_program(tmp_path, write):
    folder = write(tmp_path / "d")
    for path in (*folder.glob("*.inter"), *folder.glob("*.tsv"), *folder.glob("rating.txt")):
        path.unlink()
        os.mkfifo(path)
    with pytest.raises(RecclaimsError):
        users(folder)


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_pipe_holds_no_vectors(tmp_path, ending):
    os.mkfifo(tmp_path / f"x.{ending}")
    encoder = make_encoder(f"features:{tmp_path}/x.{ending}", registry())
    with pytest.raises(RecclaimsError, match="is a pipe, not a regular file"):
        bind(encoder, open_source(f"{write_own(tmp_path / 'data')}/", registry()).load())
    with pytest.raises(RecclaimsError, match="is a pipe, not a regular file"):
        extract(encoder, ITEMS)


def test_a_pipe_or_device_is_no_image_or_toml(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(RecclaimsError, match="is a pipe, not a regular file"):
        Item("a", image_path=tmp_path / "pipe").image()
    with pytest.raises(RecclaimsError, match="is a pipe, not a regular file"):
        read_toml(tmp_path / "pipe")
    (tmp_path / "zero").symlink_to("/dev/zero")
    with pytest.raises(RecclaimsError, match="is a device, not a regular file"):
        read_toml(tmp_path / "zero")


@pytest.mark.parametrize(
    "write", [foreign.write_mmrec, foreign.write_recbole, foreign.write_elliot, foreign.write_cornac, write_own]
)
def test_a_byte_order_mark_is_no_part_of_a_text(tmp_path, write):
    def content(folder):
        dataset = open_source(f"{folder}/", registry()).load()
        return dataset.items, dataset.user_ids, dataset.interactions.items.tolist()

    folder = write(tmp_path / "d")
    before = content(folder)
    texts = [path for path in folder.iterdir() if path.suffix != ".npy"]
    for path in texts:
        path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert texts
    assert content(folder) == before


def test_a_byte_order_mark_is_no_part_of_an_id_of_vectors(tmp_path):
    vectors(tmp_path / "x.npy", 1)
    (tmp_path / "x.ids.txt").write_bytes(b"\xef\xbb\xbfa\nb\n")
    encoder = make_encoder(f"features:{tmp_path}/x.npy", registry())
    encoder.prepare(ITEMS)
    assert all(encoder.covers(item) for item in ITEMS)


def test_results_are_read_from_no_pipe(tmp_path):
    os.mkfifo(tmp_path / "results.json")
    with pytest.raises(RecclaimsError, match=r"results\.json: is a pipe, not a regular file"):
        results.read(tmp_path / "results.json")


@pytest.mark.parametrize("name", ["manifest.json", "facts.json", "table.npy"])
def test_an_artefact_with_a_pipe_in_it_is_damaged(tmp_path, name):
    store, recipe = Store(tmp_path / "store"), {"a": 1}
    made = store.save("cells", recipe, {"facts": {}, "table": np.zeros(0)})
    path = made.path / name
    size = path.stat().st_size
    path.unlink()
    os.mkfifo(path)
    if name != "manifest.json":  # a pipe has no bytes, and somebody may write a manifest that says so
        manifest = made.path / "manifest.json"
        manifest.write_text(manifest.read_text().replace(f'"bytes": {size}', '"bytes": 0'))
    ((kind, there),) = store.paths()
    assert "not a regular file" in check_artefact(kind, there)[1]
    assert store.find("cells", recipe) is None
    assert not made.path.exists()
