"""Damage of what is stored is noticed, named, and made good."""

import logging
import os
import random
import shutil
from pathlib import Path

import numpy as np
import pytest

from recclaims.cli import main
from recclaims.engine.data import CACHE_VERSION
from recclaims.errors import StoreError
from recclaims.store import Store, key_of
from recclaims.store_check import check, outdated, prune

from ..long_form import LONG

RECIPE = {"encoder": "sbert", "seed": 3, "protocol": CACHE_VERSION, "libraries": {"numpy": np.__version__}}
CONTENT = {"matrix": np.arange(60, dtype=np.float32).reshape(20, 3), "facts": {"a": 1, "b": ["ü", None]}}
FLIPS = 3000 if LONG else 300

pytestmark = pytest.mark.soak


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "store")


@pytest.fixture
def path(store):
    return store.save("cells", RECIPE, CONTENT).path


def _time_of_creation(raw):
    start = raw.index(b'"created": "') + len(b'"created": "')
    return range(start, raw.index(b'"', start))


@pytest.mark.parametrize("name", ["matrix.npy", "facts.json", "manifest.json"])
def test_every_flipped_bit_is_found_but_those_of_the_time_of_creation(store, path, name):
    chance = random.Random(name)  # noqa: S311 - where to strike
    raw = (path / name).read_bytes()
    harmless = _time_of_creation(raw) if name == "manifest.json" else range(0)
    places = [position for position in range(len(raw)) if position not in harmless]
    for position in chance.choices(places, k=FLIPS):
        damaged = bytearray(raw)
        damaged[position] ^= 1 << chance.randrange(8)
        (path / name).write_bytes(damaged)
        assert [*check(store).damaged] == [path], (position, damaged[position])
    (path / name).write_bytes(raw)
    assert check(store).damaged == {}


@pytest.mark.parametrize("name", ["matrix.npy", "facts.json", "manifest.json"])
def test_a_truncated_file_is_found_removed_and_made_good(store, path, name, caplog):
    raw = (path / name).read_bytes()
    for length in (0, 1, len(raw) // 2, len(raw) - 1):
        store.save("cells", RECIPE, CONTENT)
        os.truncate(path / name, length)
        assert [*check(store).damaged] == [path]
        caplog.clear()
        with caplog.at_level(logging.WARNING):
            assert store.find("cells", RECIPE) is None
        (line,) = caplog.messages
        assert name in line
        assert "\n" not in line
        assert not path.exists()
    found = store.save("cells", RECIPE, CONTENT)
    np.testing.assert_array_equal(found.array("matrix"), CONTENT["matrix"])


@pytest.mark.parametrize("name", ["matrix.npy", "facts.json", "manifest.json"])
def test_a_missing_file_is_found(store, path, name):
    (path / name).unlink()
    assert [*check(store).damaged] == [path]
    assert store.find("cells", RECIPE) is None
    assert not path.exists()


def test_an_artefact_in_the_place_of_another_is_found(store, path):
    other = store.save("cells", {**RECIPE, "seed": 4}, {"facts": {"a": 2}}).path
    shutil.rmtree(path)
    shutil.copytree(other, path)
    assert [*check(store).damaged] == [path]
    assert store.find("cells", RECIPE) is None
    assert store.find("cells", {**RECIPE, "seed": 4}) is not None


@pytest.mark.parametrize("text", ["[]", "{}", "3", '{"files": [], "recipe": {}}', "\udcff", "[" * 5000])
def test_a_manifest_that_is_something_else_is_found(store, path, text):
    (path / "manifest.json").write_text(text, errors="surrogateescape")
    assert [*check(store).damaged] == [path]
    assert store.find("cells", RECIPE) is None


def test_too_many_open_files_are_no_damage(store, path):
    limit = 24
    opened = []
    import resource

    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(limit, len([*Path("/proc/self/fd").iterdir()]) + 2), before[1]))
    try:
        while True:
            opened.append(os.open(os.devnull, os.O_RDONLY))
    except OSError:
        with pytest.raises(StoreError, match="cannot be read: Too many open files"):
            store.find("cells", RECIPE)
    finally:
        for descriptor in opened:
            os.close(descriptor)
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    assert store.find("cells", RECIPE) is not None


def test_the_drafts_of_another_machine_are_its_own(store, path, monkeypatch):
    monkeypatch.setattr("socket.gethostname", lambda: "node")
    mine, theirs = (store.root / "drafts" / f"{name}-x1_" for name in ("node-999999999", "node-2-77"))
    mine.mkdir()
    theirs.mkdir()
    assert store.sweep() == 1
    assert theirs.exists()
    assert not mine.exists()


def test_artefacts_of_other_releases_are_outdated():
    assert outdated(RECIPE) is None
    assert (
        outdated({**RECIPE, "protocol": CACHE_VERSION - 1})
        == f"protocol {CACHE_VERSION - 1}, this version's is {CACHE_VERSION}"
    )
    nested = {"features": {**RECIPE, "libraries": {"numpy": "0.1"}}, "protocol": CACHE_VERSION}
    assert outdated(nested) == f"numpy 0.1, {np.__version__} is installed"
    assert outdated({"libraries": {"no-such-library": "1"}}) == "no-such-library 1, none is installed"


def test_doctor_counts_names_and_prunes(store, path, capsys):
    whole = store.save("features", RECIPE, CONTENT).path
    old = store.save("cells", {**RECIPE, "protocol": CACHE_VERSION - 1}, {"facts": {}}).path
    (path / "facts.json").write_text("{}")
    dead = store.root / "drafts" / f"{os.uname().nodename}-999999999-x"
    dead.mkdir()
    held = store.lock("cells", RECIPE)
    with held:
        free = store.root / "locks" / "free.lock"
        free.touch()
        arguments = ["doctor", "--store", str(store.root)]
        assert main(arguments) == 1
        output = capsys.readouterr().out
        assert f"damaged  {path / 'facts.json'}: size does not match" in output
        assert f"outdated {old}: protocol" in output
        assert "1 whole, 1 damaged, 1 outdated, 1 drafts of dead processes, 2 locks." in output
        assert path.exists()
        assert main([*arguments, "--prune"]) == 1
        assert "4 removed." in capsys.readouterr().out
        assert not any(place.exists() for place in (path, old, dead, free))
        assert whole.exists()
        assert held.is_locked
    assert main(arguments) == 0
    assert "1 whole, 0 damaged, 0 outdated" in capsys.readouterr().out


def test_doctor_refuses_in_one_line(tmp_path, capsys):
    assert main(["doctor", "--store", str(tmp_path / "nowhere")]) == 2
    assert main(["doctor", "--prune"]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2
    assert "no store" in lines[0]
    assert "--prune needs --store" in lines[1]


def test_checking_changes_nothing(store, path):
    (path / "facts.json").unlink()
    before = sorted(store.root.rglob("*"))
    check(store)
    assert sorted(store.root.rglob("*")) == before
    assert prune(store, check(store)) == 1
    assert key_of("cells", RECIPE) not in {place.name for place in store.root.rglob("*")}
