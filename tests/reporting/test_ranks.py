"""Ranks in the reports: an interval beside every mean, and nobody in bold where nothing differs."""

import re

import pytest

from recclaims.reporting.latex import Latex
from recclaims.reporting.markdown import Markdown
from recclaims.reporting.page import Page
from recclaims.reporting.ranks import sentences
from recclaims.reporting.tables import board_rows, cost_rows
from recclaims.reporting.terminal import details

from .documents import case, document, encoder


def entry(recommender, features, low, high, mean=0.3):
    return {
        "recommender": recommender, "features": features, "mean": mean, "low": low, "high": high, "replicates": 4
    }  # fmt: skip


def ranking(*entries, ranked="systems", over=()):
    return {
        "dataset": "toy", "ranked": ranked, "over": list(over), "metric": "smooth_recall", "level": 0.05,
        "entries": list(entries),
    }  # fmt: skip


TOLD = ranking(entry("vbpr", "sbert", 1, 2), entry("vbpr", "clip_a", 1, 2), entry("bm3", "sbert", 3, 3))
ALIKE = ranking(entry("vbpr", "sbert", 1, 2), entry("vbpr", "clip_a", 1, 2))


def ranked(*rankings, **changes):
    return document(case(), case(treatment="clip_a"), rankings=list(rankings), **changes)


def test_the_best_are_bold_in_every_report():
    full = ranked(TOLD)
    markdown, page, latex = (made().render(full) for made in (Markdown, Page, Latex))
    assert re.findall(r"\*\*([^*]+)\*\*", markdown) == ["vbpr sbert", r"vbpr clip_a"]
    assert re.findall(r"<td><strong>([^<]+)</strong></td>", page) == ["vbpr sbert", "vbpr clip_a"]
    assert re.findall(r"\\textbf\{(vbpr [^}]+)\}", latex) == ["vbpr sbert", r"vbpr clip\_a"]
    assert "3 & bm3 sbert & 0.3000 & 4" in latex


@pytest.mark.parametrize("made", [Markdown, Page, Latex])
def test_nobody_is_bold_where_nothing_differs(made):
    text = made().render(ranked(ALIKE))
    of_ranks = text[text.index("Recommenders with their features on toy") :]
    assert not re.search(r"\*\*vbpr|<td><strong>|\\textbf\{vbpr", of_ranks)


def test_the_board_and_the_terminal_have_a_column_of_ranks():
    headers, rows = board_rows(ranked(TOLD), "toy")
    assert [row[headers.index("rank")] for row in rows] == ["1-2", "1-2"]
    lines = "\n".join(details(ranked(TOLD)))
    assert re.search(r"vbpr +sbert +1-2 ", lines)
    assert "Recommenders with their features on toy: the best of 3 is one of vbpr sbert, vbpr clip_a" in lines


def test_results_without_ranks_have_no_such_column():
    assert "rank" not in board_rows(document(case()), "toy")[0]
    assert "rank" not in cost_rows(document(case(), encoders=[encoder()]))[0]
    assert "## Ranks" not in Markdown().render(document(case()))
    assert '<section id="ranks"' not in Page().render(document(case()))


def test_encoders_have_their_rank_beside_their_cost():
    of_encoders = ranking(
        entry(None, "sbert", 1, 1), entry(None, "clip_a", 2, 2), ranked="encoders", over=["vbpr", "bm3"]
    )
    headers, rows = cost_rows(ranked(of_encoders, encoders=[encoder(), encoder(encoder="clip_a")]))
    assert [row[headers.index("rank")] for row in rows] == ["1", "2"]


def test_a_sentence_says_who_is_best():
    one = ranking(entry("vbpr", None, 1, 1), entry("bm3", None, 2, 2), ranked="recommenders", over=["sbert", "clip"])
    assert list(sentences(ranked(one, ALIKE))) == [
        "Recommenders on toy, mean over sbert, clip: vbpr is the best of 2",
        "Recommenders with their features on toy: of 2, none was found better than another",
    ]
