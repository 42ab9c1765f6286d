"""What `tox -e quick` rests on: markers follow from what a module imports, and what needs no torch imports none."""

import subprocess
import sys

import pytest

from .kinds import HEAVY, TESTS, kinds

#: Floors that compute without torch, and the package as a program imports it.
LIGHT = (
    "recclaims", "recclaims.cli", "recclaims.hookspecs", "recclaims.plugin_manager", "recclaims.store",
    "recclaims.data.folder", "recclaims.data.splits", "recclaims.evaluation.ranking", "recclaims.features.extraction",
    "recclaims.planning.planner", "recclaims.judging.assess", "recclaims.judging.estimate",
    "recclaims.reporting.results",
)  # fmt: skip


@pytest.mark.parametrize(
    ("module", "markers"),
    [
        ("judging/test_estimate.py", set()),
        ("data/test_folder.py", set()),
        ("recommenders/test_losses.py", {"torch"}),  # imports it
        ("recommenders/test_fit.py", {"torch", "recbole", "processes", "minutes"}),
        ("test_vectors_of_one_name.py", {"processes"}),  # by the module that it imports
    ],
)
def test_the_markers_of_a_module_are_what_it_needs(module, markers):
    assert kinds(TESTS / module) == markers


def test_one_test_of_a_module_may_need_more():
    assert kinds(TESTS / "data" / "test_folder.py", "test_content_over_a_base") == {"recbole"}


def test_what_needs_no_torch_imports_none():
    imports = f"for name in {LIGHT!r}: importlib.import_module(name)"
    code = f"import importlib, sys\n{imports}\nprint({HEAVY!r} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
