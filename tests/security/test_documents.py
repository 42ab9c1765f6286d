"""Results that somebody else wrote are checked field by field, and cannot speak to the terminal."""

import json
import re

import pytest

from recclaims.errors import RecclaimsError
from recclaims.reporting import results

from ..reporting.documents import case, raw


def read(tmp_path, content):
    path = tmp_path / "results.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return results.read(path)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"schema": True}, "schema is True, this version reads 1 and 2"),
        ({"claims": {}}, "claims is {}, not a list"),
        ({"seeds": -1}, "seeds is -1, not a number from 0"),
        (
            {"claims": [case(verdict="suported")]},
            "claims[0].verdict: unknown verdict 'suported'; did you mean 'supported'?",
        ),
        ({"claims": [case(effect="0.1")]}, "claims[0].effect is '0.1', not a number"),
        ({"claims": [case(ci=[0.1])]}, "claims[0].ci[1] is missing"),
        ({"claims": [case(control_mean=1e300)]}, "claims[0].control_mean is 1e+300, not a number up to 1e+15"),
        (
            {"claims": [case(ci=[0.2, 0.1])]},
            "claims[0].ci is [0.2, 0.1], not two numbers or nulls, the lower one first",
        ),
        ({"claims": [case(p_adjusted=-7)]}, "claims[0].p_adjusted is -7, not a number from 0"),
        ({"claims": [case() | {"asked": 3}]}, "claims[0].asked is 3, not a list"),
        ({"claims": [case(effect=10**400)]}, "claims[0].effect is "),
        ({"claims": [case(), case(verdict="contradicted")]}, "claims[1] is a duplicate case: 'vbpr-"),
        ({"claims": [case(), {"case": "x"}]}, "claims[1].claim is missing"),
        ({"datasets": [{"dataset": "x"}]}, "datasets[0].users is missing"),
        ({"environment": {"cpu": None, "device": "cpu"}}, "environment.versions is missing"),
        ({"statements": {"noise": 1}}, "statements.noise is 1, not an object"),
        ({"cells": [{}]}, "cells[0].metrics is missing"),
    ],
)
def test_a_document_that_is_no_results_json_names_the_field(tmp_path, change, reason):
    with pytest.raises(RecclaimsError, match=re.escape(reason)):
        read(tmp_path, raw(case()) | change)


@pytest.mark.parametrize(
    "content",
    ["", "[]", "null", "{", "[" * 100_000, '{"schema": NaN}', '{"a":' * 5000, "9" * 5000, '{"schema": 1, "schema": 1}'],
)
def test_what_is_no_document_is_refused(tmp_path, content):
    with pytest.raises(RecclaimsError, match=r"results\.json: "):
        read(tmp_path, content)


def test_a_document_cannot_speak_to_the_terminal(tmp_path):
    found = read(tmp_path, raw(case(reason="a\x1b[2Jb\x9bc\u202ed\ud800e\n\tf")))
    mark = "\N{REPLACEMENT CHARACTER}"
    assert found.claims[0].reason == f"a{mark}[2Jb{mark}c{mark}d{mark}e\n\tf"
