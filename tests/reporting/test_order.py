"""`recclaims order`: a benchmark's order of encoders beside a run's."""

import json

import pytest

from recclaims.cli import main

from .documents import case, raw

ENCODERS = [f"e{number}" for number in range(8)]


def ranking(recommender="vbpr", encoders=ENCODERS, means=None, dataset="toy"):
    entries = [
        {"recommender": recommender, "features": one, "mean": mean, "low": 1, "high": 9, "replicates": 4}
        for one, mean in zip(encoders, means or [0.1 + 0.01 * n for n in range(len(encoders))], strict=True)
    ]
    entries.append({"recommender": "bpr", "features": None, "mean": 0.2, "low": 1, "high": 9, "replicates": 4})
    return {
        "dataset": dataset,
        "ranked": "systems",
        "over": [],
        "metric": "smooth_recall",
        "level": 0.05,
        "entries": entries,
    }


@pytest.fixture
def asked(tmp_path, capsys):
    def run(scores, *rankings, name="mteb.csv", code=0):
        (tmp_path / "results.json").write_text(json.dumps(raw(case(), rankings=list(rankings))))
        (tmp_path / name).write_text(scores)
        assert main(["order", str(tmp_path / "results.json"), "--benchmark", str(tmp_path / name)]) == code
        said = capsys.readouterr()
        return said.out if code == 0 else said.err

    return run


def csv(encoders=ENCODERS, scores=None):
    rows = zip(encoders, scores or range(len(encoders)), strict=True)
    return "\n".join(["encoder,score", *(f"{one},{score}" for one, score in rows)]) + "\n"


def test_the_same_order_is_supported_and_the_reverse_contradicted(asked):
    assert "+1.00 [+0.9" in asked(csv(), ranking())
    assert " supported" in asked(csv(), ranking())
    reverse = asked(csv(scores=list(range(8, 0, -1))), ranking())
    assert "contradicted" in reverse
    assert "-1.00 [-1.00" in reverse


def test_each_recommender_and_data_set_has_its_line(asked):
    said = asked(csv(), ranking(), ranking("freedom", means=[0.3, 0.1, 0.2, 0.5, 0.4, 0.9, 0.6, 0.8], dataset="other"))
    assert [line.split()[:3] for line in said.splitlines()[3:5]] == [["toy", "vbpr", "8"], ["other", "freedom", "8"]]


def test_of_five_encoders_nothing_is_said(asked):
    said = asked(csv(ENCODERS[:5]), ranking())
    assert "not run" in said
    assert "of fewer than 6 encoders an order says nothing" in said
    assert "Not in mteb.csv: e5, e6, e7" in said


def test_what_only_the_benchmark_has_is_named(asked):
    assert "Only in mteb.csv: big, bigger" in asked(csv([*ENCODERS, "bigger", "big"]), ranking())


@pytest.mark.parametrize(
    ("scores", "message"),
    [
        ("encoder,points\ne0,1\n", "row 1 has no score; write a column encoder and a column score"),
        ("encoder,score\ne0,high\n", "row 1: the score of e0 is 'high', not a number"),
        ("encoder,score\ne0,nan\n", "row 1: the score of e0 is 'nan', not a number"),
        ("encoder,score\ne0,1\ne0,2\n", "row 2: e0 is there twice"),
        ("encoder,score\n", "mteb.csv has no row"),
    ],
)
def test_a_file_that_says_something_else_is_one_line(asked, scores, message):
    said = asked(scores, ranking(), code=2)
    assert message in said
    assert said.count("\n") == 1


def test_a_run_that_ranks_nothing_says_what_to_run(asked):
    assert "run -m noise with the encoders of the benchmark" in asked(csv(), code=2)


def test_lines_of_json_are_read_too(asked):
    lines = "".join(json.dumps({"encoder": one, "score": place}) + "\n" for place, one in enumerate(ENCODERS))
    assert " supported" in asked(lines, ranking(), name="mteb.jsonl")
