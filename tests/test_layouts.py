"""The suite from wherever it lies: a wheel, an editable install, a clone inside a repository with names of its own."""

import os
import re
import shutil
from pathlib import Path

import pytest

from . import warm
from .toy import write_toy

ROOT = Path(__file__).parents[1]
#: What an owner's repository may call its own; each would end the run where a name of the suite's were as plain.
OWN = """
import pytest

@pytest.fixture(scope="session", params=[1, 2])
def pipeline(request):
    raise RuntimeError("the owner's")

dataset = features = judgement = case_result = pytest.fixture(lambda: pytest.fail("the owner's"))
"""


def copied(source, target):
    """A copy without what Python compiled, the pictures linked."""
    shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__", "emoji"))
    if source.name == "fixtures":
        (target / "emoji").symlink_to(source / "emoji")


def wheel(place):
    """The package as a wheel unpacks it; the argument that runs the suite, and PYTHONPATH."""
    site = place / "site"
    copied(ROOT / "src" / "recclaims", site / "recclaims")
    for folder in ("suite", "fixtures"):
        copied(ROOT / folder, site / "recclaims" / folder)
    return ["--pyargs", "recclaims.suite"], site


def clone(place):
    for folder in ("suite", "fixtures", "src"):
        copied(ROOT / folder, place / folder)
    for name in ("conftest.py", "pyproject.toml"):
        shutil.copy(ROOT / name, place / name)


def editable(place):
    """A clone elsewhere, and what an editable install of an older state has left in site-packages."""
    clone(place / "clone")
    for folder in ("suite", "fixtures"):
        stale = place / "site" / "recclaims" / folder
        stale.mkdir(parents=True)
        (stale / "__init__.py").write_text("raise RuntimeError('stale')")
    return ["--pyargs", "recclaims.suite"], f"{place / 'site'}{os.pathsep}{place / 'clone' / 'src'}"


def inside(place):
    """A clone inside the owner's repository, beside packages of the same names as its folders."""
    clone(place / "owner" / "vendor" / "recclaims")
    return ["vendor/recclaims/suite"], place / "owner" / "vendor" / "recclaims" / "src"


LAYOUTS = [wheel, editable, inside]


@pytest.fixture(scope="module", params=LAYOUTS, ids=lambda layout: layout.__name__)
def run(request, tmp_path_factory):
    place = tmp_path_factory.mktemp(request.param.__name__)
    owner = place / "owner"
    for package in ("fixtures", "suite"):
        (owner / package).mkdir(parents=True)
        (owner / package / "__init__.py").write_text("MINE = True")
    (owner / "conftest.py").write_text(f"import fixtures, suite\nassert fixtures.MINE and suite.MINE\n{OWN}")
    (owner / "pytest.ini").write_text("[pytest]\naddopts = --strict-markers\n")
    write_toy(place / "data")
    arguments, path = request.param(place)

    def run(*more):
        command = [*arguments, "-p", "no:cacheprovider", "-p", "no:hypothesispytest", *more]
        for option, value in (("data", "data"), ("store", "store"), ("report", "report")):
            command += [f"--claims-{option}", str(place / value)]
        command += ["--claims-profile", "smoke", "--claims-workers", "0", "-k", "content-knn-attributes-permuted-toy"]
        environment = {**os.environ, "PYTHONPATH": f"{path}{os.pathsep}{owner}"}
        done = warm.run("pytest", *command, cwd=owner, env=environment)
        return done.returncode, done.stdout + done.stderr

    return run


def test_cases_are_judged_beside_names_of_the_owners(run):
    code, output = run("-m", "noise")
    assert code == 0, output
    assert "1 passed" in output
    assert re.search(r"content-knn +attributes +● ", output)


def test_pytest_may_import_in_its_newer_way(run):
    code, output = run("-m", "noise", "--import-mode=importlib", "--setup-plan")
    assert code == 0, output
    assert "content-knn-attributes-permuted-toy" in output
    assert "SETUP    F claims_judgement" in output
