"""What `recclaims pool` prints: a table for a terminal or as Markdown, and a page with forest plots over data sets."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from recclaims.pooling.across import ENOUGH, Question
from recclaims.reporting.markdown import escape, table
from recclaims.reporting.styles import STYLES
from recclaims.reporting.tables import effect, plain

if TYPE_CHECKING:
    from recclaims._model.results import ResultsDocument

HEADERS = ["question", "data set", "effect [95 %]", "verdict", "reason"]


def percent(log_ratio: float) -> str:
    """A log ratio as a relative effect, as `+1.2`; with signs of infinity where it has no end."""
    if math.isinf(log_ratio) or log_ratio > 50:
        return "+inf" if log_ratio > 0 else "-100"
    return f"{100 * math.expm1(log_ratio):+.1f}"


def limits(low: float, high: float) -> str:
    """An interval of log ratios, as `[-0.3, +2.7]` per cent."""
    return f"[{percent(low)}, {percent(high)}]"


def rows(question: Question) -> list[list[str]]:
    """A question's lines: one per data set, then what they say together."""
    found = [[part.dataset, effect(part.case), STYLES[part.case.verdict].word, ""] for part in question.parts]
    found += [[name, "", "left out", reason] for name, reason in question.left_out.items()]
    pooled = question.pooled
    if pooled is not None:
        word = STYLES[question.general.verdict].word if pooled.count >= ENOUGH else ""
        found.append([f"these {pooled.count}", _shown(pooled.fixed, pooled.fixed_interval()), "", ""])
        found.append(["data sets like these", _shown(pooled.mean, pooled.interval()), word, question.general.reason])
        found.append(["one more data set", limits(*pooled.prediction), "", differ(question)])
    return [[question.name if number == 0 else "", *row] for number, row in enumerate(found)]


def differ(question: Question) -> str:
    """How much data sets differ, in a phrase; empty with fewer than two."""
    pooled = question.pooled
    if pooled is None:
        return ""
    low, high = (100 * end for end in pooled.tau_interval)
    share = 100 * pooled.inconsistency
    return f"data sets differ by {100 * pooled.tau:.1f} % [{low:.1f}, {high:.1f}], I² {share:.0f} %"


def _shown(mean: float, ends: tuple[float, float]) -> str:
    return f"{percent(mean)} % {limits(*ends)}"


def statements(documents: Mapping[str, ResultsDocument]) -> dict[str, str]:
    """By the claim's id, what it says."""
    return {claim: said.statement for one in documents.values() for claim, said in one.statements.items()}


def _sections(questions: Sequence[Question]) -> dict[str, list[Question]]:
    found: dict[str, list[Question]] = {}
    for question in questions:
        found.setdefault(question.claim, []).append(question)
    return found


def text(questions: Sequence[Question], documents: Mapping[str, ResultsDocument]) -> str:
    """Tables for a terminal, one per claim."""
    said = statements(documents)
    parts = [
        f"{claim}: {said.get(claim, '')}\n{mine[0].metric}\n"
        + plain(HEADERS, [row for question in mine for row in rows(question)])
        for claim, mine in _sections(questions).items()
    ]
    return "\n\n".join([*parts, explained()]) + "\n"


def markdown(questions: Sequence[Question], documents: Mapping[str, ResultsDocument]) -> str:
    """The same as Markdown."""
    said = statements(documents)
    parts = ["# Across data sets"]
    for claim, mine in _sections(questions).items():
        parts += [f"## {escape(claim)}", escape(said.get(claim, "")), f"Metric: {escape(mine[0].metric)}."]
        parts.append(table(HEADERS, [row for question in mine for row in rows(question)]))
    return "\n\n".join([*parts, explained()]) + "\n"


def html(questions: Sequence[Question], documents: Mapping[str, ResultsDocument]) -> str:
    """One page that opens from disk, with a forest plot of every question over its data sets."""
    from recclaims.reporting.page import still
    from recclaims.reporting.pooled_plot import forest

    said = statements(documents)
    sections = [
        {
            "claim": claim,
            "statement": said.get(claim, ""),
            "metric": mine[0].metric,
            "wide": forest(mine, f"w{number}", f"Effects on {claim} over data sets"),
            "narrow": forest(mine, f"n{number}", f"Effects on {claim} over data sets", narrow=True),
            "rows": [row for question in mine for row in rows(question)],
        }
        for number, (claim, mine) in enumerate(_sections(questions).items())
    ]
    return still("pooled.html.j2", sections=sections, headers=HEADERS, explained=explained())


def explained() -> str:
    """What the lines mean."""
    return (
        "'these': the mean of the data sets at hand, by precision. 'data sets like these': the mean over such data "
        f"sets (random effects), judged from {ENOUGH} on. 'one more data set': where its effect is expected."
    )


#: By the name that --format takes.
FORMATS: dict[str, Callable[[Sequence[Question], Mapping[str, ResultsDocument]], str]] = {
    "text": text,
    "markdown": markdown,
    "html": html,
}
