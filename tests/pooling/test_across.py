"""From results of several data sets to one answer per question: grouping, refusals, verdicts, what is shown."""

import html
import json

import numpy as np
import pytest

from recclaims._model.results import ResultsDocument
from recclaims.cli import main
from recclaims.errors import RecclaimsError
from recclaims.pooling.across import pool_documents
from recclaims.reporting.pooled import FORMATS

from ..reporting import documents

SAID = {"noise": {"version": 1, "statement": "Real features beat noise of the same shape.", "source": "here"}}


def _case(dataset, effect, half, **changes):
    """A case with a relative effect and the half width of its interval, on the scale of the log."""
    mean = 0.3
    low, high = np.expm1([np.log1p(effect) - half, np.log1p(effect) + half])
    return documents.case(
        dataset=dataset, case=f"vbpr-sbert-permuted-{dataset}", control_mean=mean, treatment_mean=mean * (1 + effect),
        effect=mean * effect, relative_effect=effect, ci=[mean * low, mean * high], p_adjusted=None, **changes,
    )  # fmt: skip


def _document(dataset, effect=0.05, half=0.01, statements=SAID, users=9, **changes):
    cards = [documents.card(dataset=dataset, users=users)]
    return documents.document(_case(dataset, effect, half, **changes), schema=2, statements=statements, datasets=cards)


def _six(effects, half=0.01, **changes):
    return {f"{n}.json": _document(f"d{n}", effect, half, users=10 + n, **changes) for n, effect in enumerate(effects)}


def test_six_data_sets_that_agree():
    """An effect of five per cent everywhere is supported in general, and the next data set is expected there."""
    [question] = pool_documents(_six([0.05, 0.052, 0.048, 0.051, 0.049, 0.05]))
    assert question.general.verdict == "supported"
    assert np.expm1(question.pooled.mean) == pytest.approx(0.05, abs=1e-3)
    assert question.pooled.prediction[0] > 0
    assert [part.dataset for part in question.parts] == [f"d{n}" for n in range(6)]


def test_six_data_sets_that_do_not_agree():
    """Effects of either sign are no answer in general, however sure each of them is."""
    [question] = pool_documents(_six([0.2, -0.15, 0.18, -0.1, 0.05, -0.12], half=0.005))
    assert question.general.verdict == "inconclusive"
    assert question.pooled.inconsistency > 0.9
    assert question.pooled.prediction[0] < -0.1 < 0.1 < question.pooled.prediction[1]


def test_no_difference_in_general():
    """Six effects well inside the margin."""
    [question] = pool_documents(_six([0.001, -0.002, 0.002, 0.0, -0.001, 0.001], half=0.004))
    assert question.general.verdict == "no_difference"


@pytest.mark.parametrize(
    ("threshold", "effects", "verdict"),
    [
        ({"at_least": 0.04}, [0.05, 0.052, 0.048, 0.051, 0.049, 0.05], "supported"),
        ({"at_least": 0.08}, [0.05, 0.052, 0.048, 0.051, 0.049, 0.05], "contradicted"),
        ({"not_better_than": 0.02}, [0.0, 0.002, -0.001, 0.001, 0.0, -0.002], "supported"),
        ({"not_worse_than": 0.02}, [-0.05, -0.052, -0.05, -0.049, -0.05, -0.051], "contradicted"),
    ],
)
def test_thresholds(threshold, effects, verdict):
    """A claim with a threshold is judged against it, over data sets as on each."""
    said = {"noise": SAID["noise"] | threshold}
    [question] = pool_documents(_six(effects, half=0.004, statements=said, threshold=next(iter(threshold.values()))))
    assert question.general.verdict == verdict


def test_a_threshold_whose_side_is_not_told():
    """Results of before statements said it: pooled, but not judged."""
    [question] = pool_documents(_six([0.05] * 6, threshold=0.02))
    assert question.general.verdict == "inconclusive"
    assert "threshold" in question.general.reason


def test_below_six_nothing_is_said_in_general():
    """Five data sets are pooled and not judged, however clear they are."""
    [question] = pool_documents(_six([0.05] * 5))
    assert question.pooled.count == 5
    assert question.general.verdict == "inconclusive"


