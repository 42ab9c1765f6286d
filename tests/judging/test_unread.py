"""Identical scores from different features: a failure, unless there is a reason for them."""

import dataclasses

import pytest

from recclaims._model.verdict import Verdict

from .test_assess import case, judged, results_of

SAME = {"scores": "s", "content": "c", "derived": None}


def results(one, treatment, control):
    """Both arms score alike; what they were given and what they derived from it is as said."""
    found = results_of(one, 0.5, 0.5)
    for name, facts in (("treatment", treatment), ("control", control)):
        for cell, twin in zip(getattr(one, f"{name}_cells")(5), one.treatment_cells(5), strict=True):
            per_user = found[twin].per_user
            found[cell] = dataclasses.replace(found[cell], per_user=per_user, **{**SAME, **facts})
    return found


@pytest.mark.parametrize("other", [{"content": "d"}, {"content": None}, {"content": "d", "derived": "x"}])
def test_features_that_were_never_read_are_no_difference_of_zero(other):
    one = case()
    found = judged(one, results(one, {}, other), looks=(5,))
    assert found.verdict is Verdict.INADMISSIBLE
    assert "never read its features" in found.reason


def test_equal_features_are_reported_as_equal():
    one = case()
    found = judged(one, results(one, {}, {}), looks=(5,))
    assert found.verdict is Verdict.NO_DIFFERENCE
    assert "both arms read equal features" in found.reason


def test_two_features_may_give_one_item_graph():
    one = case()
    graph = {"derived": "g"}
    found = judged(one, results(one, graph, {**graph, "content": "d"}), looks=(5,))
    assert found.verdict is Verdict.NO_DIFFERENCE
    assert "derives from both features is equal" in found.reason


def test_one_replicate_that_differs_shows_that_they_were_read():
    one = case()
    found = results(one, {}, {"content": "d"})
    last = one.control_cells(5)[-1]
    found[last] = dataclasses.replace(found[last], scores="t")
    assert judged(one, found, looks=(5,)).verdict is Verdict.NO_DIFFERENCE
