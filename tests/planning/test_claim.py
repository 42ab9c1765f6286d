"""What a claim can say, wherever it comes from, and the schema of a file that says it."""

import json
import tomllib
from dataclasses import asdict, replace

import numpy as np
import pytest

from recclaims import Claim, RecclaimsError
from recclaims._model.claim import claim_schema
from recclaims.checked import claim_of
from recclaims.cli import main
from recclaims.offers import factory_of
from recclaims.own_objects import OwnObjects
from recclaims.plugin_manager import load
from recclaims.resources import shipped

WRITTEN = """
id = "mine"
version = 1
statement = "Real beats noise."
source = "our shop's review"
controls = ["permuted", "twin"]
modalities = ["textual"]
margin = 0.05
"""
MINE = Claim(
    "mine", 1, "Real beats noise.", "our shop's review", ("permuted", "twin"), modalities=("textual",), margin=0.05
)


def test_a_claim_can_be_read_from_toml():
    assert claim_of(tomllib.loads(WRITTEN), "claims.toml") == MINE


WRONG = [
    ({"margin": 2.0}, "margin is 2.0, not a number below 1; write 0.02 for 2 %"),
    ({"margin": "2 %"}, "margin is '2 %', not a number; write 0.02 for 2 %"),
    ({"margin": True}, "margin is True, not a number; write 0.02 for 2 %"),
    ({"margin": -0.1}, "margin is -0.1, not a number from 0; write 0.02 for 2 %"),
    ({"margin": float("nan")}, "margin is nan, not a finite number; write 0.02 for 2 %"),
    ({"at_least": float("inf")}, "at_least is inf, not a finite number; write 0.02 for 2 %"),
    ({"not_worse_than": 1.5}, "not_worse_than is 1.5, not a number below 1; write 0.02 for 2 %"),
    ({"level": 0}, "level is 0, not a number above 0; write 0.05 for 5 %"),
    ({"level": 1.0}, "level is 1.0, not a number below 1; write 0.05 for 5 %"),
    ({"version": "1"}, "version is '1', not a whole number"),
    ({"statement": None}, "statement is None, not a string"),
    ({"planted": "yes"}, "planted is 'yes', not true or false"),
    ({"controls": "permuted"}, "controls is 'permuted', not a list; write [\"permuted\"]"),
    ({"encoders": (1,)}, 'encoders[0] is 1, not a string; write ["name"]'),
    ({"direction": "up"}, "unknown direction 'up'; known: greater, less"),
    ({"modalities": ("text",)}, "unknown modality 'text'; did you mean 'textual'? known: multimodal, textual, visual"),
    (
        {"at_least": 0.1, "equivalence": True},
        "it can say only one of equivalence, at_least, not_worse_than and not_better_than",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("wrong", "message"), WRONG)
def test_a_claim_that_cannot_be_meant_is_refused_where_it_comes_in(wrong, message):
    for offered in (
        lambda: claim_of({**asdict(MINE), **wrong}, "claim 'mine'"),
        lambda: factory_of("claims", replace(MINE, **wrong)),
        lambda: OwnObjects.of(claims=[replace(MINE, **wrong)]),
    ):
        with pytest.raises(RecclaimsError) as refused:
            offered()
        assert str(refused.value) == f"claim 'mine': {message}"


def test_keys_that_lack_or_are_unknown_are_named():
    content = tomllib.loads(WRITTEN)
    with pytest.raises(RecclaimsError, match=r"^claims.toml: unknown key 'margn'; did you mean 'margin'\? known: at_l"):
        claim_of({**content, "margn": 0.1}, "claims.toml")
    del content["source"]
    with pytest.raises(RecclaimsError, match=r"^claims.toml: source is missing$"):
        claim_of(content, "claims.toml")


def test_what_comes_in_is_what_a_claim_declares():
    offered = replace(MINE, controls=["permuted"], margin=np.float32(0.5), at_least=0)
    found = factory_of("claims", offered)
    assert found == replace(MINE, controls=("permuted",), margin=0.5, at_least=0.0)
    assert (type(found.margin), type(found.at_least)) == (float, float)
    hash(found)


def test_the_claims_that_come_with_recclaims_are_what_the_schema_says(capsys):
    assert main(["schema", "claim"]) == 0
    schema = json.loads(capsys.readouterr().out)
    assert schema == claim_schema()
    assert schema["$defs"]["Claim"]["properties"]["margin"]["description"].startswith("The smallest effect of interest")
    jsonschema = pytest.importorskip("jsonschema")
    jsonschema.validate(tomllib.loads(shipped("suite", "claims.toml").read_text()), schema)
    claims = load().claims
    assert {"noise", "stability"} <= {*claims}
    for claim in claims.values():
        jsonschema.validate({"claim": [json.loads(json.dumps(asdict(claim)))]}, schema)
    content = tomllib.loads(WRITTEN)
    arms = {"treatment": {"encoder": "sbert"}, "control": {"twin": "twin"}}
    for said in ({}, arms, {"control": [{"noise": "permuted"}, {"recommender": "bpr"}]}):
        jsonschema.validate({"claim": [content | said]}, schema)
    jsonschema.validate({"claim": [{"id": "mine", "statement": "So."} | arms]}, schema)
    wrong = ({"margin": 2}, {"direction": "up"}, {"controls": "permuted"}, {"margn": 0.1}, {"control": {"encodr": "x"}})
    for broken in wrong:
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate({"claim": [content | broken]}, schema)
