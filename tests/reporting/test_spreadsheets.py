import csv
import io

import polars as pl
import pytest

from recclaims.reporting.spreadsheets import CellsCsv, ClaimsCsv

from .documents import case, cell, document, not_run
from .test_page import hostile


def read(text):
    return list(csv.DictReader(text.splitlines()))


def test_claims_keep_every_value_to_the_last_bit():
    effect = 0.1 + 0.2
    first, second = read(ClaimsCsv().render(document(case(effect=effect), not_run())))
    assert float(first["effect"]) == effect
    assert (float(first["ci_low"]), float(first["ci_high"])) == (0.015, 0.045)
    assert "ci" not in first
    assert (second["effect"], second["ci_low"], second["verdict"]) == ("", "", "not_run")


def test_cells_have_a_column_per_metric():
    first, second = read(CellsCsv().render(document(cells=[cell(), cell(seed=1, metrics={"hit@10": 0.5})])))
    assert (first["recall@20"], first["hit@10"], first["seed"]) == ("0.33", "", "0")
    assert (second["recall@20"], second["hit@10"]) == ("", "0.5")


@pytest.mark.parametrize("reporter", [ClaimsCsv, CellsCsv])
def test_without_a_row_there_is_a_head(reporter):
    text = reporter().render(document())
    assert text.count("\n") == 1
    assert "recommender" in text


def test_a_data_frame_reads_it(tmp_path):
    path = tmp_path / "claims.csv"
    path.write_text(ClaimsCsv().render(hostile()), encoding="utf-8")
    frame = pl.read_csv(path)
    assert frame["case"].to_list() == [one.case for one in hostile().claims]
    assert frame["effect"].dtype == pl.Float64


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@x", "\t=1"])
def test_a_name_is_no_formula(name):
    (row,) = read(ClaimsCsv().render(document(case(dataset=name, effect=-0.5))))
    assert row["dataset"] == "'" + name
    assert row["effect"] == "-0.5"


@pytest.mark.parametrize("mark", ["\n", "\r", ";"])
def test_a_name_is_no_formula_after_what_may_begin_a_cell(mark):
    text = ClaimsCsv().render(document(case(dataset=f"a{mark}=1+1", reason="a; -3 %")))
    (row,) = csv.DictReader(io.StringIO(text, newline=""))
    assert row["dataset"] == f"a{mark}'=1+1".replace("\r", "\n")
    assert row["reason"] == "a; -3 %"
