"""Nobody in: what is read is data and is never run, leads nowhere else, is bounded, and says nothing of its reader."""

import ast
import gzip
import importlib
import json
import os
import platform
import re
import struct
import sys
import zlib
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image

from recclaims.datasets import catalogue, interactions_file, items_file
from recclaims.datasets.catalogue import Item
from recclaims.datasets.interactions_file import read_table
from recclaims.datasets.items_file import read_items
from recclaims.datasets.reference import open_source
from recclaims.encoders.extraction import extract
from recclaims.encoders.images import encode_images
from recclaims.errors import DatasetError, RecclaimsError, StoreError, one_line
from recclaims.plugin_manager import Registry
from recclaims.reporting import results
from recclaims.reporting.privacy import share
from recclaims.store import Store

from .reporting.documents import case, document
from .test_pytest_face import Session
from .toy import write_toy

ROOT = Path(__file__).parents[1]
SOURCES = [path for part in ("src", "plugins", "suite", "fixtures", "docs") for path in (ROOT / part).rglob("*.py")]

#: Modules that run what they read, or that speak to the network by themselves.
BARRED = {
    "pickle", "cPickle", "_pickle", "dill", "cloudpickle", "joblib", "shelve", "marshal", "yaml", "tarfile", "zipfile",
    "requests", "httpx", "aiohttp", "socketserver", "ftplib", "telnetlib", "urllib.request", "http.client", "ray",
    "recbole.quick_start",
}  # fmt: skip
#: Where one of them is needed, and may be: RecBole's own defaults by RecBole's own loader, the proxies that the
#: environment names (nothing is fetched with it), and processes of our own that hand each other our own objects.
EXCEPTIONS = {
    "recommenders/recbole_bridge.py": "imports yaml",
    "datasets/amazon/web.py": "imports urllib.request",
    "claims/calibration.py": "imports joblib",
}
#: Calls that are safe with an argument alone.
NEEDS = {
    "torch.load": ("weights_only", True),
    "np.load": ("allow_pickle", False),
    "numpy.load": ("allow_pickle", False),
    "get_state_dict": ("weights_only", True),
    "load_state_dict_from_url": ("weights_only", True),
}


