"""A plugin of twenty lines in another folder, found through its entry point alone."""

import os
import re
from pathlib import Path

import pytest

from . import warm
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
        "encoder 'nan'.*NaN.*i3.*column 1",
    ),
    "rows": ("return np.ones((3, 2), np.float32)", r"encoder 'rows' returned 3 rows for 48 items"),
    "shape": ("return np.ones(len(items), np.float32)", "encoder 'shape' returned"),
    "list": ("return [[1.0]] * len(items)", "encoder 'list' returned"),
    "raises": ("raise ZeroDivisionError('oops')", "encoder 'raises'.*ZeroDivisionError.*oops"),
    "constant": ("return np.ones((len(items), 2), np.float32)", "share one row|identical"),
}


@pytest.fixture(scope="module")
def faulty(tmp_path_factory):
    """What a session says and finds with an encoder of each fault."""
    place = tmp_path_factory.mktemp("faulty")
    site, info = place / "site", place / "site" / "faulty-1.0.dist-info"
    info.mkdir(parents=True)
    for name, (body, _) in FAULTS.items():
        module = TEMPLATE.format(body=body).replace('"initial"', f'"{name}"')
        (site / f"encoder_{name}.py").write_text(module)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: faulty\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[recclaims]\n" + "".join(f"{n} = encoder_{n}\n" for n in FAULTS))
    session = Session(place)
    path = os.pathsep.join(filter(None, [str(site), os.environ.get("PYTHONPATH")]))
    select = f"content-knn and ({' or '.join(FAULTS)} or attributes)"
    output = session("-m", "noise", "-k", select, code=1, env={**os.environ, "PYTHONPATH": path})
    return output, session.results["claims"]


@pytest.mark.parametrize(("name", "message"), [(name, message) for name, (_, message) in FAULTS.items()], ids=FAULTS)
def test_a_fault_of_the_plugin_is_its_cases_alone(faulty, name, message):
    output, cases = faulty
    assert {case["verdict"] for case in cases if case["treatment"] == name} == {"inadmissible"}
    assert {case["verdict"] for case in cases if case["treatment"] == "attributes"} == {"supported"}
    (reason,) = {case["reason"] for case in cases if case["treatment"] == name}
    assert re.search(message, reason), reason
    assert "\n" not in reason
    assert "Traceback" not in output


def test_a_plugin_that_does_not_import_is_named(run):
    output, session = run(GOOD + "\n    !", "-k", "content-knn-attributes", code=0)
    assert "plugin initial (initial 1.0) is left out: it cannot be imported: SyntaxError" in output
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


MANY = """
import sys
import numpy as np
import recclaims

COLOURS = "red", "green", "blue", "black"

class Stop(BaseException):
    pass

class Ready:
    name, modality, version = "ready", "textual", "1"
    requires = property(lambda self: "textual")

    def encode(self, items):
        return np.array([[item.title.startswith(c) for c in COLOURS] for item in items], np.float32)

class NoVersion(Ready):
    name, version = "no-version", None

class NoModality(Ready):
    name, modality = "no-modality", "odour"

class OddNeeds(Ready):
    name, requires = "odd-needs", 5

class ExitsWhenMade(Ready):
    name = "exits-when-made"

    def __init__(self):
        sys.exit(0)

class Exits(Ready):
    name = "exits"

    def encode(self, items):
        sys.exit(0)

class Stops(Ready):
    name = "stops"

    def encode(self, items):
        raise Stop("enough")

class ExitsWhenAsked(Ready):
    name = "exits-when-asked"

    def unavailable(self):
        sys.exit(0)

class Data:
    name, modalities = "data-that-exits", frozenset({"textual"})

    def load(self):
        sys.exit(0)

class Bare:
    name = "bare-data"

    def load(self):
        return None

class Report:
    name, filename = "exiting", "x.txt"

    def render(self, document):
        sys.exit(0)

class Elsewhere(Report):
    name, filename = "elsewhere", "../x.txt"

@recclaims.hookimpl
def recclaims_encoders():
    return [Ready(), NoVersion, NoModality(), OddNeeds, ExitsWhenMade, Exits, Stops, ExitsWhenAsked, 3]

@recclaims.hookimpl
def recclaims_recommenders():
    return [
        recclaims.Recommender("exits-as-well", "1", "exiting_model:Exits", training_free=True, feature_free=False),
        object,
    ]

@recclaims.hookimpl
def recclaims_claims():
    return [recclaims.Claim("unsound", 1, "So.", "a test", controls=("permutted",)), "not a claim"]

@recclaims.hookimpl
def recclaims_datasets():
    return [Data(), Bare, None]

@recclaims.hookimpl
def recclaims_reporters():
    return [Report(), Elsewhere, Elsewhere()]
"""
MODEL = """
import sys
from recclaims.recommenders.models.content_knn import ContentKNN

class Exits(ContentKNN):
    def __init__(self, config, dataset):
        sys.exit(0)
"""
REASONS = {
    "no-version": "encoder 'no-version' has no version; write for example version = \"1\"",
    "no-modality": "encoder 'no-modality': unknown modality 'odour'; known: multimodal, textual, visual",
    "odd-needs": "encoder 'odd-needs' has requires 5; write for example requires = frozenset({\"textual\"})",
    "exits-when-made": "encoder 'exits-when-made' cannot be created: SystemExit: 0",
    "exits": "encoder 'exits' failed: SystemExit: 0",
    "stops": "encoder 'stops' failed: Stop: enough",
    "exits-when-asked": "encoder 'exits-when-asked' failed in unavailable(): SystemExit: 0",
}


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    """A plugin in which everything is wrong but one ready-made encoder; the environment that finds it."""
    site = tmp_path_factory.mktemp("many")
    info = site / "many-1.0.dist-info"
    info.mkdir()
    (site / "many_offers.py").write_text(MANY)
    (site / "exiting_model.py").write_text(MODEL)
    (site / "program_recclaims.py").write_text("from recclaims.cli import main\n\nraise SystemExit(main())\n")
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: many\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[recclaims]\nmany = many_offers\n")
    path = os.pathsep.join(filter(None, [str(site), os.environ.get("PYTHONPATH")]))
    return {**os.environ, "PYTHONPATH": path}


