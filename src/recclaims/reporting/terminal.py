"""What a person reads at the end of a run before its answer: the tables, and what failed by its verdict."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from recclaims.reporting import ranks, tables
from recclaims.reporting.console import Paint, fitted, unpainted, wrapped
from recclaims.reporting.styles import STYLES
from recclaims.reporting.words import counted

if TYPE_CHECKING:
    from recclaims._model.case_result import ClaimResult
    from recclaims._model.results import ResultsDocument

_RIGHT = ("real", *tables.ENCODER_NUMBERS)


def details(
    document: ResultsDocument, verbose: bool = False, paint: Paint = unpainted, symbols: bool = True
) -> Iterator[str]:
    """Yield the lines of the tables: datasets, claims, both families side by side.

    Args:
        document: the run, as results.json holds it.
        verbose: also every case with its arms' values, and what is known of the encoders.
        paint: colours a text.
        symbols: whether the terminal has the page's symbols of verdicts; a letter stands for each elsewhere.
    """
    about = tables.about_the_suite(document)
    asked_for = {case.dataset for case in document.claims if case.claim not in about}
    for dataset in document.datasets:
        if verbose or dataset.dataset in asked_for or not asked_for:
            yield from wrapped(tables.card(dataset))
    for claim in dict.fromkeys(case.claim for case in document.claims):
        cases = [case for case in document.claims if case.claim == claim]
        yield ""
        yield from (paint(line, "strong") for line in wrapped(f"{claim}: {document.said_of(claim).statement}"))
        asked = f"{cases[0].metric}, {tables.replicates(cases)}, margin {100 * cases[0].margin:g} %"
        yield from wrapped(f"{counted(len(cases), 'case')}: {tables.counts_of(cases)} ({asked})", 2)
        if verbose:
            for case in cases:
                yield from _case(case, paint)
    marks = {str(verdict): style.symbol if symbols else style.letter for verdict, style in STYLES.items()}
    boards = [board for dataset in document.datasets if (board := _board(document, dataset.dataset, marks, paint))]
    for board in boards:
        yield from board
    if boards:
        used = {case.verdict for case in document.claims}
        legend = (f"{marks[verdict]} {style.text}" for verdict, style in STYLES.items() if verdict in used)
        yield ", ".join([*legend, "- not compared"])
    yield from _ranks(document, verbose)
    if verbose and document.encoders:
        yield ""
        yield from fitted(*tables.encoder_rows(document), labels=2, right=_RIGHT)
    if verbose and len({entry.encoder for entry in document.encoders}) > 1:
        yield ""
        yield "Cost and gain of encoders: the largest effect over recommenders"
        yield from fitted(*tables.cost_rows(document), labels=2, right=_RIGHT)


def _ranks(document: ResultsDocument, verbose: bool) -> Iterator[str]:
    """Who is best; at length also the ranks that everybody may have."""
    if document.rankings:
        yield ""
    for told in ranks.sentences(document):
        yield from wrapped(told)
    for ranking in document.rankings if verbose else ():
        yield ""
        yield from wrapped(ranks.title(ranking))
        yield from fitted(*ranks.rank_rows(ranking), labels=2, right=(ranking.metric, "replicates"))


def _case(case: ClaimResult, paint: Paint) -> Iterator[str]:
    """A case in two lines or more: its name, then its arms' values, effect, verdict and reason."""
    yield from wrapped(case.case, 2)
    treatment, control = case.treatment_mean, case.control_mean
    values = "" if treatment is None or control is None else f"{treatment:.4f} against {control:.4f}, "
    shown = tables.effect(case)
    word = STYLES[case.verdict].word
    lines = wrapped(f"{values}{shown}{': ' if shown else ''}{word}; {case.reason}", 4)
    yield from (line.replace(word, paint(word, case.verdict), 1) if n == 0 else line for n, line in enumerate(lines))


def _board(document: ResultsDocument, dataset: str, marks: Mapping[str, str], paint: Paint) -> list[str]:
    """The families of a dataset side by side, with a mark for each verdict; empty where nothing stands there."""
    columns, rows = tables.board(document, dataset)
    if not rows:
        return []
    laid_out, before = [], ""
    places = ranks.places(document, dataset)
    for recommender, features, _, cases in rows:
        entries = [_entry(case, marks, paint) for case in cases]
        place = [places.get((recommender, features), "-")] if places else []
        laid_out.append(["" if recommender == before else recommender, features, *place, *entries])
        before = recommender
    headers = ["recommender", "features", *([tables.RANK] if places else []), *map(": ".join, columns)]
    title = f"Side by side on {dataset}: by how many per cent features beat each control [95 % interval]"
    return ["", *wrapped(title), *fitted(headers, laid_out, labels=3 if places else 2)]


def _entry(case: ClaimResult | None, marks: Mapping[str, str], paint: Paint) -> str:
    """A case in as few letters as it takes."""
    if case is None:
        return "-"
    value, (low, high) = tables.relative(case), tables.interval(case)
    shown = "" if value is None else f" {_digits(value)} [{_digits(low)},{_digits(high)}]"
    return paint(f"{marks[case.verdict]}{shown}", case.verdict)


def _digits(value: float | None) -> str:
    """A per cent with one decimal, which nobody reads of large ones."""
    return "" if value is None else f"{value:+.1f}" if abs(value) < 99.95 else f"{value:+.0f}"


def findings(cases: Sequence[tuple[str, str, str]], paint: Paint = unpainted) -> Iterator[str]:
    """Yield two lines or more for each test that failed by its verdict: its name, then effect and reason.

    Args:
        cases: pytest's word (FAILED, ERROR), the name of the test, and what it failed with.
        paint: colours a text.
    """
    for word, name, message in cases:
        yield f"{paint(word, 'bad')} {name}"
        yield from wrapped(message, 2)