def faults(source):
    """What in a source would run what it reads: a line each."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or "", *(f"{node.module}.{alias.name}" for alias in node.names)]
        else:
            names = []
        found += [f"{node.lineno}: imports {name}" for name in names if name in BARRED]
        if isinstance(node, ast.Call):
            found += [f"{node.lineno}: {fault}" for fault in _faults_of_call(node)]
    return found


def _faults_of_call(call):
    name = ast.unparse(call.func)
    last = name.rpartition(".")[2]
    given = {keyword.arg: ast.unparse(keyword.value) for keyword in call.keywords}
    if name in ("eval", "exec", "compile", "__import__", "os.system", "os.popen") or last in (
        "read_pickle",
        "to_pickle",
    ):
        yield f"calls {name}"
    if given.get("shell", "False") != "False":
        yield f"{name} with a shell"
    if given.get("trust_remote_code", "False") not in ("False", "trust.remote_code"):
        yield f"{name} trusts remote code"
    for known, (argument, value) in NEEDS.items():
        if known in (name, last) and given.get(argument) != str(value):
            yield f"{name} without {argument}={value}"


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_source_runs_what_it_reads(path):
    found = [fault.partition(": ")[2] for fault in faults(path.read_text(encoding="utf-8"))]
    expected = [fault for name, fault in EXCEPTIONS.items() if path == ROOT / "src" / "recclaims" / name]
    assert found == expected


@pytest.mark.parametrize(
    "source",
    [
        "import pickle", "from joblib import load", "import urllib.request", "from recbole import quick_start",
        "torch.load(path)", "torch.load(path, weights_only=False)", "np.load(p, allow_pickle=True)", "numpy.load(p)",
        "W.get_state_dict(progress=False)", "eval(text)", "exec(text)", "subprocess.run(c, shell=True)",
        "os.system(c)", "M.from_pretrained(p, trust_remote_code=True)", "pd.read_pickle(p)", "x = __import__(name)",
    ],
)  # fmt: skip
def test_the_search_finds(source):
    assert len(faults(source)) == 1


def test_sources_are_there():
    assert len(SOURCES) > 100


def test_training_imports_no_ray():
    for module in ("fit", "collaborative", "mostpop"):
        importlib.import_module(f"recclaims.recommenders.{module}")
    assert "recbole" in sys.modules
    assert "ray" not in sys.modules


# Paths


@pytest.fixture
def folder(tmp_path):
    """A dataset of three items beside a file that is none of its business."""
    (tmp_path / "secret.jsonl").write_text('{"item_id": "secret"}\n')
    made = tmp_path / "dataset"
    (made / "images").mkdir(parents=True)
    (made / "dataset.toml").write_text('name = "toy"\n')
    (made / "items.jsonl").write_text("".join(f'{{"item_id": "{i}"}}\n' for i in "abc"))
    (made / "interactions.csv").write_text("user_id,item_id\n" + "".join(f"u,{i}\n" for i in "abc"))
    return made


def refused(folder):
    with pytest.raises(RecclaimsError) as caught:
        open_source(f"{folder}/", Registry()).load()
    assert str(caught.value).isprintable()
    return str(caught.value)


@pytest.mark.parametrize("name", ["items.jsonl", "interactions.csv", "dataset.toml", "train.csv"])
def test_a_file_that_is_a_link_out_is_refused(folder, name):
    (folder / name).unlink(missing_ok=True)
    if name == "train.csv":
        (folder / "interactions.csv").unlink()
    (folder / name).symlink_to(folder.parent / "secret.jsonl")
    assert "leads out of the folder" in refused(folder)


@pytest.mark.parametrize("key", ["items", "interactions", "domain"])
@pytest.mark.parametrize("path", ["../secret.jsonl", "/etc/passwd", "images/../../secret.jsonl", "link/secret.jsonl"])
def test_a_path_of_the_manifest_that_leads_out_is_refused(folder, key, path):
    (folder / "link").symlink_to("..")
    path = f"{path}.toml" if key == "domain" else path
    (folder / "dataset.toml").write_text(f"{key} = {json.dumps(path)}\n")
    assert "leads out of the folder" in refused(folder)


@pytest.mark.parametrize(
    "image", ["link/secret.jsonl", "images/link.png", "../secret.jsonl", "images/../../secret.jsonl"]
)
def test_an_image_that_leads_out_is_refused(folder, image):
    (folder / "link").symlink_to("..")
    (folder / "images" / "link.png").symlink_to("../../secret.jsonl")
    (folder / "items.jsonl").write_text(json.dumps({"item_id": "a", "image": image}))
    assert f"{image!r} leads out of the folder" in refused(folder)


def test_what_is_no_file_is_no_image(folder):
    os.mkfifo(folder / "images" / "pipe.png")
    (folder / "items.jsonl").write_text('{"item_id": "a", "image": "images/pipe.png"}')
    assert "does not exist in the folder" in refused(folder)


def test_a_ring_of_links_is_refused(folder):
    (folder / "items.jsonl").unlink()
    (folder / "items.jsonl").symlink_to("items.jsonl")
    assert "is no file name" in refused(folder)


def test_a_manifest_of_the_store_names_no_file_elsewhere(tmp_path, caplog):
    store = Store(tmp_path / "store")
    path = store.save("cells", {"a": 1}, {"facts": {}}).path
    (tmp_path / "outside").write_text("x")
    manifest = json.loads((path / "manifest.json").read_text())
    manifest["files"] = {"../../../../outside": {"sha256": "0"}}
    (path / "manifest.json").write_text(json.dumps(manifest))
    assert store.find("cells", {"a": 1}) is None
    assert "is no name of a file" in caplog.text
    assert (tmp_path / "outside").exists()


def test_an_array_of_the_store_is_never_unpickled(tmp_path):
    store = Store(tmp_path)
    kept = store.save("cells", {"a": 1}, {"x": np.zeros(3)})
    np.save(kept.path / "x.npy", np.array([{"run": "me"}], dtype=object), allow_pickle=True)
    with pytest.raises(StoreError, match=r"x\.npy: not an array: ValueError"):
        kept.array("x")


# Images


def png(width, height, rows=b""):
    """A PNG that says it is this large, with these rows as its content."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows, 9)) + chunk(b"IEND", b"")


def text_bomb():
    """A PNG whose comment unpacks to 200 MB."""
    whole = png(2, 2, b"\0\0\0" * 2)
    data = b"c\0\0" + zlib.compress(b"a" * 200_000_000, 9)
    chunk = struct.pack(">I", len(data)) + b"zTXt" + data + struct.pack(">I", zlib.crc32(b"zTXt" + data))
    return whole[:33] + chunk + whole[33:]


def vector(kind):
    import io

    file = io.BytesIO()
    Image.new("RGB", (4, 4)).save(file, kind)
    return file.getvalue()


