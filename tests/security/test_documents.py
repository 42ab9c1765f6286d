"""Results that somebody else wrote are checked field by field, and cannot speak to the terminal."""

import json
import re

import pytest

from recclaims.errors import RecclaimsError
from recclaims.reporting import results

from ..reporting.documents import case, document


def read(tmp_path, content):
    path = tmp_path / "results.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return results.read(path)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"schema": True}, "schema is True, this version reads 1"),
        ({"claims": {}}, "claims is {}, not a list of objects"),
        ({"seeds": -1}, "seeds is -1, not a count"),
        ({"claims": [case(verdict="suported")]}, "claims[0]: unknown verdict 'suported'; did you mean 'supported'?"),
        ({"claims": [case(effect="0.1")]}, "claims[0].effect is '0.1', not a number or null"),
        ({"claims": [case(ci=[0.1])]}, "claims[0].ci is [0.1], not a list of two numbers or nulls"),
        ({"claims": [case(control_mean=1e300)]}, "claims[0].control_mean is 1e+300, not a number or null"),
        (
            {"claims": [case(ci=[0.2, 0.1])]},
            "claims[0].ci is [0.2, 0.1], not a list of two numbers or nulls, the lower",
        ),
        ({"claims": [case(p_adjusted=-7)]}, "claims[0].p_adjusted is -7, not a number from 0 to 1 or null"),
        ({"claims": [case() | {"asked": 3}]}, "claims[0].asked is 3, not a list of texts"),
        ({"claims": [case(effect=10**400)]}, "claims[0].effect is "),
        ({"claims": [case(), case(verdict="contradicted")]}, "claims[1] is a case that is there already"),
        ({"claims": [case(), {"case": "x"}]}, "claims[1].claim is missing"),
        ({"datasets": [{"dataset": "x"}]}, "datasets[0].users is missing"),
        ({"environment": {}}, "environment.versions is missing"),
        ({"statements": {"noise": 1}}, "statements.noise is 1, not an object"),
        ({"cells": [{}]}, "cells[0].metrics is missing"),
    ],
)
def test_a_document_that_is_no_results_json_names_the_field(tmp_path, change, reason):
    with pytest.raises(RecclaimsError, match=re.escape(reason)):
        read(tmp_path, document(case()) | change)


@pytest.mark.parametrize(
    "content",
    ["", "[]", "null", "{", "[" * 100_000, '{"schema": NaN}', '{"a":' * 5000, "9" * 5000, '{"schema": 1, "schema": 1}'],
)
def test_what_is_no_document_is_refused(tmp_path, content):
    with pytest.raises(RecclaimsError, match=r"results\.json: "):
        read(tmp_path, content)


def test_a_document_cannot_speak_to_the_terminal(tmp_path):
    found = read(tmp_path, document(case(reason="a\x1b[2Jb\x9bc\u202ed\ud800e\n\tf")))
    mark = "\N{REPLACEMENT CHARACTER}"
    assert found["claims"][0]["reason"] == f"a{mark}[2Jb{mark}c{mark}d{mark}e\n\tf"
