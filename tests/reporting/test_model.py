"""The typed document: its published schema, both versions that are read, and what reporters and programs get of it."""

import json
from pathlib import Path

import pytest

import recclaims
from recclaims._model.results import SCHEMA, ResultsDocument, json_schema
from recclaims._model.verdict import Verdict
from recclaims.cli import main
from recclaims.reporting import results
from recclaims.reporting.files import rendered
from recclaims.reporting.markdown import Markdown
from recclaims.reporting.spreadsheets import ClaimsCsv
from recclaims.reporting.styles import STYLES, colour
from recclaims.reporting.svg import INKS

from .documents import case, cell, document, encoder, keyword, not_run, raw

BASELINE = Path(__file__).parents[2] / "reports" / "baseline" / "smoke.json"
#: Everything that schema 2 adds.
FILLED = {
    "estimand": "log ratio of smooth recall", "threshold": 0.05,
    "looks": [
        {"replicates": 5, "level": 0.01, "effect": 0.02, "ci": [-0.01, 0.05], "p": 0.2, "decided": False},
        {"replicates": 10, "level": 0.04, "effect": 0.03, "ci": [0.015, 0.045], "p": 0.01, "decided": True},
    ],
    "chance": {"replicates": 20, "minutes": 12.5, "probability": 0.8},
}  # fmt: skip
HEADLINE = {
    "recommender": "vbpr", "dataset": "toy", "features": "sbert", "sentence": "Content helps.", "effect": 0.1,
    "ci": [0.05, 0.15], "replicates": 10, "stopped": True,
}  # fmt: skip


def full():
    return raw(
        case(**FILLED),
        not_run(case="b", **dict.fromkeys(FILLED)),
        schema=SCHEMA,
        headlines=[HEADLINE],
        cells=[cell()],
        encoders=[encoder()],
        keywords=[keyword()],
    )


def written(tmp_path, content):
    path = tmp_path / "results.json"
    path.write_text(json.dumps(content))
    return path


def test_the_published_schema_is_that_of_what_is_written(tmp_path, capsys):
    assert main(["schema"]) == 0
    printed = capsys.readouterr().out
    assert main(["schema"]) == 0
    assert capsys.readouterr().out == printed
    schema = json.loads(printed)
    assert schema == json_schema()
    described = schema["$defs"]["ClaimResult"]["properties"]["effect"]["description"]
    assert described.startswith("The relative effect times the control's mean")
    results.write(ResultsDocument.of(full()), None, tmp_path)
    content = json.loads((tmp_path / "results.json").read_text())
    assert content == full()
    jsonschema = pytest.importorskip("jsonschema")
    jsonschema.validate(content, schema)
    jsonschema.validate(json.loads(BASELINE.read_text()), schema)
    for broken in ({"seeds": "5"}, {"claims": [case(verdict="perhaps")]}, {"headlines": [{}]}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(content | broken, schema)


def test_what_schema_2_adds_comes_back_typed(tmp_path):
    found = results.read(written(tmp_path, full()))
    first, second = found.claims
    assert first.verdict is Verdict.SUPPORTED
    assert [look.decided for look in first.looks] == [False, True]
    assert first.chance.probability == 0.8
    assert found.headlines[0].ci == (0.05, 0.15)
    assert (second.looks, second.chance, second.threshold) == (None, None, None)


def test_schema_1_is_read_shown_and_compared(capsys, tmp_path):
    content = json.loads(BASELINE.read_text()) | {"schema": 1}
    del content["headlines"]
    for one in content["claims"]:
        for key in ("looks", "planned", "chance", "beside", "level", "confirmatory", "threshold", "estimand"):
            one.pop(key, None)
    path = tmp_path / "old.json"
    path.write_text(json.dumps(content))
    found = results.read(path)
    assert found.schema_version == 1
    assert found.headlines is None
    assert found.claims[0].looks is None
    assert main(["report", str(path)]) == 0
    assert main(["compare", str(path), str(path)]) == 0
    assert f"{len(found.claims)} cases compared, 0 changed, 0 worse." in capsys.readouterr().out


def test_fields_that_are_not_filled_are_no_columns():
    plain = ClaimsCsv().render(document(case()))
    empty = ClaimsCsv().render(document(case(**dict.fromkeys(FILLED))))
    assert empty == plain
    head, row = ClaimsCsv().render(document(case(**FILLED))).splitlines()
    assert dict(zip(head.split(","), row.split(","), strict=True))["threshold"] == "0.05"
    assert "looks" not in head


def test_a_key_of_a_later_version_is_kept(tmp_path):
    content = full() | {"later": {"a": 1}}
    content["claims"][0]["later"] = "x"
    assert results.read(written(tmp_path, content)).as_json() == content


class Plain:
    """A reporter as a plugin writes it."""

    def render(self, results):
        assert type(results) is dict
        return f"{results['claims'][0]['verdict']} {results['datasets'][0]['users']:,} {json.dumps(results)[:12]}"


class Typed:
    typed = True

    def render(self, results):
        return f"{results.claims[0].verdict} {results.seeds}"


def test_a_reporter_gets_a_dict_or_the_types_as_it_asks():
    assert rendered(Plain(), document(case())) == 'supported 9 {"schema": 1'
    assert rendered(Typed(), document(case())) == "supported 3"
    assert rendered(Markdown(), document(case())) == Markdown().render(document(case()))


def test_results_are_read_from_a_file(tmp_path):
    found = recclaims.Results.read(written(tmp_path, full() | {"claims": [case(n_fixed=4), not_run(case="b")]}))
    assert [one.verdict for one in found.verdicts] == ["supported", "not_run"]
    assert found.verdicts[0].n_fixed == 4
    frame = found.to_frame()
    assert frame["n_fixed"].to_list() == [4, 0]
    assert frame["ci_low"].to_list() == [0.015, None]
    assert "+10.0 % [+5.0, +15.0]" in str(found)
    assert "1 supported, 1 not run" in repr(found)
    place = found.save(tmp_path / "report")
    assert json.loads((place / "results.json").read_text()) == found.to_dict()
    assert (place / "results.html").exists()
    assert not (place / "per_user.parquet").exists()
    with pytest.raises(recclaims.RecclaimsError, match=r"nowhere\.json: No such file"):
        recclaims.Results.read(tmp_path / "nowhere.json")


def test_every_verdict_has_a_style_of_its_own():
    assert set(STYLES) == set(Verdict)
    assert sorted(style.rank for style in STYLES.values()) == list(range(len(Verdict)))
    assert len({style.symbol for style in STYLES.values()}) == len(Verdict)
    css = (Path(results.__file__).parent / "templates" / "page.css").read_text()
    for verdict in Verdict:
        assert verdict in INKS
        assert css.count(f"{colour(verdict)}:") == 2  # light and dark
        assert f".{verdict} {{ color: var({colour(verdict)}); }}" in css
