"""Claims that the field argues over: what they compare, and that nobody runs them unasked."""

import pytest

from recclaims._model.arm import Arm
from recclaims._model.population import Population, SomeItems
from recclaims.planning.case import cases
from recclaims.plugin_manager import load

from ..test_pytest_face import Session

ON_REQUEST = sorted(name for name, claim in load().claims.items() if claim.on_request)


class Source:
    name = "toy"
    modalities = frozenset({"visual", "textual"})


def found(name, *encoders, recommender="freedom"):
    registry = load()
    made = cases(registry.claims[name], "toy", Source(), registry, encoders)
    return [case for case in made if case.recommender == recommender]


def test_text_alone_meets_the_fusion_that_it_is_a_part_of():
    (case,) = found("modality")
    assert case.arms == (Arm("freedom", "sbert"), Arm("freedom", "late_fusion"))
    assert case.claim.not_worse_than == 0.02
    asked = ("sbert", "efficientnet-lite0", "late_fusion:resnet50+efficientnet-lite0", "late_fusion:resnet50+sbert")
    assert [case.id for case in found("modality", *asked)] == ["freedom-sbert-late_fusion:resnet50+sbert-toy"]


def test_the_image_is_added_to_the_same_text():
    (case,) = found("image")
    assert case.arms == (Arm("freedom", "late_fusion"), Arm("freedom", "sbert"))


def test_each_modality_is_asked_whether_it_hides_the_long_tail():
    asked = ("sbert", "efficientnet-lite0", "late_fusion")
    made = found("popularity", *asked)
    assert [(case.treatment, case.control) for case in made] == [
        ("sbert", "late_fusion"),
        ("efficientnet-lite0", "late_fusion"),
    ]
    assert {(case.claim.metric, case.claim.direction) for case in made} == {("aplt@20", "less")}


def test_what_the_encoder_does_anyway_is_the_cell_that_other_claims_have():
    """Where an item lacks a title, sbert gives it the mean; so that control is the plain arm."""
    made = found("missing", "sbert")
    assert [(case.treatment, case.control) for case in made] == [
        ("sbert/neighbours", control) for control in ("mean", "zero", "random", "dropped")
    ]
    assert [arm.imputation for arm in made[0].arms] == ["neighbours", None]
    (content,) = found("content", "sbert")
    assert made[0].arms[1] == content.arms[0]
    assert [case.arms[1].imputation for case in made[1:]] == ["zero", "random", "dropped"]
    assert made[0].id == "freedom-sbert/neighbours-mean-toy"


def test_a_fusion_is_filled_in_by_its_parts():
    (case, *_) = found("missing", "late_fusion")
    assert case.arms == (Arm("freedom", "late_fusion", imputation="neighbours"), Arm("freedom", "late_fusion"))


def test_a_picture_with_letters_meets_the_fusion_of_the_parts_that_were_asked_for():
    asked = ("rendered:efficientnet-lite0", "late_fusion:efficientnet-lite0+sbert")
    made = found("rendered", *asked)
    assert [(case.treatment, case.control) for case in made] == [
        ("rendered:efficientnet-lite0", f"{fusion}:efficientnet-lite0+sbert")
        for fusion in ("late_fusion", "late_fusion-concat")
    ]
    assert not found("rendered")


def test_to_sets_nothing_is_lacking():
    assert not found("missing", "attributes", recommender="attribute-knn")


def test_cold_items_are_compared_with_the_others_and_need_no_other_training():
    made = found("cold", "sbert")
    assert [case.control for case in made] == ["permuted", "twin"]
    claim = made[0].claim
    assert (claim.population, claim.other_population) == (
        Population(SomeItems(train_at_most=5)),
        Population(SomeItems(train_at_least=6)),
    )
    (content,) = found("content", "sbert")
    assert made[1].cells(4) == content.cells(4)


def test_an_ensemble_meets_each_recommender_that_fuses_on_the_same_features():
    registry = load()
    made = [*cases(registry.claims["ensemble"], "toy", Source(), registry, ("sbert",), lambda _: True)]
    assert [case.arms for case in made] == [
        (Arm("ensemble", "sbert"), Arm(name, "sbert")) for name in ("vbpr", "lattice", "freedom", "bm3")
    ]
    assert {case.claim.not_worse_than for case in made} == {0.02}


@pytest.fixture(scope="module")
def session(tmp_path_factory):
    return Session(tmp_path_factory.mktemp("on_request"))


def test_the_claim_brings_the_recommender_that_it_is_about(session):
    for asked in (("-m", "ensemble"), ("-k", "ensemble and test_ensemble")):
        output = session("--collect-only", "-q", *asked, "--claims-encoder", "attributes", code=0)
        assert "[ensemble-attributes-vbpr-toy]" in output
        assert "[mgcn-" not in output


def test_nobody_runs_them_unasked(session):
    output = session("--collect-only", "-q", "-m", "not controls", code=0)
    assert "test_noise.py::" in output
    assert not [name for name in ON_REQUEST if f"test_{name}.py::" in output]


@pytest.mark.parametrize("asked", [("-m", "cold"), ("-k", "cold"), ()], ids=["marker", "name", "module"])
def test_whoever_asks_gets_them(session, asked):
    path = "suite" if asked else "suite/test_cold.py"
    output = session("--collect-only", "-q", *asked, path=path, code=0)
    named = [line for line in output.splitlines() if "::" in line]
    assert named
    assert all("test_cold.py::" in line for line in named)