BROKEN = {
    "a bomb of 30,000 x 30,000": (lambda: png(30_000, 30_000), "Image size (900000000 pixels) exceeds limit"),
    "a line of 2^31 - 1": (lambda: png(2**31 - 1, 1), "Image size (2147483647 pixels) exceeds limit"),
    "a bomb that Pillow only warns of": (
        lambda: png(10_000, 9_500),
        "10000 x 9500 pixels; at most 64,000,000 are decoded",
    ),
    "a text that unpacks": (text_bomb, "cannot be read: "),
    "truncated": (lambda: vector("PNG")[:-30], "cannot be read: "),
    "no pixels": (lambda: png(0, 0), "cannot be read: "),
    "PostScript, which another program would run": (lambda: vector("EPS"), "cannot be read: cannot identify"),
    "a format that is not on the list": (lambda: vector("TIFF"), "cannot be read: cannot identify"),
    "SVG": (lambda: b'<svg xmlns="http://www.w3.org/2000/svg"/>', "cannot be read: cannot identify"),
    "empty": (bytes, "cannot be read: cannot identify"),
}


@pytest.mark.parametrize(("content", "reason"), BROKEN.values(), ids=BROKEN)
def test_a_broken_image_is_one_line_and_one_item_less(tmp_path, content, reason):
    (tmp_path / "bad.png").write_bytes(content())
    Image.new("RGB", (4, 4), "red").save(tmp_path / "good.png")
    items = [Item(name, image_path=tmp_path / f"{name}.png") for name in ("good", "bad")]
    with pytest.raises(DatasetError, match="image of item 'bad'") as caught:
        items[1].image()
    assert reason in str(caught.value)

    class Mean:
        name, modality, version = "mean", "visual", "1"

        def encode(self, items):
            return encode_images(items, lambda images: images.mean(dim=(2, 3)))

    features = extract(Mean(), items)
    assert features.filled.tolist() == [False, True]
    assert reason in features.records[1]["error"]
    np.testing.assert_allclose(features.matrix[0], [255, 0, 0], atol=1e-3)


def test_an_image_file_beyond_the_limit_is_not_opened(tmp_path):
    path = tmp_path / "large.png"
    path.write_bytes(png(1, 1, b"\0\0"))
    with path.open("r+b") as file:
        file.truncate(catalogue.MAX_IMAGE_BYTES + 1)
    with pytest.raises(DatasetError, match=r"has 100,000,001 bytes; at most 100,000,000 are read"):
        Item("a", image_path=path).image()


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG"])
def test_of_an_animation_the_first_frame_counts(tmp_path, kind):
    frames = [Image.new("RGB", (4, 4), colour) for colour in ("red", "blue", "green")]
    path = tmp_path / "moving"
    frames[0].save(path, kind, save_all=True, append_images=frames[1:], duration=40)
    assert Item("a", image_path=path).image().getpixel((0, 0)) == pytest.approx((255, 0, 0), abs=6)


# Sizes


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
    with pytest.raises(DatasetError, match=r"items\.jsonl:1: the escape .u[0-9a-f]{4} stands alone"):
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
        ([["u"]], "column 'user_id' holds lists or objects, not one value a row"),
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


# What errors and reports say


def test_an_error_is_one_printable_line_whatever_it_quotes():
    error = DatasetError("item 'a\nb\x1b[2J\u202e\ud800' " + "x" * 10_000)
    assert str(error).isprintable()
    assert str(error).startswith("item 'a b\N{REPLACEMENT CHARACTER}[2J")
    assert len(str(error)) < 2_100


@pytest.mark.parametrize("name", ["HF_TOKEN", "AWS_SECRET_ACCESS_KEY", "DB_PASSWORD", "OPENAI_API_KEY", "my_token"])
def test_a_secret_of_the_environment_is_in_no_error(monkeypatch, name):
    monkeypatch.setenv(name, "hf_0123456789")
    assert str(RecclaimsError("bad token hf_0123456789 given")) == "bad token *** given"
    assert one_line(OSError("401 for hf_0123456789")) == "OSError: 401 for ***"
    assert share({"reason": ["hf_0123456789"]}) == {"reason": ["***"]}


def test_a_word_that_happens_to_be_a_secret_is_left(monkeypatch):
    monkeypatch.setenv("TOKEN", "x")
    assert str(RecclaimsError("xyz")) == "xyz"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("/home/jane/x.png: cannot be read", "path/to/x.png: cannot be read"),
        ("sbert:/data/models/mine", "sbert:path/to/mine"),
        ("'/a/b/c' and (/d/e)", "'path/to/c' and (path/to/e)"),
        ("https://example.org/a/b, 24/7, and/or, late_fusion/permuted", None),
        ("path/to/x, ./a/b, ../c/d, ~/e/f", None),
        (f"{Path.cwd()}/a b/c", "path/to/a b/c"),
        (f"{Path.home()}", "path/to/home"),
    ],
)
def test_places_are_shortened(text, shown):
    assert share(text) == (shown or text)


def test_a_place_with_spaces_is_shortened_where_it_is_known():
    assert share("/mnt/jane doe/my shop/items.jsonl:3", ["/mnt/jane doe/my shop"]) == "path/to/my shop/items.jsonl:3"


