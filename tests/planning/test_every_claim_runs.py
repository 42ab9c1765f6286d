"""Every registered claim can be selected, and says what it needs where it has no case."""

import re

import pytest

from recclaims.plugin_manager import load

from .. import warm
from ..test_pytest_face import Session

CLAIMS = sorted(load().claims)


@pytest.fixture(scope="module")
def session(tmp_path_factory):
    return Session(tmp_path_factory.mktemp("claims"))


MARKERS = """
import sys

import pytest


class Markers:
    def pytest_collection_finish(self, session):
        print("marked:", *{marker.name for item in session.items for marker in item.iter_markers()})


pytest.main(["suite", "--collect-only", "-q", "-p", "no:cacheprovider", *sys.argv[1:]], [Markers()])
"""


@pytest.fixture(scope="module")
def marked(session):
    """By what `-m` can select cases of the suite."""
    asked = ("-m", " or ".join(CLAIMS))  # those that are made on request, too
    said, _ = warm.begin(MARKERS, session.place, "--claims-data", session.data, *asked).communicate()
    return re.search(r"^marked: (.*)", said, re.MULTILINE)[1].split()


@pytest.mark.parametrize("claim", CLAIMS)
def test_a_claim_can_be_selected(marked, claim):
    assert claim in marked


def test_a_claim_without_its_needs_is_one_skipped_case(session):
    output = session("-m", "fusion", "-rs", code=0)
    assert "1 skipped" in output
    assert "--claims-encoder 'lvlm:FOLDER?domain=movies'" in output


@pytest.mark.parametrize("claim", ["fusion", "stability", "batch"])
def test_a_checkpoint_brings_its_claims_to_verdicts(session, shop, checkpoint, claim):
    """The weights are random: that there is a verdict is all that it says."""
    asked = ("--claims-encoder", f"lvlm:{checkpoint}?domain=clothing&max_new_tokens=24")
    session("-m", claim, "-k", "content-knn and not planted", *asked, data=shop)
    verdicts = {case["verdict"] for case in session.results["claims"]}
    assert verdicts
    assert verdicts <= {"supported", "contradicted", "no_difference", "inconclusive"}


def test_a_claim_is_selected_with_its_own_controls(session):
    """Those of claim `fusion`, on planted data: they carry both markers."""
    asked = ("--claims-encoder", "joint-reference", "--collect-only", "-q", "--strict-markers")
    output = session("-m", "fusion and not controls", *asked, data="emoji?channel=joint", code=0)
    assert "test_fusion.py::" in output
    assert "test_controls.py::" not in output
    output = session("-m", "fusion and controls", *asked, data="emoji?channel=joint", code=0)
    assert output.count("content-knn-joint-reference-late_fusion-pca-emoji-planted-dose1-joint") == 1
    assert output.count("content-knn-joint-reference/permuted-late_fusion/permuted-emoji-planted-dose0-joint") == 1
    assert "attributes" not in output
