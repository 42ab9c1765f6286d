import copy

import pytest

from recclaims.errors import RecclaimsError
from recclaims.reporting import results, tables
from recclaims.reporting.baseline import compare, compare_case
from recclaims.reporting.markdown import Markdown


def case(**changes):
    return {
        "claim": "noise", "version": 1, "case": "vbpr-sbert-permuted-toy", "dataset": "toy", "recommender": "vbpr",
        "treatment": "sbert", "control": "permuted", "metric": "recall@20", "margin": 0.02, "treatment_mean": 0.33,
        "control_mean": 0.30, "effect": 0.03, "relative_effect": 0.1, "ci": [0.015, 0.045], "p_value": 0.01,
        "p_adjusted": 0.02, "verdict": "supported", "reason": "Holm p = 0.02", "n_users": 9, "n_seeds": 3,
        "seconds": 1.0,
        **changes,
    }  # fmt: skip


def document(*cases):
    return {
        "schema": 1, "profile": "quick", "seeds": 3, "mask": "train+valid", "claims": list(cases), "encoders": [],
        "environment": {"cpu": "x", "device": "cpu", "versions": {"torch": "2"}},
        "datasets": [{
            "dataset": "toy", "users": 9, "items": 5, "interactions": 30, "density": 0.66, "items_with_image": 0,
            "items_with_text": 5, "items_with_both": 0, "items_with_attributes": 0, "split": "random",
            "relevance": None, "planted": False, "duplicates_dropped": 0,
        }],
    }  # fmt: skip


def test_effects_are_relative_to_the_control():
    assert tables.effect(case()) == "+10.0 % [+5.0, +15.0]"
    assert tables.effect(case(control_mean=0.0)) == ""
    assert tables.effect(case(effect=None, control_mean=None, ci=[None, None])) == ""


def test_an_infinite_interval_is_shown_as_open():
    assert tables.effect(case(ci=[None, None])) == "+10.0 % [, ]"


def test_noise_never_stands_without_content():
    headers, rows = tables.board_rows(document(case()), "toy")
    assert headers == ["recommender", "features", "real", "noise: permuted", "content: twin"]
    assert rows == [["vbpr", "sbert", "0.3300", "+10.0 % [+5.0, +15.0] supported", "-"]]


def test_both_families_stand_in_one_row():
    twin = case(claim="content", control="twin", case="vbpr-sbert-twin-toy", verdict="no_difference")
    headers, rows = tables.board_rows(document(twin, case()), "toy")
    assert headers[3:] == ["noise: permuted", "content: twin"]
    assert len(rows) == 1
    assert rows[0][4].endswith("no difference")


def test_planted_data_says_so():
    planted = document(case())["datasets"][0] | {"planted": True, "relevance": 4.0}
    assert "planted interactions; " in tables.card(planted)
    with_parameters = planted | {"parameters": {"dose": 0.5, "channel": "visual"}}
    assert "planted interactions (dose 0.5, channel visual); " in tables.card(with_parameters)
    assert "relevant: ratings from 4" in tables.card(planted)


def test_the_page_keeps_markup_as_text():
    page = Markdown().render(document(case(case="<b>|x|`y`", reason="a\nb")))
    assert "\\<b\\>\\|x\\|\\`y\\`" in page
    assert "a b" in page


@pytest.mark.parametrize(
    ("before", "after", "worse"),
    [
        ({}, {}, None),
        ({}, {"verdict": "inconclusive", "reason": "why"}, "verdict was supported, is inconclusive (why)"),
        ({"verdict": "contradicted"}, {"verdict": "contradicted"}, None),
        ({"verdict": "no_difference"}, {"verdict": "contradicted"}, "verdict was no_difference, is contradicted"),
        ({"verdict": "inconclusive"}, {"verdict": "supported"}, None),
        ({}, {"effect": 0.0149}, "effect fell to +0.0149, below the baseline's interval (from +0.0150)"),
        ({}, {"effect": 0.0151}, None),
        ({"ci": [None, None], "effect": None}, {"effect": -9.0}, None),
    ],
)
def test_what_is_worse(before, after, worse):
    change = compare_case(case(**before), case(**after))
    if worse is None:
        assert change.worse is None
    else:
        assert change.worse.startswith(worse)


def test_on_another_machine_a_supported_case_may_be_open_while_its_effect_is_in_the_interval():
    old, new = document(case()), document(case(verdict="inconclusive", effect=0.0151, reason="why"))
    assert compare(old, new, "old")[0].worse
    new["environment"] = {**new["environment"], "cpu": "y"}
    assert compare(old, new, "old")[0].worse is None
    new["claims"][0]["effect"] = 0.0149
    assert compare(old, new, "old")[0].worse
    new["claims"][0] |= {"effect": 0.02, "verdict": "no_difference"}
    assert compare(old, new, "old")[0].worse


def test_compare_finds_a_lost_case_and_nothing_in_equal_runs():
    old = document(case(), case(case="other"))
    assert [change.worse for change in compare(old, copy.deepcopy(old), "old")] == [None, None]
    changes = compare(old, document(case()), "old")
    assert [change.worse for change in changes] == [None, "the case is gone"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"profile": "paper"}, "old: profile is 'paper' there and 'quick' here"),
        ({"seeds": 5}, "old: seeds is 5 there and 3 here"),
        ({"mask": "train"}, "old: mask is 'train' there"),
        ({"claims": [case(version=2)]}, "claim 'noise' is version 2 there and 1 here"),
    ],
)
def test_unequal_runs_are_refused(change, message):
    with pytest.raises(RecclaimsError, match=message):
        compare({**document(case()), **change}, document(case()), "old")


def test_another_dataset_of_the_same_name_is_refused():
    other = document(case())
    other["datasets"][0]["users"] = 10
    with pytest.raises(RecclaimsError, match="dataset 'toy' is another one"):
        compare(other, document(case()), "old")


@pytest.mark.parametrize(
    ("content", "message"),
    [("{", "not a results.json"), ("[]", "schema is None"), ('{"schema": 9}', "schema is 9, this version reads 1")],
)
def test_reading_something_else_is_one_clear_line(tmp_path, content, message):
    path = tmp_path / "results.json"
    path.write_text(content)
    with pytest.raises(RecclaimsError, match=message) as caught:
        results.read(path)
    assert str(path) in str(caught.value)


def test_the_environment_names_no_place():
    found = results.environment("cpu")
    assert found["gpu"] is None
    assert found["versions"]["torch"]
    assert "/" not in str(found).replace("Linux x86_64", "")
