import numpy as np
import pytest

from recclaims._model.case import Expectation
from recclaims.data.reference import open_source
from recclaims.features.fusion import DEFAULT
from recclaims.planning.builtin import CONTROLS, FUSION
from recclaims.planning.planner import Planner
from recclaims.planning.planted import CHANNELS, NOTHING, REFERENCES, SOME, STRONG, Opened, planted_cases
from recclaims.plugin_manager import load

FOUND, SILENT = Expectation.POSITIVE_CONTROL, Expectation.NEGATIVE_CONTROL


@pytest.fixture
def registry():
    return load()


def made(registry, *encoders, recommender_filter=lambda _: True, words=()):
    opened = {name: Opened(dict(words).get(name, name), open_source(name, registry)) for name in REFERENCES}
    return list(planted_cases(CONTROLS, opened, registry, encoders, recommender_filter))


def test_every_recommender_of_content_must_find_it_and_must_not_dream(registry):
    expected = {(case.recommender, case.dataset): case.expects for case in made(registry) if case.tests in TESTED}
    names = {name for name, found in registry.recommenders.items() if found.content}
    assert {name for name, _ in expected} == names
    for name in names:
        assert expected[name, NOTHING] is SILENT
        assert expected[name, STRONG] is FOUND


def test_who_cannot_do_without_a_second_modality_is_given_one(registry):
    features = {case.recommender: case.arms[0].features for case in made(registry) if case.tests in TESTED}
    assert features.pop("smore") == "late_fusion-graph:efficientnet-lite0+attributes"
    assert set(features.values()) == {"attributes"}


TESTED = set(load().recommenders)


def test_an_encoder_finds_what_it_reads_and_nothing_else(registry):
    expected = {(case.treatment, case.dataset): case.expects for case in made(registry) if case.tests not in TESTED}
    for encoder, seen in {
        "sbert": {"textual"},
        "efficientnet-lite0": {"visual"},
        "late_fusion": {"visual", "textual"},
        "attributes": set(),
    }.items():
        for channel, reference in CHANNELS.items():
            assert expected[encoder, reference] is (FOUND if channel in seen else SILENT), (encoder, channel)


def test_encoders_can_be_asked_for(registry):
    tested = {case.tests for case in made(registry, "sbert:all-mpnet-base-v2") if case.expects} - TESTED
    assert tested == {"sbert:all-mpnet-base-v2"}


def test_vectors_of_other_items_are_not_tried(registry, tmp_path):
    np.save(tmp_path / "some.npy", np.zeros((3, 2), np.float32))
    path = f"features:{tmp_path / 'some.npy'}"
    tested = {case.tests for case in made(registry, "sbert", path, f"late_fusion:sbert+{path}")} - TESTED
    assert tested == {"", "sbert"}


def test_the_probe_finds_more_where_there_is_more(registry):
    rising = [case for case in made(registry) if case.expects is None]
    assert [(case.dataset, case.arms[1].dataset) for case in rising] == [(SOME, NOTHING), (STRONG, SOME)]
    for case in rising:
        treatment, control = case.treatment_cells(2), case.control_cells(2)
        assert [cell.seed for cell in treatment] == [cell.seed for cell in control]
        assert {cell.dataset for cell in treatment} == {case.dataset}
        assert {cell.dataset for cell in control} == {case.arms[1].dataset}


def test_who_does_not_take_part_is_not_tested(registry):
    free = made(registry, recommender_filter=lambda recommender: recommender.training_free)
    assert {case.recommender for case in free} == {"content-knn", "attribute-knn", "attribute-knn-content"}


def test_a_dataset_goes_by_the_words_of_whoever_asked_first(registry):
    cases = made(registry, words=[(SOME, "emoji"), (NOTHING, "emoji?dose=0.0")])
    assert {case.dataset for case in cases} == {"emoji", "emoji?dose=0.0", STRONG, *CHANNELS.values()}
    assert {case.arms[1].dataset for case in cases} == {None, "emoji", "emoji?dose=0.0"}


def test_ids_tell_cases_apart(registry):
    ids = [case.id for case in made(registry)]
    assert len(set(ids)) == len(ids)


FUSIONS = ("late_fusion", "late_fusion-concat", "late_fusion-pca", "late_fusion-mean", "late_fusion-sum")


def joint(registry, data="emoji", *encoders):
    found = Planner([data], registry, encoders).cases(CONTROLS)
    return [case for case in found if case.tests == FUSION.id]


def test_fusion_has_controls_where_it_has_cases(registry):
    found = joint(registry, "emoji", "lvlm:qwen2-vl-2b")
    assert {(case.dataset, case.expects, case.arms[1].features) for case in found} == {
        *(("emoji?dose=1&channel=joint", FOUND, fusion) for fusion in FUSIONS),
        *(("emoji?dose=0&channel=joint", SILENT, fusion) for fusion in FUSIONS),
    }
    for case in found:
        treated, other = case.arms
        assert treated.features == "joint-reference"
        # Where nothing is planted the deal of the features is drawn anew, or its luck would be an effect.
        assert treated.noise == other.noise == (None if case.expects is FOUND else "permuted")
        assert case.asked == ("joint-reference", f"{other.features}:{DEFAULT}")
    assert len({case.id for case in found}) == len(found) == 2 * len(FUSIONS)


def test_fusion_has_no_controls_where_it_has_no_cases(registry, monkeypatch):
    monkeypatch.setattr("recclaims.lvlm.vision_language.VisionLanguage.unavailable", lambda self: "no weights")
    assert joint(registry) == []
    assert joint(registry, "emoji", "sbert") == []


def test_the_reference_joins_nothing_unasked(registry, monkeypatch):
    monkeypatch.setattr("recclaims.lvlm.vision_language.VisionLanguage.unavailable", lambda self: "no weights")
    everything = [claim for claim in registry.claims.values() if not claim.planted]
    planner = Planner(["emoji?channel=joint"], registry)
    assert not [case.id for claim in everything for case in planner.cases(claim) if "joint-reference" in case.encoders]


def test_the_reference_has_cases_and_controls_where_it_is_asked_for(registry):
    found = Planner(["emoji?channel=joint"], registry, ["joint-reference"]).cases(FUSION)
    assert {case.arms[1].features for case in found if case.recommender == "content-knn"} == set(FUSIONS)
    assert len(joint(registry, "emoji?channel=joint", "joint-reference")) == 2 * len(FUSIONS)
    # It reads no other channel.
    assert {case.tests for case in made(registry, "joint-reference")} - TESTED == {""}
    # Whoever has asked for its data has its controls by those words.
    found = joint(registry, "emoji?channel=joint&dose=1", "joint-reference")
    assert {case.dataset for case in found if case.expects is FOUND} == {"emoji?channel=joint&dose=1"}
