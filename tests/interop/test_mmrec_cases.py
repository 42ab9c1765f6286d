"""Cases of a class of MMRec's interface, from a program and from pytest, beside those of others."""

import dataclasses
import re
from pathlib import Path

import pytest

import recclaims
from recclaims._model.results import ResultsDocument
from recclaims.errors import RecclaimsError
from recclaims.interop.foreign.recommender import own_objects
from recclaims.offers import factory_of
from recclaims.own_objects import with_own
from recclaims.plugin_manager import registry
from recclaims.reporting.reproduce import command

from ..foreign import write_mmrec
from ..test_pytest_face import Session
from ..toy import write_toy
from .mmrec_clone import CONTENT, write, write_clone

DOCUMENTED = Path(__file__).parents[2] / "docs" / "write-a-recommender.md"
JUDGED = {"supported", "contradicted", "no_difference", "inconclusive"}
ASKED = {"encoders": "attributes", "claims": ["noise", "content"], "profile": "smoke", "controls": "permuted"}


def by_case(results):
    return {one["case"]: (one["verdict"], one["reason"]) for one in results.to_dict()["claims"]}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_toy(tmp_path_factory.mktemp("data") / "toy")


def test_one_that_knows_unseen_items_is_judged_on_them_if_it_is_said(tmp_path, folder):
    """As the page says; a class of somebody else's does not say it itself."""
    path = write_clone(tmp_path / "clone")
    silent, said = (recclaims.open_recommender(f"mmrec:{path}?name={name}") for name in ("silent", "said"))
    asked = [silent, dataclasses.replace(said, scores_unseen_items=True)]
    cold = {**ASKED, "claims": ["noise"], "replicates": 2, "workers": 0, "store": tmp_path / "store"}
    found = by_case(recclaims.evaluate(f"{folder}?split=cold", recommenders=asked, **cold))
    assert found["said-attributes-permuted-toy?split=cold"][0] in JUDGED
    verdict, reason = found["silent-attributes-permuted-toy?split=cold"]
    assert verdict == "inadmissible"
    assert "silent cannot rank what nobody has in train" in reason


def test_what_is_wrong_with_one_costs_its_own_cases(tmp_path, folder):
    good = write_clone(tmp_path / "good")
    bad = write_clone(
        tmp_path / "bad", CONTENT.replace("size = config", 'raise ValueError("broken")\n            size = config')
    )
    both = write_clone(tmp_path / "both", CONTENT.replace(" if one is not None", ""))
    asked = [f"mmrec:{good}", f"mmrec:{bad}?name=bad", f"mmrec:{both}?name=both", "content-knn"]
    found = by_case(
        recclaims.evaluate(folder, recommenders=asked, **ASKED, replicates=1, workers=0, store=tmp_path / "store")
    )
    assert set(found) == {
        f"{name}-attributes-{control}-toy"
        for name in ("mmrec-linear", "bad", "both", "content-knn")
        for control in ("permuted", "constant")
    } - {"content-knn-attributes-constant-toy"}
    for case in (
        "mmrec-linear-attributes-permuted",
        "mmrec-linear-attributes-constant",
        "content-knn-attributes-permuted",
    ):
        assert found[f"{case}-toy"][0] in JUDGED
    verdict, reason = found["bad-attributes-permuted-toy"]
    assert verdict == "inadmissible"
    assert reason.startswith("bad: ValueError: broken (linear.py:")
    verdict, reason = found["both-attributes-permuted-toy"]
    assert verdict == "not_run"
    assert reason.startswith("both: it needs both image and text features")


def test_the_store_knows_it_wherever_it_lies_and_by_whichever_words(tmp_path, folder):
    asked = {**ASKED, "claims": "noise", "replicates": 1, "workers": 0, "store": tmp_path / "store"}
    model = write_clone(tmp_path / "one")
    first = recclaims.evaluate(folder, recommenders=f"mmrec:{model}", **asked).to_dict()
    (tmp_path / "one").rename(tmp_path / "two")
    opened = recclaims.open_recommender(f"mmrec:{tmp_path}/two/src/models/linear.py")
    again = recclaims.evaluate(folder, recommenders=opened, **asked, reuse="always").to_dict()
    assert [one["key"] for one in again["cells"]] == [one["key"] for one in first["cells"]]
    assert not any(str(tmp_path) in str(one) for one in (first, again))
    run_again = command(ResultsDocument.of(again), ResultsDocument.of(again).claims[0])
    assert " --claims-recommender mmrec:path/to/linear.py " in run_again


