"""The claims on models that answer: which cases there are, and a tiny checkpoint brought to verdicts.

Its weights are random: the verdicts say that everything runs, and nothing about a claim.
"""

import json
import re

import pytest

from recclaims._model.cell import Cell
from recclaims._model.verdict import Verdict
from recclaims.data.reference import open_source
from recclaims.engine.pipeline import Pipeline
from recclaims.engine.profile import Profile
from recclaims.engine.settings import Settings
from recclaims.features.fusion import DEFAULT, PAPER, LateFusion
from recclaims.features.resolve import facts_of
from recclaims.judging.run_cases import run_cases
from recclaims.planning.builtin import CLAIMS, FUSION, KEYWORDS, NOISE, STABILITY
from recclaims.planning.case import cases
from recclaims.plugin_manager import load
from recclaims.reporting.reproduce import command
from recclaims.reporting.results import build
from recclaims.store import Store

from ..toy import write_toy
from .test_cases import Source

FUSIONS = ("late_fusion", *(f"late_fusion-{how}" for how in ("concat", "pca", "mean", "sum", "graph")))
SEPARATE = {"lattice", "freedom", "bm3", "lattice-elliot", "freedom-elliot"}
PROFILE = Profile("tiny", training={"epochs": 2, "embedding_size": 4, "train_batch_size": 256})
RECOMMENDERS = ("content-knn", "freedom")


@pytest.fixture(scope="module")
def registry():
    return load()


