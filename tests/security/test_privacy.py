"""Errors and reports name no folder, machine or secret."""

import json
import os
import platform
from pathlib import Path

import pytest
from PIL import Image

from recclaims.errors import DatasetError, RecclaimsError, one_line
from recclaims.reporting.privacy import share

from ..test_pytest_face import Session
from ..toy import write_toy

ROOT = Path(__file__).parents[2]


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
