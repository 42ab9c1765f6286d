import pytest

from recclaims.claims.builtin import CONTENT, NOISE
from recclaims.claims.claim import cases
from recclaims.plugin_manager import load
from recclaims.runner.cell import Cell


class Source:
    def __init__(self, *modalities):
        self.name = "toy"
        self.modalities = frozenset(modalities)


class Plugged:
    name, modality, version = "plugged", "textual", "1"

    def encode(self, items):
        raise NotImplementedError


@pytest.fixture
def registry():
    return load()


def of(claim, registry, *modalities):
    return list(cases(claim, "toy", Source(*modalities), registry))


def test_a_dataset_gets_the_encoders_it_can_feed(registry):
    assert {case.treatment for case in of(NOISE, registry, "textual")} == {"sbert"}
    assert {case.treatment for case in of(NOISE, registry, "textual", "attributes")} == {
        "sbert",
        "attributes",
    }
    everything = {case.treatment for case in of(NOISE, registry, "visual", "textual", "attributes")}
    assert everything >= {"sbert", "attributes", "efficientnet-lite0", "resnet50", "late_fusion"}
    assert of(NOISE, registry) == []


def test_every_content_recommender_meets_every_control(registry):
    found = of(NOISE, registry, "textual")
    assert {(c.recommender, c.control) for c in found} == {
        (recommender, control)
        for recommender in ("vbpr", "freedom", "content-knn")
        for control in ("permuted", "gaussian")
    }


def test_twins_exist_for_those_that_have_one(registry):
    assert {(c.recommender, c.control) for c in of(CONTENT, registry, "textual")} == {
        ("vbpr", "twin"),
        ("freedom", "twin"),
    }


def test_a_new_encoder_joins_every_claim_that_its_modality_fits(registry):
    before = {c.id for claim in (NOISE, CONTENT) for c in of(claim, registry, "textual")}
    registry.encoders["plugged"] = Plugged
    after = {c.id for claim in (NOISE, CONTENT) for c in of(claim, registry, "textual")}
    assert after - before == {
        *(f"{r}-plugged-{c}-toy" for r in ("vbpr", "freedom", "content-knn") for c in ("permuted", "gaussian")),
        *(f"{r}-plugged-twin-toy" for r in ("vbpr", "freedom")),
    }
    assert not any("plugged" in c.id for c in of(NOISE, registry, "visual"))


def test_a_case_is_named_as_the_design_says(registry):
    ids = {case.id for case in of(NOISE, registry, "visual", "textual")}
    assert "freedom-late_fusion-permuted-toy" in ids


def test_arms_share_everything_but_what_is_compared(registry):
    noise = next(c for c in of(NOISE, registry, "textual") if c.id == "vbpr-sbert-permuted-toy")
    assert noise.treatment_cells(2) == [
        Cell("toy", "vbpr", "sbert", seed=0),
        Cell("toy", "vbpr", "sbert", seed=1),
    ]
    assert noise.control_cells(2) == [
        Cell("toy", "vbpr", "sbert", "permuted", seed=0),
        Cell("toy", "vbpr", "sbert", "permuted", seed=1),
    ]
    content = next(c for c in of(CONTENT, registry, "textual") if c.id == "vbpr-sbert-twin-toy")
    assert content.treatment_cells(2) == noise.treatment_cells(2)
    assert content.control_cells(1) == [Cell("toy", "vbpr", twin="twin", seed=0)]
