"""The controls of claim `fusion`, run on few items and users: what is planted is found, and nothing in dose 0."""

import math

import pytest

from recclaims._model.case import Expectation
from recclaims._model.verdict import Verdict
from recclaims.data.reference import open_source
from recclaims.engine.pipeline import Pipeline
from recclaims.engine.profile import Profile
from recclaims.engine.settings import Settings
from recclaims.features.resolve import known_encoder, why_unavailable
from recclaims.judging.run_cases import run_cases
from recclaims.planning.builtin import CONTROLS
from recclaims.planning.planted import JOINT, Opened, joint_cases
from recclaims.plugin_manager import load
from recclaims.store import Store


@pytest.fixture(scope="module")
def judged(tmp_path_factory):
    registry = load()
    reason = why_unavailable(known_encoder("late_fusion", registry))
    if reason:
        pytest.skip(reason)
    small = {reference: f"{reference}&items=240&users=300" for reference in JOINT}
    opened = {name: Opened(reference, open_source(reference, registry)) for name, reference in small.items()}
    settings = Settings(Profile.named("quick"), replicates=4, workers=0)
    pipeline = Pipeline(settings, registry, Store(tmp_path_factory.mktemp("store")))
    return run_cases(list(joint_cases(CONTROLS, opened, registry)), pipeline).judged


def test_a_joint_effect_is_found_against_every_late_fusion(judged):
    results = [result for case, result in judged.items() if case.expects is Expectation.POSITIVE_CONTROL]
    assert {result.case.control for result in results} == {
        "late_fusion", "late_fusion-concat", "late_fusion-pca", "late_fusion-mean", "late_fusion-sum",
    }  # fmt: skip
    for result in results:
        assert result.verdict is Verdict.SUPPORTED, result.reason
        assert result.estimate.relative > 1


def test_nothing_is_found_where_nothing_is_planted(judged):
    results = [result for case, result in judged.items() if case.expects is Expectation.NEGATIVE_CONTROL]
    assert len(results) == 5
    for result in results:
        assert result.verdict is not Verdict.CONTRADICTED, result.reason
        assert math.exp(abs(result.estimate.log_ratio)) < 2
