"""Without RecBole, or with a release that is not the one that is needed, people get one line with the command."""

import importlib.metadata
import os
import tomllib
from pathlib import Path

import pytest

import recclaims
from recclaims.cli import main
from recclaims.required import COMMAND, RECBOLE, check_recbole

from .test_pytest_face import Session
from .toy import write_toy

ROOT = Path(__file__).parents[1]
SELECTED = {
    "recommenders": "content-knn",
    "encoders": "attributes",
    "claims": "noise",
    "profile": "smoke",
    "workers": 0,
}


@pytest.fixture
def without(monkeypatch):
    """RecBole hidden from whoever asks what is installed."""
    found = importlib.metadata.Distribution.from_name

    def from_name(name):
        if name == "recbole":
            raise importlib.metadata.PackageNotFoundError(name)
        return found(name)

    monkeypatch.setattr(importlib.metadata.Distribution, "from_name", from_name)


@pytest.fixture(scope="module")
def older(tmp_path_factory):
    """An environment with RecBole 1.0.1, which is what `pip install recbole` finds where ray has no wheels."""
    site = tmp_path_factory.mktemp("site")
    info = site / "recbole-1.0.1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: recbole\nVersion: 1.0.1\n")
    path = os.pathsep.join(filter(None, [str(site), os.environ.get("PYTHONPATH")]))
    return {**os.environ, "PYTHONPATH": path}


def test_the_release_that_is_installed_is_the_one_that_is_needed():
    assert check_recbole() == RECBOLE


def test_without_it_evaluate_is_refused_with_the_command(without, tmp_path):
    with pytest.raises(recclaims.NotAvailableError) as refused:
        recclaims.evaluate(write_toy(tmp_path / "toy"), **SELECTED, store=tmp_path / "store", progress=False)
    assert str(refused.value) == f"RecBole is not installed; install it with: {COMMAND}"


def test_without_it_doctor_names_the_command(without, capsys):
    assert main(["doctor"]) == 1
    output = capsys.readouterr().out
    assert f"missing  RecBole is not installed; install it with: {COMMAND}\n" in output
    assert "1 problem." in output


def test_with_another_release_pytest_stops_with_the_command(older, tmp_path):
    output = Session(tmp_path)("-k", "content-knn-attributes-permuted", env=older, code=4)
    assert f"RecBole 1.0.1 is installed, but recclaims needs 1.2.1; install it with: {COMMAND}" in output
    assert "Traceback" not in output
    assert "error" not in output.lower().replace("0 errors", "")


def test_pip_brings_it_only_where_its_metadata_can_be_met():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert f"recbole=={RECBOLE}; python_version < '3.12'" in project["dependencies"]
