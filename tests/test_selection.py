"""A verdict depends on its own case alone: not on what was selected, asked for or installed beside it."""

import signal
import subprocess
import sys
import time

import pytest

from .test_pytest_face import ROOT, Session

TINY = """
[training]
epochs = 6
embedding_size = 8
train_batch_size = 512
learning_rate = 0.02
"""
SELECTIONS = [
    ("-k", "freedom"),
    ("-k", "vbpr or freedom"),
    ("-m", "noise"),
    ("-m", "content and not noise", "-k", "vbpr"),
]


@pytest.fixture(scope="module")
def session(tmp_path_factory):
    session = Session(tmp_path_factory.mktemp("selection"))
    (session.place / "own.toml").write_text(TINY)
    return session


def options(session):
    own = ("--claims-hyperparameters", str(session.place / "own.toml"), "--claims-encoder", "attributes")
    return (*own, "--claims-profile", "quick")


def run(session, *arguments):
    session(*arguments, *options(session))
    return judged(session)


def judged(session):
    kept = ("verdict", "reason", "relative_effect", "ci", "p_value", "n_seeds", "looks", "chance")
    found = {(c["claim"], c["case"]): {key: c[key] for key in kept} for c in session.results["claims"]}
    for case in found.values():
        if case["chance"]:
            del case["chance"]["minutes"]  # measured
    return found


@pytest.fixture(scope="module")
def everything(session):
    return run(session, "-m", "noise or content", "-k", "vbpr or freedom")


@pytest.mark.parametrize("selection", SELECTIONS, ids=" ".join)
def test_the_same_case_has_the_same_verdict_in_every_selection(session, everything, selection):
    found = run(session, *selection)
    common = [key for key in found if key in everything]
    assert len(common) >= 1
    assert {key: found[key] for key in common} == {key: everything[key] for key in common}


def test_they_were_looked_at_more_than_once(everything):
    assert {c["n_seeds"] for c in everything.values()} > {4}


def test_a_budget_that_is_spent_leaves_cases_undecided_and_the_same_command_goes_on(session, everything, tmp_path):
    cut = Session(tmp_path)
    cut.data = session.data
    (cut.place / "own.toml").write_text(TINY)
    selection = ("-m", "noise or content", "-k", "vbpr")
    few = run(cut, *selection, "--claims-budget", "1s")
    assert any("budget" in case["reason"] for case in few.values())
    assert {case["verdict"] for case in few.values() if "budget" in case["reason"]} == {"inconclusive"}
    after = run(cut, *selection)
    assert after == {key: everything[key] for key in after}


def test_a_budget_that_is_stopped_in_the_middle_ends_as_if_it_had_not_been(tmp_path):
    """SIGTERM between two looks, as from a queue or a CI that wants its machine back, and the same command again."""
    whole, stopped = Session(tmp_path / "whole"), Session(tmp_path / "stopped")
    for one in (whole, stopped):
        (one.place / "own.toml").write_text(TINY)
    selection = ("-m", "noise or content", "-k", "vbpr", "--claims-budget", "30m")
    expected = run(whole, *selection)
    assert max(len(case["looks"]) for case in expected.values()) > 1
    n_cells = len([*whole.place.glob("store/cells/*/*")])

    command = [sys.executable, "-m", "pytest", *stopped.command(*selection, *options(stopped))]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    deadline = time.monotonic() + 120
    while (n_stored := len([*stopped.place.glob("store/cells/*/*")])) < n_cells // 2:
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    output = process.communicate(timeout=60)[0]
    assert process.returncode == 143, output
    assert n_stored < n_cells
    assert not stopped.report.exists()

    assert run(stopped, *selection) == expected
    computed = {cell["key"]: cell["metrics"] for cell in stopped.results["cells"]}
    assert computed == {cell["key"]: cell["metrics"] for cell in whole.results["cells"]}
