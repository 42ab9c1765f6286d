from dataclasses import replace

import pytest

from recclaims._model.cell import Cell
from recclaims.engine.profile import Profile
from recclaims.errors import RecclaimsError, UnknownNameError
from recclaims.planning.builtin import BASELINE, CAPACITY, CONTENT, CONTROLS, KEYWORDS, NOISE, PROMPT
from recclaims.planning.case import cases, unasked
from recclaims.planning.planted import planted_cases
from recclaims.plugin_manager import load


class Source:
    def __init__(self, *modalities, answers=()):
        self.name = "toy"
        self.modalities = frozenset(modalities)
        self.answers = answers


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


TEXTUAL_NOISE = set(load().controls) - {"permuted_per_modality", "permuted_within_category"}
MULTIMODAL = {name for name in unasked(load()) if load().encoders[name].modality == "multimodal"}
TRAINED = {"vbpr", "lattice", "freedom", "bm3", "vbpr-elliot", "lattice-elliot", "freedom-elliot"}


def test_every_content_recommender_meets_every_control(registry):
    found = of(NOISE, registry, "textual")
    assert {(c.recommender, c.control) for c in found} == {
        (recommender, control) for recommender in (*TRAINED, "content-knn") for control in TEXTUAL_NOISE
    }
    fused = {c.control for c in of(NOISE, registry, "visual", "textual", "attributes") if c.treatment == "late_fusion"}
    assert fused == set(load().controls)


def test_noise_can_be_asked_for(registry):
    found = cases(NOISE, "toy", Source("textual"), registry, control_names=("gaussian", "uniform"))
    assert {c.control for c in found} == {"gaussian", "uniform"}
    # A claim about nothing of what was asked for keeps its own.
    mine = replace(NOISE, controls=("constant", "twin"))
    found = cases(mine, "toy", Source("textual"), registry, control_names=("gaussian",))
    assert {c.control for c in found} == {"constant", "twin"}


def test_recommenders_of_sets_read_sets_and_controls_that_keep_them(registry):
    found = [c for c in of(NOISE, registry, "textual", "attributes") if c.recommender.startswith("attribute-knn")]
    assert {(c.recommender, c.treatment, c.control) for c in found} == {
        (recommender, "attributes", control)
        for recommender in ("attribute-knn", "attribute-knn-content")
        for control in ("permuted", "permuted_within_category")
    }


def test_twins_exist_for_those_that_have_one(registry):
    found = of(CONTENT, registry, "textual", "attributes")
    assert {(c.recommender, c.control) for c in found} == {(r, "twin") for r in (*TRAINED, "attribute-knn")}


def test_capacity_compares_noise_with_what_has_no_features(registry):
    found = of(CAPACITY, registry, "textual")
    assert {(c.recommender, c.control) for c in found} == {
        (r, control) for r in TRAINED for control in ("twin", "bpr", "lightgcn")
    }
    case = next(c for c in found if c.id == "vbpr-sbert/permuted-bpr-toy")
    assert case.treatment_cells(1) == [Cell("toy", "vbpr", "sbert", "permuted", seed=0)]
    assert case.control_cells(1) == [Cell("toy", "bpr", seed=0)]
    assert case.claim.not_better_than


def test_the_baseline_claim_is_about_image_and_text(registry):
    assert of(BASELINE, registry, "textual") == []
    found = of(BASELINE, registry, "visual", "textual")
    assert "late_fusion" in MULTIMODAL
    assert {(c.recommender, c.treatment, c.control) for c in found} == {
        (r, encoder, control)
        for r in TRAINED
        for encoder in MULTIMODAL
        for control in ("mostpop", "itemknn", "bpr", "lightgcn")
    }


ANSWERS = ("a_keywords", "b_keywords", "a_descriptive", "a_mis_2026", "c_descriptive")


