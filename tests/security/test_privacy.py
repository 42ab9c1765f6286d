"""Errors and reports name no folder, machine or secret."""

import html
import json
import os
import platform
import re
from pathlib import Path
from urllib.parse import quote

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


SECRETS = [
    ("HF_TOKEN", "back\\slash\\secret"),
    ("DB_PASS", "with 'quotes' & <marks>"),
    ("SENTRY_DSN", "https://0123456789abcdef@host/1"),
    ("SSH_PRIVATE_KEY", "-----BEGIN-----\nabcdefgh01234567\n-----END-----"),
]


@pytest.mark.parametrize(("name", "value"), SECRETS, ids=[name for name, _ in SECRETS])
def test_a_secret_is_hidden_however_it_is_written(monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    for written in (value, repr(value), json.dumps(value), html.escape(value), quote(value, safe="")):
        shown = f"{RecclaimsError(f'bad {written}.')} {share(written)}"
        for part in re.findall(r"[a-z0-9]{8,}|slash|marks", value):
            assert part not in shown


@pytest.mark.parametrize("name", ["DATABASE_URL", "ANYTHING"])
def test_a_password_in_an_address_is_hidden(monkeypatch, name):
    monkeypatch.setenv(name, "postgresql://jane:p%40ss-word-1@db.host:5432/x")
    shown = str(RecclaimsError("no answer from postgresql://jane:p%40ss-word-1@db.host:5432/x; p@ss-word-1 refused"))
    assert shown == "no answer from postgresql://***@db.host:5432/x; *** refused"
    # And one that no variable holds.
    assert share("https://u:pw@host/a") == "https://***@host/a"


def test_what_says_that_it_is_a_token_is_hidden_wherever_it_comes_from():
    for token in (
        "hf_" + "aB3" * 8,
        "ghp_" + "x1" * 18,
        "AKIA" + "A1B2" * 4,
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc",
    ):
        assert share(f"401 for {token}!") == "401 for ***!"


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
        (f"{Path.cwd()}/a b/c", "path/to/c"),
        (f"{Path.home()}", "path/to/home"),
        ("file:///home/jane/models/x.bin is absent", "path/to/x.bin is absent"),
        ("see file://nas/share/jane/x", "see path/to/x"),
        (r"C:\Users\jane\x.csv: locked", "path/to/x.csv: locked"),
        (r"C:\Users\Jane Doe\my data\x.csv", "path/to/x.csv"),
        ("open('C:\\\\Users\\\\jane\\\\x.csv')", "open('path/to/x.csv')"),
        ("D:/work/jane/x.csv", "path/to/x.csv"),
        (r"\\nas\jane\models\x.bin", "path/to/x.bin"),
        ("gcc -I/home/jane/include -L/opt/jane/lib -o x", "gcc -Ipath/to/include -Lpath/to/lib -o x"),
        ("-I/home/jane/include", "-Ipath/to/include"),
        ("--data=/home/jane/x?split=a/b", "--data=path/to/x?split=a/b"),
        ("PATH=/home/jane/bin:/opt/jane/bin", "PATH=path/to/bin:path/to/bin"),
        ("/home/jane doe/my data/x.csv: no row", "path/to/x.csv: no row"),
        ("'/home/jane doe/my last folder'", "'path/to/my last folder'"),
        ('"features:/home/jane doe, jr/x (1).npy"', '"features:path/to/x (1).npy"'),
        ("/home/jane: no such file", "path/to/home: no such file"),
        ("/Users/jane is full", "path/to/home is full"),
        ("~jane/work/x", "path/to/x"),
        ("http://host/a/b and ftp://host/c/d, https://host:80/e", None),
        ("3:1, a:b/c, x = 1/2/3, {a/b}, C: a, D:/", None),
        ("line\\nline, \\d+/\\w+", None),
        ("effect [+1.0, +2.0]; Holm p = 0.05/2", None),
    ],
)
def test_places_are_shortened(text, shown):
    assert share(text) == (shown or text)


def test_a_place_with_spaces_is_shortened_where_it_is_known():
    assert share("/mnt/jane doe/my shop/items.jsonl:3", ["/mnt/jane doe/my shop"]) == "path/to/items.jsonl:3"
    assert share("in /mnt/jane doe/my shop (bad)", ["/mnt/jane doe/my shop"]) == "in path/to/my shop (bad)"


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
    broken = next(case for name, case in claims.items() if name.startswith("content-knn-resnet50:garbage.pth:"))
    assert broken["verdict"] == "inadmissible"
    assert broken["reason"].startswith("encoder 'resnet50:path/to/garbage.pth' failed: ")
    assert claims["content-knn-attributes-permuted-toy"]["verdict"] == "supported"
    names = [benchmark["params"]["case"] for benchmark in json.loads(files["benchmark.json"])["benchmarks"]]
    assert "content-knn-attributes-permuted-toy" in names