def test_whatever_is_wrong_with_a_plugin_costs_its_own_cases(many, tmp_path):
    session = Session(tmp_path)
    select = "permuted and not sbert and (content-knn or exits-as-well-attributes)"
    output = session("-m", "noise or unsound", "-k", select, env=many, code=1)
    found = {
        (case["recommender"], case["treatment"]): (case["verdict"], case["reason"])
        for case in session.results["claims"]
        if case["control"] == "permuted"
    }
    assert found["content-knn", "attributes"][0] == found["content-knn", "ready"][0] == "supported"
    for name, reason in REASONS.items():
        verdict, said = found["content-knn", name]
        assert (verdict, said[: len(reason)]) == ("inadmissible", reason)
    assert found["exits-as-well", "attributes"] == ("inadmissible", "exits-as-well: SystemExit: 0")
    assert "plugin many (many 1.0) is used in part: recclaims_encoders returned 3, which has no name" in output
    assert "claim 'unsound': unknown control 'permutted'; did you mean 'permuted'?" in output
    assert "reporter 'exiting' failed: SystemExit: 0" in output
    assert "reporter 'elsewhere' failed: ValueError: its filename is '../x.txt'; write the name of a file" in output
    assert "Traceback" not in output


@pytest.mark.parametrize(
    ("arguments", "code", "lines"),
    [
        (["encode", "exits", "--data", "emoji"], 2, ["recclaims: encoder 'exits' failed: SystemExit: 0"]),
        (["encode", "stops", "--data", "emoji"], 2, ["recclaims: encoder 'stops' failed: Stop: enough"]),
        (["encode", "ready:x", "--data", "emoji"], 2, ["it is a ready encoder and takes no argument"]),
        (["encode", "attributes", "--data", "data-that-exits"], 2, ["cannot be read: SystemExit: 0"]),
        (
            ["encode", "attributes", "--data", "bare-data"],
            2,
            ["dataset 'bare-data' has no modalities; write for example"],
        ),
        (["plugins"], 1, ["plugin many (many 1.0) is used in part: "]),
        (["doctor"], 1, [f"broken   {REASONS[name]}" for name in REASONS if name not in ("exits", "stops")]),
    ],
    ids=lambda value: "-".join(value[:2]) if isinstance(value, list) else "",
)
def test_commands_survive_a_plugin_and_name_it(many, tmp_path, arguments, code, lines):
    store = ["--store", str(tmp_path)] if arguments[0] == "encode" else []
    done = warm.run("program_recclaims", *arguments, *store, env=many)
    output = done.stdout + done.stderr
    assert done.returncode == code, output
    assert all(line in output for line in lines), output
    assert "Traceback" not in output
