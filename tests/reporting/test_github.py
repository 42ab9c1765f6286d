import json

import pytest

from recclaims.cli import main
from recclaims.reporting import github
from recclaims.reporting.baseline import compare

from .documents import case, document, raw


@pytest.fixture
def actions(monkeypatch, tmp_path):
    """The environment of a step of GitHub Actions; the file that it shows as its summary."""
    summary = tmp_path / "summary.md"
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    return summary


def test_a_regression_is_an_error_in_githubs_own_escapes():
    old = document(case(case="a,b:c"), case(case="same"))
    new = document(case(case="a,b:c", verdict="no_difference", reason="inside 2 %\nof it"), case(case="same"))
    (line,) = github.annotate(new, compare(old, new, "old"))
    assert line == ("::error title=noise%3A a%2Cb%3Ac::verdict was supported, is no_difference (inside 2 %25%0Aof it)")


def test_without_a_baseline_findings_are_warnings_and_faults_are_errors():
    verdicts = ("contradicted", "inadmissible", "supported", "inconclusive", "not_run", "no_difference")
    found = [case(case=verdict, verdict=verdict) for verdict in verdicts]
    levels = [line.partition("::")[2].split(" ")[0] for line in github.annotate(document(*found), None)]
    assert levels == ["error", "warning", "warning"]


@pytest.mark.parametrize(("n", "lines"), [(10, 10), (11, 10), (40, 10)])
def test_no_more_annotations_than_github_shows(n, lines):
    found = list(github.annotate(document(*(case(case=str(i), verdict="contradicted") for i in range(n))), None))
    assert len(found) == lines
    assert (f"{n - 9} more" in found[-1]) is (n > 10)


def test_compare_annotates_and_adds_to_the_summary(actions, tmp_path, capsys):
    old = raw(case())
    new = raw(case(verdict="contradicted"))
    actions.write_text("# An earlier step\n")
    for name, content in (("old", old), ("new", new)):
        (tmp_path / f"{name}.json").write_text(json.dumps(content))
    assert main(["compare", str(tmp_path / "old.json"), str(tmp_path / "new.json")]) == 1
    assert "\n::error title=noise%3A vbpr-sbert-permuted-toy::verdict was supported" in capsys.readouterr().out
    summary = actions.read_text()
    assert summary.startswith("# An earlier step\n# Against the baseline\n\n1 case compared, 1 changed, 1 worse.")
    assert "# Verdicts" in summary


def test_elsewhere_nothing_of_it_is_said(monkeypatch, tmp_path, capsys):
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    path = tmp_path / "results.json"
    path.write_text(json.dumps(raw(case())))
    assert main(["compare", str(path), str(path)]) == 0
    assert "::" not in capsys.readouterr().out


def test_a_summary_is_no_longer_than_github_takes(actions):
    github.write_summary(document(*(case(case=f"{n}" + "x" * 500, reason="ü" * 500) for n in range(2_000))), None)
    assert 900_000 < len(actions.read_bytes()) < 1_048_576
    assert actions.read_text().endswith("The rest is left out.\n")


def test_what_the_step_said_before_counts(actions):
    actions.write_text("x" * 900_000)
    github.write_summary(document(*(case(case=f"{n}" + "x" * 500) for n in range(1_000))), None)
    assert 900_000 < len(actions.read_bytes()) < 1_048_576
    assert actions.read_text().endswith("The rest is left out.\n")


def test_a_summary_that_cannot_be_written_is_one_line(actions, monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "gone" / "summary.md"))
    results = tmp_path / "results.json"
    results.write_text(json.dumps(raw(case())))
    assert main(["compare", str(results), str(results)]) == 0
    error = capsys.readouterr().err
    assert error.startswith("recclaims: could not write the step summary, GITHUB_STEP_SUMMARY: ")
    assert error.endswith("No such file or directory\n")
    assert error.count("\n") == 1