def test_a_late_fusion_is_given_as_its_parts(tmp_path):
    data = write_mmrec(tmp_path / "baby")
    widths = "self.v_feat.shape[1], self.t_feat.shape[1]"
    model = CONTENT.replace("size = config", f"assert ({widths}) == (6, 4)\n            size = config")
    model = model.replace(" if one is not None", "")
    results = recclaims.evaluate(
        data,
        recommenders=f"mmrec:{write_clone(tmp_path / 'clone', model)}",
        encoders="late_fusion:features:image_feat+features:text_feat",
        claims="noise",
        controls="permuted",
        profile="smoke",
        replicates=1,
        workers=0,
        store=tmp_path / "store",
    )
    ((verdict, reason),) = by_case(results).values()
    assert verdict in JUDGED, reason


def test_it_travels_to_other_processes(tmp_path):
    own = own_objects([f"mmrec:{write_clone(tmp_path)}"])
    there = with_own(registry(), own.packed())
    (mine,) = own.objects["recommenders"]
    assert there.recommenders["mmrec-linear"] == mine
    assert there.origin["recommenders", "mmrec-linear"] == "mmrec class"


def test_a_plugin_may_offer_one(tmp_path):
    opened = recclaims.open_recommender(f"mmrec:{write_clone(tmp_path)}")
    assert factory_of("recommenders", opened) is opened


def test_one_of_the_name_of_another_is_refused(tmp_path, folder):
    with pytest.raises(RecclaimsError, match="recommender 'vbpr': recclaims already has one of that name"):
        recclaims.evaluate(folder, recommenders=f"mmrec:{write_clone(tmp_path)}?name=vbpr")


def test_the_class_of_the_documentation_is_judged(tmp_path):
    text = DOCUMENTED.read_text()
    (model,) = re.findall(r"```python\n(import torch\nfrom common.*?)```", text, re.DOTALL)
    (reference,) = re.findall(r"--claims-recommender '(mmrec:.*?)'", text)
    write_clone(tmp_path / "MMRec", name="other")
    write(tmp_path / "MMRec" / "src" / "models" / "mine.py", model)
    session = Session(tmp_path)
    absolute = reference.replace("mmrec:", f"mmrec:{tmp_path}/")
    asked = ("--claims-recommender", absolute, "--claims-encoder", "attributes", "-m", "noise or content")
    output = session("-k", "mmrec-mine", *asked, "--claims-seeds", "2")
    found = {(one["claim"], one["case"]): one["verdict"] for one in session.results["claims"]}
    assert set(found) == {
        ("noise", "mmrec-mine-attributes-permuted-toy"),
        ("noise", "mmrec-mine-attributes-gaussian-toy"),
        ("content", "mmrec-mine-attributes-twin-toy"),
    }, output
    assert set(found.values()) <= JUDGED
    output = session("--collect-only", "-q", "--claims-recommender", f"mmrec:{tmp_path}/none.py", code=4)
    assert "there is no file" in output


def test_it_joins_the_others_whatever_flavour_was_asked_for(tmp_path):
    session = Session(tmp_path)
    asked = ("--claims-recommender", f"mmrec:{write_clone(tmp_path)}", "--claims-encoder", "attributes")
    output = session("--collect-only", "-q", *asked, "--claims-flavour", "elliot", "-m", "noise")
    for name in ("mmrec-linear", "vbpr-elliot", "content-knn"):
        assert (f"[{name}-attributes-permuted-toy]" in output) == (name != "content-knn")


def test_the_recbole_class_of_the_documentation_is_judged(importable, folder):
    text = DOCUMENTED.read_text()
    (model,) = re.findall(r"```python\n(import torch\nfrom recbole.*?)```", text, re.DOTALL)
    (reference,) = re.findall(r"--claims-recommender '(recbole:.*?)'", text)
    write(importable / "my_model.py", model)
    bpr = "recbole:recbole.model.general_recommender.bpr:BPR"
    asked = {**ASKED, "replicates": 1, "workers": 0, "store": importable / "store"}
    found = by_case(recclaims.evaluate(folder, recommenders=[reference, bpr], **asked))
    for control in ("permuted", "twin"):
        verdict, reason = found.pop(f"recbole-preloaded-attributes-{control}-toy")
        assert verdict in JUDGED, reason
    verdict, reason = found["recbole-bpr-attributes-permuted-toy"]
    assert verdict == "inadmissible"
    assert "BPR never reads its features: other features give exactly the same loss and scores" in reason