def test_keywords_are_compared_with_none_with_others_and_with_the_catalogues(registry):
    source = Source("textual", "attributes", "answers", answers=ANSWERS)
    found = list(cases(KEYWORDS, "toy", source, registry))
    assert {(c.recommender, c.treatment, c.control) for c in found} == {
        ("attribute-knn", f"keywords:{answer}", control)
        for answer in ("a_keywords", "b_keywords")
        for control in ("twin", "permuted", "attributes")
    }
    by_control = {c.control: c.control_cells(1)[0] for c in found if c.treatment == "keywords:a_keywords"}
    assert by_control == {
        "twin": Cell("toy", "attribute-knn", twin="twin"),
        "permuted": Cell("toy", "attribute-knn", "keywords:a_keywords", "permuted"),
        "attributes": Cell("toy", "attribute-knn", "attributes"),
    }
    without = Source("textual", "answers", answers=ANSWERS)
    assert {c.control for c in cases(KEYWORDS, "toy", without, registry)} == {"twin", "permuted"}
    asked = cases(KEYWORDS, "toy", source, registry, ["sbert", "keywords:b_keywords"])
    assert {c.treatment for c in asked} == {"keywords:b_keywords"}


def test_a_prompt_is_compared_with_the_same_models_misaligned_one(registry):
    found = list(cases(PROMPT, "toy", Source("answers", answers=ANSWERS), registry))
    assert {c.recommender for c in found} == {*TRAINED, "content-knn"}
    assert {(c.treatment, c.control, c.control_cells(1)[0].features) for c in found} == {
        ("answers:a_descriptive", "misaligned", "answers:a_mis_2026")
    }


def test_a_flavour_can_be_asked_for(registry):
    def chosen(recommender):
        return Profile.named("quick").admits(recommender) and not recommender.on_request

    found = cases(NOISE, "toy", Source("textual"), registry, recommender_filter=chosen)
    assert {c.recommender for c in found} == {"vbpr", "lattice", "freedom", "bm3", "content-knn"}


def test_a_claim_that_compares_with_nothing_is_noticed(registry):
    for wrong in ({"controls": ("permutd",)}, {"treatments": ("permutd",)}):
        claim = replace(NOISE, id="mine", **wrong)
        with pytest.raises(UnknownNameError, match=r"claim 'mine'.*'permutd'.*did you mean 'permuted'"):
            of(claim, registry, "textual")


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"metric": "nDCG@10"}, r"unknown metric 'nDCG@10'; did you mean 'ndcg@10'\? known: aplt@K, "),
        ({"metric": "recall"}, "metric 'recall' needs a cut-off; write 'recall@20'"),
        ({"metric": "coverage@10"}, "metric 'coverage@10' has no value per user; use one of: aplt@K, "),
    ],
)
def test_a_claim_that_nothing_could_judge_is_refused_before_anything_is_trained(registry, wrong, message):
    with pytest.raises(RecclaimsError, match=f"claim 'mine': {message}"):
        of(replace(NOISE, id="mine", **wrong), registry, "textual")
    with pytest.raises(RecclaimsError, match=f"claim 'mine': {message}"):
        list(planted_cases(replace(CONTROLS, id="mine", **wrong), {}, registry))


def test_a_claim_can_be_about_encoders_that_need_no_answer(registry):
    mine = replace(NOISE, encoders=("sbert",), controls=("permuted",))
    assert {c.treatment for c in of(mine, registry, "textual", "attributes")} == {"sbert"}
    asked = cases(mine, "toy", Source("textual", "attributes"), registry, ["attributes", "sbert:org/model"])
    assert {c.treatment for c in asked} == {"sbert:org/model"}
    for wrong, kind in (({"encoders": ("sbrt",)}, "encoder"), ({"recommenders": ("vbrp",)}, "recommender")):
        with pytest.raises(UnknownNameError, match=rf"claim 'mine'.*unknown {kind}"):
            of(replace(NOISE, id="mine", **wrong), registry, "textual")


def test_a_new_encoder_joins_every_claim_that_its_modality_fits(registry):
    before = {c.id for claim in (NOISE, CONTENT) for c in of(claim, registry, "textual")}
    registry.encoders["plugged"] = Plugged
    after = {c.id for claim in (NOISE, CONTENT) for c in of(claim, registry, "textual")}
    assert after - before == {
        *(f"{r}-plugged-{c}-toy" for r in (*TRAINED, "content-knn") for c in TEXTUAL_NOISE),
        *(f"{r}-plugged-twin-toy" for r in TRAINED),
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
