"""Models are looked for where huggingface_hub keeps them."""

import os
import subprocess
import sys

import pytest

from recclaims.features.hub import downloads_allowed, known_as, revision, snapshot

COMMIT = "0123456789abcdef" + "0" * 24
VARIABLES = {"HF_HUB_CACHE": "", "HF_HOME": "hub", "XDG_CACHE_HOME": "huggingface/hub"}


def cached(folder, model="org/model"):
    """A model as huggingface_hub keeps it, without its files."""
    kept = folder / f"models--{model.replace('/', '--')}"
    (kept / "refs").mkdir(parents=True)
    (kept / "refs" / "main").write_text(COMMIT)
    (kept / "snapshots" / COMMIT).mkdir(parents=True)
    return kept / "snapshots" / COMMIT


@pytest.fixture
def hub(tmp_path, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize("variable", VARIABLES)
def test_the_cache_is_where_the_hub_s_library_has_it(tmp_path, variable):
    found = cached(tmp_path / VARIABLES[variable])
    environment = {name: value for name, value in os.environ.items() if name not in VARIABLES}
    code = "from recclaims.features.hub import revision, snapshot; print(revision('org/model'), snapshot('org/model'))"
    told = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True, text=True, check=True, env={**environment, variable: str(tmp_path)},
    )  # fmt: skip
    assert told.stdout.split() == [COMMIT[:12], str(found)]


def test_a_model_is_known_by_its_revision_and_what_is_not_here_by_its_name(hub):
    assert (revision("org/model"), snapshot("org/model"), known_as("org/model")) == (None, None, "org/model")
    found = cached(hub)
    assert snapshot("org/model") == found
    assert known_as("org/model") == f"org/model@{COMMIT[:12]}"


@pytest.mark.parametrize("name", ["./no/such", "a/b/c", "", "..", "org/mo del", "x" * 500])
def test_what_is_no_name_of_a_model_is_not_here(hub, name):
    assert snapshot(name) is None


def test_offline_is_respected(monkeypatch):
    monkeypatch.setenv("RECCLAIMS_ALLOW_DOWNLOADS", "1")
    for offline in (True, False):
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", offline)
        assert downloads_allowed() is not offline
    monkeypatch.delenv("RECCLAIMS_ALLOW_DOWNLOADS")
    assert not downloads_allowed()