@pytest.fixture(autouse=True)
def no_hub(monkeypatch, tmp_path):
    """No weights but those of packages, whatever this machine has."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.delenv("RECCLAIMS_ALLOW_DOWNLOADS", raising=False)


def of(claim, registry, *asked, source=None):
    return list(cases(claim, "toy", source or Source("visual", "textual", "attributes"), registry, asked))


@pytest.mark.parametrize("claim", [FUSION, STABILITY], ids=lambda claim: claim.id)
def test_nobody_who_has_no_such_weights_gets_a_case(registry, claim):
    assert of(claim, registry) == []
    assert of(claim, registry, "sbert", "late_fusion-pca") == []
    assert of(NOISE, registry, "lvlm")


def test_one_case_per_recommender_and_fusion(registry):
    found = of(FUSION, registry, "lvlm:qwen2-vl-2b")
    by_recommender = {}
    for case in found:
        assert case.treatment == "lvlm:qwen2-vl-2b"
        by_recommender.setdefault(case.recommender, []).append(case.control)
    named = [f"{fusion}:{DEFAULT}" for fusion in FUSIONS]
    assert set(by_recommender) > SEPARATE
    assert "attribute-knn" not in by_recommender  # it reads sets
    for recommender, controls in by_recommender.items():
        assert controls == (named if recommender in SEPARATE else named[:-1])
    case = next(case for case in found if case.recommender == "freedom" and "-mean" in case.control)
    assert case.treatment_cells(1) == [Cell("toy", "freedom", "lvlm:qwen2-vl-2b")]
    # The features are those of whoever leaves the default out.
    assert case.control_cells(1) == [Cell("toy", "freedom", "late_fusion-mean")]


def test_the_papers_parts_are_taken_where_their_weights_are(registry, monkeypatch):
    monkeypatch.setattr(LateFusion, "unavailable", lambda self: None)
    found = of(FUSION, registry, "lvlm:qwen2-vl-2b")
    assert {case.control for case in found} == {f"{fusion}:{PAPER}" for fusion in FUSIONS}
    assert {case.arms[1].features for case in found} == {case.control for case in found}


def test_parts_can_be_asked_for(registry):
    found = of(FUSION, registry, "lvlm:qwen2-vl-2b", "late_fusion-sum:attributes+sbert", "late_fusion:sbert+attributes")
    parts = {case.control.partition(":")[2] for case in found}
    assert parts == {"attributes+sbert", "sbert+attributes"}
    textual = of(FUSION, registry, "lvlm:qwen2-vl-2b", source=Source("visual"))
    assert textual == []  # nothing feeds the late fusion


def test_stability_asks_the_same_encoder_twice(registry):
    found = [
        case for case in of(STABILITY, registry, "lvlm:qwen2-vl-2b?prompt=description") if case.recommender == "vbpr"
    ]
    base = "lvlm:qwen2-vl-2b?prompt=description"
    assert [(case.treatment, case.control, [arm.features for arm in case.arms]) for case in found] == [
        (f"{base}/sampled", "greedy", [f"{base}&temperature=0.7&top_p=0.9&seed=1", base]),
        (f"{base}/short", "long", [f"{base}&max_new_tokens=64", base]),
    ]
    assert all(case.claim.equivalence and case.asked == (base,) for case in found)


def test_an_encoder_that_samples_is_the_sampled_arm(registry):
    asked = "lvlm:qwen2-vl-2b?temperature=1.2&seed=5"
    greedy = next(case for case in of(STABILITY, registry, asked) if case.control == "greedy")
    assert [arm.features for arm in greedy.arms] == [
        "lvlm:qwen2-vl-2b?temperature=1.2&seed=5&top_p=1",
        "lvlm:qwen2-vl-2b",
    ]
    assert [arm.features for arm in of(STABILITY, registry, "lvlm")[0].arms] == [
        "lvlm:qwen2-vl-7b?temperature=0.7&top_p=0.9&seed=1",
        "lvlm",
    ]
    assert of(STABILITY, registry, "lvlm:qwen2-vl-2b?pooling=last_prompt_token") == []  # nothing is generated


def test_a_batch_is_compared_with_one_item_at_a_time(registry):
    batch = CLAIMS["batch"]
    (case,) = (case for case in of(batch, registry, "lvlm:qwen2-vl-2b") if case.recommender == "vbpr")
    assert (case.treatment, case.control) == ("lvlm:qwen2-vl-2b/batched", "alone")
    assert [arm.features for arm in case.arms] == ["lvlm:qwen2-vl-2b", "lvlm:qwen2-vl-2b?batch=1"]
    assert of(batch, registry, "lvlm:qwen2-vl-2b?batch=1") == []  # there is nothing else at once
    assert of(batch, registry, "lvlm:qwen2-vl-2b?pooling=last_prompt_token") == []


@pytest.fixture(scope="module")
def judged(shop, checkpoint, registry, tmp_path_factory):
    """Both claims, judged; and the document."""
    store = Store(tmp_path_factory.mktemp("store"))
    settings = Settings(PROFILE, replicates=2)
    asked = (f"lvlm:{checkpoint}?max_new_tokens=24", "late_fusion:attributes+sbert")
    source = open_source(str(shop), registry)
    found = [
        case
        for claim in (FUSION, STABILITY)
        for case in cases(claim, str(shop), source, registry, asked, lambda r: r.name in RECOMMENDERS)
    ]
    done = run_cases(found, Pipeline(settings, registry, store))
    return done, build(done, price_per_hour=3.6)


def test_the_fusion_claim_comes_to_verdicts(judged):
    done, _ = judged
    fusion = [result for case, result in done.judged.items() if case.claim == FUSION]
    assert {(r.case.recommender, r.case.control.partition(":")[0]) for r in fusion} == {
        *(("freedom", name) for name in FUSIONS),
        *(("content-knn", name) for name in FUSIONS[:-1]),
    }
    admissible = {Verdict.SUPPORTED, Verdict.CONTRADICTED, Verdict.NO_DIFFERENCE, Verdict.INCONCLUSIVE}
    assert {r.verdict for r in fusion} <= admissible, [r.reason for r in fusion]
    effects = {(r.case.recommender, r.case.control.partition(":")[0]): r.estimate.effect for r in fusion}
    # Attributes say which items are alike, random weights do not.
    assert max(effects["content-knn", name] for name in FUSIONS[:-1]) < -0.05
    # Two graphs are another model than one of both side by side.
    assert effects["freedom", "late_fusion-graph"] != effects["freedom", "late_fusion-concat"]


def test_the_stability_claim_says_how_alike_the_embeddings_are(judged):
    done, _ = judged
    stability = {(c.recommender, c.control): result for c, result in done.judged.items() if c.claim == STABILITY}
    assert set(stability) == {(r, control) for r in RECOMMENDERS for control in ("greedy", "long")}
    for (_, control), result in stability.items():
        assert result.verdict is not Verdict.INADMISSIBLE, result.reason
        mean, least = map(float, re.search(r"embeddings (\S+) on average, (\S+) at least", result.reason).groups())
        assert -1 <= least <= mean <= 1
        # No answer comes to half of the limit; other answers have other states.
        assert (least == 1) == (control == "long")
        assert ("answers cut off" in result.reason) == (control == "long")
        same = int(re.search(r"(\d+) answers the same word for word", result.reason)[1])
        assert same == 48 if control == "long" else same < 48


def test_what_encoders_cost_stands_beside(judged, checkpoint, registry):
    _, document = judged
    by_name = {entry.encoder: entry for entry in document.encoders}
    lvlm = by_name[facts_of(f"lvlm:{checkpoint}?max_new_tokens=24", registry).shown]
    assert lvlm.generated_tokens >= lvlm.items
    assert lvlm.peak_mb > 50
    fused = by_name["late_fusion:attributes+sbert"]
    assert fused.generated_tokens is None
    assert fused.peak_mb > 50
    assert document.price_per_hour == 3.6


def test_a_case_can_be_run_again_by_its_command(judged, checkpoint):
    _, document = judged
    case = next(case for case in document.claims if case.claim == "fusion")
    shown = command(document, case)
    asked = f"lvlm:path/to/{checkpoint.name}?max_new_tokens=24"  # reports show no folders
    assert f"--claims-encoder '{asked}' --claims-encoder {case.control} " in shown
    stable = next(case for case in document.claims if case.claim == "stability")
    assert stable.treatment == f"{case.treatment}/sampled"
    assert f"--claims-encoder '{asked}' --claims" in command(document, stable)


def test_absent_weights_are_named_and_nothing_is_trained_in_vain(shop, registry, tmp_path):
    pipeline = Pipeline(Settings(PROFILE, replicates=1), registry, Store(tmp_path / "store"))
    found = [
        case
        for claim in (FUSION, STABILITY)
        for case in cases(claim, str(shop), open_source(str(shop), registry), registry, ("lvlm:qwen2-vl-2b",))
    ]
    done = run_cases(found, pipeline)
    assert {result.verdict for result in done.judged.values()} == {Verdict.NOT_RUN}
    reasons = {result.reason for result in done.judged.values()}
    assert all("hf download Qwen/Qwen2-VL-2B-Instruct" in reason for reason in reasons)
    assert done.outcome.computed == 0
    assert not done.outcome.results


def test_answers_behind_keywords_are_diagnosed_and_kept(registry, tmp_path, monkeypatch):
    data = write_toy(tmp_path / "data", domain="clothing")
    words = {"red": "opera", "green": "granite", "blue": "lion", "black": "winter"}  # too unlike to be merged
    records = [json.loads(line) for line in (data / "items.jsonl").read_text().splitlines()]
    for record in records:
        worn = words[record["colour"][0]]
        record["lvlm"] = {"m_keyword": f"[Type] {{thing}}, [Color] {{{worn}}}"}
    (data / "items.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    source = open_source(str(data), registry)
    found = [c for c in cases(KEYWORDS, str(data), source, registry) if c.control == "twin"]
    pipeline = Pipeline(Settings(PROFILE, replicates=1), registry, Store(tmp_path / "store"))
    document = build(run_cases(found, pipeline))
    assert {(r.encoder, r.dataset, r.answers) for r in document.keywords} == {("keywords:m_keyword", "toy", 48)}
    by_slot = {record.slot: record for record in document.keywords}
    assert (by_slot["Color"].distinct, by_slot["Color"].entropy) == (4, 2.0)
    assert (by_slot["Style"].missing, by_slot["Style"].distinct) == (48, 0)
    # Once computed, it is found.
    again = Pipeline(pipeline.settings, registry, pipeline.store)
    monkeypatch.setattr("recclaims.lvlm.answers.Keywords.diagnose", lambda self, items: 1 / 0)
    assert build(run_cases(found, again)).keywords == document.keywords
