"""A verdict depends on its own case alone: not on what was selected, asked for or installed beside it."""

import pytest

from .test_pytest_face import Session

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


def run(session, *arguments):
    options = ("--claims-hyperparameters", str(session.place / "own.toml"), "--claims-encoder", "attributes")
    session(*arguments, *options, "--claims-profile", "quick")
    kept = ("verdict", "reason", "relative_effect", "ci", "p_value", "n_seeds", "looks", "chance")
    return {(c["claim"], c["case"]): {key: c[key] for key in kept} for c in session.results["claims"]}


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