@pytest.fixture(scope="module")
def everything(tmp_path_factory):
    """All that a run writes and prints, in an environment with a name and secrets in it."""
    place = tmp_path_factory.mktemp("jane doe s machine")
    home = place / "home"
    session = Session(home)
    write_toy(home / "data")
    records = [json.loads(line) for line in (home / "data" / "items.jsonl").read_text().splitlines()]
    Image.new("RGB", (4, 4)).save(home / "data" / "a.png")
    (home / "data" / "items.jsonl").write_text("\n".join(json.dumps(r | {"image": "a.png"}) for r in records))
    (home / "garbage.pth").write_bytes(b"no weights")
    secrets = {"HF_TOKEN": "hf_thisisasecret", "HUGGING_FACE_API_KEY": "anothersecret"}
    env = {**os.environ, **secrets, "HOME": str(home)}
    env["PYTHONPATH"] = str(ROOT / "src")
    output = session(
        "-k", "content-knn and (attributes or resnet50 or hf_thisisasecret)",
        "--claims-encoder", "attributes",
        "--claims-encoder", f"resnet50:{home}/garbage.pth",
        "--claims-encoder", "resnet50:hf_thisisasecret",
        "--benchmark-json", str(home / "report" / "benchmark.json"),
        env=env,
    )  # fmt: skip
    return home, output, {path.name: path.read_bytes() for path in (home / "report").iterdir()}


def test_a_run_writes_no_place_and_no_secret(everything):
    home, _, files = everything
    assert {
        "results.json",
        "results.html",
        "results.md",
        "results.tex",
        "claims.csv",
        "cells.csv",
        "benchmark.json",
    } <= set(files)
    barred = [str(home), str(home.parent), "jane", "thisisasecret", "anothersecret", str(ROOT), str(Path.cwd())]
    for name, content in files.items():
        text = content.decode(errors="replace")
        for word in barred:
            assert word not in text, (name, word)
    assert platform.node() not in json.loads(files["benchmark.json"])["machine_info"].values()


def test_and_still_says_what_went_wrong(everything):
    _, _, files = everything
    claims = {case["case"]: case for case in json.loads(files["results.json"])["claims"]}
    broken = claims["content-knn-resnet50:path/to/garbage.pth-permuted-toy"]
    assert broken["verdict"] == "inadmissible"
    assert broken["reason"].startswith("encoder 'resnet50:path/to/garbage.pth' failed: ")
    assert claims["content-knn-attributes-permuted-toy"]["verdict"] == "supported"
    names = [benchmark["params"]["case"] for benchmark in json.loads(files["benchmark.json"])["benchmarks"]]
    assert "content-knn-attributes-permuted-toy" in names


# Documents that somebody else wrote


def read(tmp_path, content):
    path = tmp_path / "results.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return results.read(path)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"schema": True}, "schema is True, this version reads 1"),
        ({"claims": {}}, "claims is {}, not a list of objects"),
        ({"seeds": -1}, "seeds is -1, not a count"),
        ({"claims": [case(verdict="suported")]}, "claims[0]: unknown verdict 'suported'; did you mean 'supported'?"),
        ({"claims": [case(effect="0.1")]}, "claims[0].effect is '0.1', not a number or null"),
        ({"claims": [case(ci=[0.1])]}, "claims[0].ci is [0.1], not a list of two numbers or nulls"),
        ({"claims": [case(control_mean=1e300)]}, "claims[0].control_mean is 1e+300, not a number or null"),
        ({"claims": [case(), {"case": "x"}]}, "claims[1].claim is missing"),
        ({"datasets": [{"dataset": "x"}]}, "datasets[0].users is missing"),
        ({"environment": {}}, "environment.versions is missing"),
        ({"statements": {"noise": 1}}, "statements.noise is 1, not an object"),
        ({"cells": [{}]}, "cells[0].metrics is missing"),
    ],
)
def test_a_document_that_is_no_results_json_names_the_field(tmp_path, change, reason):
    with pytest.raises(RecclaimsError, match=re.escape(reason)):
        read(tmp_path, document(case()) | change)


@pytest.mark.parametrize(
    "content", ["", "[]", "null", "{", "[" * 100_000, '{"schema": NaN}', '{"a":' * 5000, "9" * 5000]
)
def test_what_is_no_document_is_refused(tmp_path, content):
    with pytest.raises(RecclaimsError, match=r"results\.json: "):
        read(tmp_path, content)


def test_a_document_cannot_speak_to_the_terminal(tmp_path):
    found = read(tmp_path, document(case(reason="a\x1b[2Jb\x9bc\u202ed\ud800e\n\tf")))
    mark = "\N{REPLACEMENT CHARACTER}"
    assert found["claims"][0]["reason"] == f"a{mark}[2Jb{mark}c{mark}d{mark}e\n\tf"
