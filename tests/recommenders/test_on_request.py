"""Recommenders that take part only where somebody names them."""

import pytest

import recclaims
from recclaims._model.results import ResultsDocument
from recclaims.recommenders import builtin
from recclaims.reporting.reproduce import command

from ..test_pytest_face import Session

NAMES = [one.name for one in builtin.recclaims_recommenders() if one.on_request]


@pytest.fixture(scope="module")
def session(tmp_path_factory):
    return Session(tmp_path_factory.mktemp("named"))


def cases(session, *arguments):
    output = session("--collect-only", "-q", "--claims-encoder", "attributes", "-m", "noise", *arguments)
    return {line.partition("[")[2].rstrip("]") for line in output.splitlines() if "::" in line}, output


def test_nobody_gets_them_unasked(session):
    found, output = cases(session)
    assert found
    assert not [case for case in found if case.startswith(tuple(NAMES))]
    assert f"{', '.join(NAMES)} run only if named: --claims-recommender {NAMES[0]}" in output
    assert cases(session, "--claims-flavour", "all")[0] > found


def test_an_option_adds_one_and_k_names_one(session):
    unasked, _ = cases(session)
    added, _ = cases(session, "--claims-recommender", "mgcn")
    assert added - unasked == {f"mgcn-attributes-{control}-toy" for control in ("permuted", "gaussian")}
    assert unasked < added
    assert cases(session, "-k", "mgcn and not gaussian")[0] == {"mgcn-attributes-permuted-toy"}


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("mgcm", "--claims-recommender: unknown recommender 'mgcm'"),
        ("lightgcn", "--claims-recommender lightgcn: it reads no features; claims compare with it anyway"),
    ],
)
def test_a_name_that_says_nothing_is_refused(session, name, says):
    assert says in cases(session, "--claims-recommender", name)[1]


def test_a_program_names_one_and_is_told_how_to_run_it_again(session):
    asked = {"encoders": "attributes", "claims": "noise", "profile": "smoke", "controls": "permuted", "replicates": 1}
    found = recclaims.evaluate(session.data, recommenders="mgcn", **asked, workers=0, store=session.place / "store")
    document = ResultsDocument.of(found.to_dict())
    assert " --claims-recommender mgcn " in command(document, document.claims[0])
    every = {one["recommender"] for one in found.to_dict()["claims"]}
    assert every == {"mgcn"}
