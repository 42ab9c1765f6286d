"""A plugin of twenty lines in another folder, found through its entry point alone."""

import os
from pathlib import Path

import pytest

from .test_pytest_face import Session

TEMPLATE = """
import numpy as np
import recclaims

COLOURS = ("red", "green", "blue", "black")

class Initial:
    name, modality, version = "initial", "textual", "1"

    def encode(self, items):
        {body}

@recclaims.hookimpl
def recclaims_encoders():
    return [Initial]
"""
GOOD = "return np.array([[item.title.startswith(c) for c in COLOURS] for item in items], dtype=np.float32)"


@pytest.fixture
def run(tmp_path):
    """Install a plugin as pip would leave it, and run the suite with it."""

    def run(body, *arguments, code=None):
        site = tmp_path / "site"
        info = site / "initial-1.0.dist-info"
        info.mkdir(parents=True)
        (site / "initial_encoder.py").write_text(TEMPLATE.format(body=body))
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: initial\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text("[recclaims]\ninitial = initial_encoder\n")
        session = Session(tmp_path)
        path = os.pathsep.join(filter(None, [str(site), os.environ.get("PYTHONPATH")]))
        output = session(*arguments, code=code, env={**os.environ, "PYTHONPATH": path})
        return output, session

    return run


def test_it_is_collected(run):
    output, _ = run(GOOD, "--collect-only", "-q", code=0)
    assert "test_noise.py::test_real_features_beat_noise[freedom-initial-permuted-toy]" in output
    assert "test_content.py::test_content_beats_the_feature_free_twin[vbpr-initial-twin-toy]" in output


@pytest.mark.parametrize("workers", ["0", "1"])
def test_it_gets_verdicts(run, workers):
    _, session = run(GOOD, "-k", "content-knn-initial", "--claims-workers", workers)
    verdicts = {case["control"]: case["verdict"] for case in session.results["claims"]}
    assert verdicts == {"permuted": "supported", "gaussian": "supported"}


FAULTS = {
    "nan": (
        "x = np.ones((len(items), 2), np.float32); x[3, 1] = np.nan; return x",
        "encoder 'initial'.*NaN.*i3.*column 1",
    ),
    "rows": ("return np.ones((3, 2), np.float32)", r"encoder 'initial' returned 3 rows for 48 items"),
    "shape": ("return np.ones(len(items), np.float32)", "encoder 'initial' returned"),
    "list": ("return [[1.0]] * len(items)", "encoder 'initial' returned"),
    "raises": ("raise ZeroDivisionError('oops')", "encoder 'initial'.*ZeroDivisionError.*oops"),
    "constant": ("return np.ones((len(items), 2), np.float32)", "share one row|identical"),
}


@pytest.mark.parametrize(("body", "message"), FAULTS.values(), ids=FAULTS)
def test_a_fault_of_the_plugin_is_its_cases_alone(run, body, message):
    import re

    output, session = run(body, "-k", "content-knn", code=1)
    verdicts = {(case["treatment"], case["verdict"]) for case in session.results["claims"]}
    assert ("initial", "inadmissible") in verdicts
    assert ("attributes", "supported") in verdicts
    (reason,) = {case["reason"] for case in session.results["claims"] if case["treatment"] == "initial"}
    assert re.search(message, reason), reason
    assert "\n" not in reason
    assert "Traceback" not in output


def test_a_plugin_that_does_not_import_is_named(run):
    output, session = run(GOOD + "\n    !", "-k", "content-knn-attributes", code=0)
    assert "plugin initial (initial 1.0) is left out: SyntaxError" in output
    assert session.results["claims"]


def test_the_plugin_in_the_repository_works(tmp_path):
    source = Path(__file__).parents[1] / "plugins" / "recclaims-char-ngrams"
    info = tmp_path / "site" / "recclaims_char_ngrams-0.1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: recclaims-char-ngrams\nVersion: 0.1.0\n")
    (info / "entry_points.txt").write_text("[recclaims]\nchar-ngrams = recclaims_char_ngrams\n")
    paths = [str(source / "src"), str(tmp_path / "site"), os.environ.get("PYTHONPATH", "")]
    session = Session(tmp_path)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}
    session("-k", "content-knn-char-ngrams", env=environment)
    assert {case["verdict"] for case in session.results["claims"]} == {"supported"}


CLAIM = """
import recclaims

@recclaims.hookimpl
def recclaims_claims():
    statement = "Real features beat permuted ones."
    return [recclaims.Claim("strict", 1, statement, "a test", controls=("permuted",), margin=0.1)]
"""


def test_a_claim_of_a_plugin_is_judged(run):
    output, session = run("pass\n" + CLAIM, "-m", "strict", "-k", "content-knn-attributes", code=0)
    assert "test_plugin_claims.py ." in output
    (case,) = session.results["claims"]
    assert (case["claim"], case["control"], case["verdict"], case["margin"]) == ("strict", "permuted", "supported", 0.1)
    assert "strict: Real features beat permuted ones." in output
