"""What a release consists of agrees with itself, and its version is in no key of the store."""

import importlib.metadata
import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

import recclaims
from recclaims import release
from recclaims._model.cell import Cell
from recclaims.engine.data import library_version
from recclaims.engine.pipeline import Pipeline
from recclaims.engine.profile import Profile
from recclaims.engine.settings import Settings
from recclaims.plugin_manager import registry
from recclaims.required import COMMAND, RECBOLE
from recclaims.store import Store

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
#: Where conda-forge calls a library by another name.
CONDA = {"torch": "pytorch", "huggingface-hub": "huggingface_hub"}


def test_the_version_is_that_of_the_distribution():
    assert recclaims.__version__ == importlib.metadata.version("recclaims")


def test_a_folder_of_sources_that_was_never_installed_works_and_says_so(monkeypatch):
    def none(name):
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(release, "version", none)
    assert release.release() == "0+unknown"
    # And the program, in a Python that finds no distribution's metadata.
    code = "import sys; sys.path.append(sys.argv[1]); from recclaims.cli import main; main(['--version'])"
    libraries = next(path for path in sys.path if path.endswith("site-packages"))
    hide = "import importlib.metadata as m; m.Distribution.discover = classmethod(lambda *a, **k: iter(()));"
    done = subprocess.run(
        [sys.executable, "-S", "-c", hide + code, libraries],
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "recclaims 0+unknown\n", done.stderr


@pytest.mark.parametrize("features", [None, "attributes"])
def test_no_key_contains_the_version(monkeypatch, tmp_path, features):
    """A commit changes the version, and must not make anybody train anew."""
    cell = Cell("emoji?items=40&users=60", "freedom" if features else "bpr", features)

    def key():
        library_version.cache_clear()
        recipe = Pipeline(Settings(Profile.named("smoke")), registry(), Store(tmp_path)).cell_recipe(cell)
        return json.dumps(recipe, sort_keys=True, default=str)

    before = key()
    # Its class is another one if something has imported the backport of importlib.metadata.
    kind = type(importlib.metadata.distribution("recclaims"))
    found = kind.version

    def other(distribution):
        return "99.0" if distribution.metadata["Name"] == "recclaims" else found.fget(distribution)

    monkeypatch.setattr(kind, "version", property(other))
    assert importlib.metadata.version("recclaims") == "99.0"
    assert key() == before


def _released():
    """Version and date of every release in the changelog, the newest first."""
    headings = re.findall(r"^## (.+)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert headings[0] == "Unreleased"
    found = [re.fullmatch(r"(\d+\.\d+\.\d+) \((\d{4}-\d\d-\d\d)\)", heading) for heading in headings[1:]]
    assert None not in found
    return [one.groups() for one in found]


def test_the_citation_is_of_the_newest_release():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    newest = next(iter(_released()), (None, None))
    assert (citation.get("version"), citation.get("date-released")) == newest
    assert citation["license"] in PROJECT["license"]


def test_the_recipe_asks_for_what_the_project_asks_for():
    recipe = yaml.safe_load((ROOT / "conda" / "recipe.yaml").read_text())
    here = {one for one in PROJECT["dependencies"] if ";" not in one}
    names = {CONDA.get(name, name) + f" >={least}" for name, least in (one.split(">=") for one in here)}
    assert len(recipe["source"]["sha256"]) == 64  # a text: YAML takes a sum of digits alone for a number
    python, *there = recipe["requirements"]["run"]
    assert set(there) == names
    assert python == "python >=${{ python_min }}"
    assert PROJECT["requires-python"] == f">={recipe['context']['python_min']}"
    build = tomllib.loads((ROOT / "pyproject.toml").read_text())["build-system"]["requires"]
    assert {one.replace(">=", " >=") for one in build} <= set(recipe["requirements"]["host"])
    assert COMMAND in recipe["about"]["description"]
    assert recipe["about"]["license"] == PROJECT["license"]
    assert recipe["build"]["python"]["entry_points"] == [
        f"{name} = {place}" for name, place in PROJECT["scripts"].items()
    ]


@pytest.mark.parametrize("page", ["README.md", "docs/first-verdict.md", "docs/ci.md", "docs/faq.md", "tox.ini"])
def test_recbole_is_installed_by_one_command_wherever_that_is_shown(page):
    text = (ROOT / page).read_text()
    assert f"pip install --no-deps recbole=={RECBOLE}" in text or f"--no-deps recbole=={RECBOLE}" in text
    assert set(re.findall(r"recbole==([\d.]*\d)", text)) == {RECBOLE}


def test_every_python_that_is_named_has_its_environments():
    pythons = [one.rpartition(" ")[2] for one in PROJECT["classifiers"] if re.search(r":: 3\.\d+$", one)]
    assert pythons[0] == PROJECT["requires-python"].removeprefix(">=")
    known = (ROOT / "tox.ini").read_text()
    security = (ROOT / "SECURITY.md").read_text()
    for python in pythons[1:]:
        factor = "py" + python.replace(".", "")
        assert f"{factor},py" in known or f",{factor}:" in known
        assert python in security