def test_a_part_without_an_effect_is_left_out():
    """An inadmissible case and one without an interval do not count, and it is said why."""
    found = _six([0.05] * 4)
    found["bad.json"] = _document("bad", users=99, verdict="inadmissible", reason="empty features")
    raw = _document("open", users=98).as_json()
    raw["claims"][0]["ci"] = [None, None]
    found["open.json"] = ResultsDocument.of(raw)
    [question] = pool_documents(found)
    assert len(question.parts) == 4
    assert set(question.left_out) == {"bad", "open"}
    assert "empty features" in question.left_out["bad"]


@pytest.mark.parametrize("order", [[3, 1, 0, 2, 5, 4], [5, 4, 3, 2, 1, 0], [1, 0, 3, 2, 5, 4]])
def test_the_order_of_files_does_not_matter(order):
    """The same to the last letter, in every format."""
    found = _six([0.05, 0.02, 0.03, 0.07, 0.04, 0.01])
    names = list(found)
    other = {names[n]: found[names[n]] for n in order}
    for render in FORMATS.values():
        assert render(pool_documents(found), found) == render(pool_documents(other), other)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"version": 2}, "version"),
        ({"metric": "ndcg@10"}, "metric"),
        ({"margin": 0.05}, "margin"),
        ({"threshold": 0.05}, "threshold"),
    ],
)
def test_unequal_claims_are_refused(change, named):
    """Another release's claim, or another metric: one line that names the file and what differs."""
    with pytest.raises(RecclaimsError, match=rf"b\.json: the {named} of claim 'noise'.*a\.json"):
        pool_documents({"a.json": _document("a"), "b.json": _document("b", users=10, **change)})


def test_a_data_set_counts_once():
    """The same name twice, and the same data under another name."""
    with pytest.raises(RecclaimsError, match=r"b\.json: toy is in a\.json"):
        pool_documents({"a.json": _document("toy"), "b.json": _document("toy")})
    with pytest.raises(RecclaimsError, match=r"b\.json: copy has as many users"):
        pool_documents({"a.json": _document("toy"), "b.json": _document("copy")})


def test_nothing_to_pool():
    """One data set alone, and results of schema 1."""
    with pytest.raises(RecclaimsError, match="two data sets"):
        pool_documents({"a.json": _document("a")})
    with pytest.raises(RecclaimsError, match=r"old\.json.*schema 1"):
        pool_documents({"a.json": _document("a"), "old.json": documents.document(documents.case())})


def test_formats():
    """Each says the data sets, the mean and the verdict; the page asks nothing of the network."""
    found = _six([0.05, 0.052, 0.048, 0.051, 0.049, 0.05])
    questions = pool_documents(found)
    for render in FORMATS.values():
        text = render(questions, found)
        assert "data sets like these" in text
        assert "supported" in text
        assert "d5" in text
    page = FORMATS["html"](questions, found)
    assert '<th scope="row"></th>' not in page
    assert "default-src 'none'" in html.unescape(page)
    assert page.count("<svg") == 2


def test_names_are_text():
    """A data set's name that is markup stays text on the page."""
    found = {n: _document(f"<b>{n}", users=10 + int(n)) for n in "123"}
    page = FORMATS["html"](pool_documents(found), found)
    assert "<b>" not in page


def test_the_command(tmp_path, capsys):
    """`recclaims pool FILE ... --format markdown --output FILE`; a wrong format and a missing file are one line."""
    files = []
    for name, document in _six([0.05, 0.052, 0.048, 0.051, 0.049, 0.05]).items():
        files.append(str(tmp_path / name))
        (tmp_path / name).write_text(json.dumps(document.as_json()))
    out = tmp_path / "pooled.md"
    assert main(["pool", *files, "--format", "markdown", "--output", str(out)]) == 0
    assert "supported" in out.read_text()
    for words, named in ((["--format", "pdf"], "html"), ([str(tmp_path / "none.json")], "none.json")):
        assert main(["pool", *files, *words]) == 2
        error = capsys.readouterr().err
        assert named in error
        assert error.count("\n") == 1
