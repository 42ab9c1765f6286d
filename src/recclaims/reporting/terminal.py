"""What a person reads at the end of a run: the tables first, then the answer, so that it is on the last screen."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from recclaims.reporting import answer, ranks, tables
from recclaims.reporting import changes as changed
from recclaims.reporting.baseline import Change
from recclaims.reporting.console import Paint, fitted, unpainted, wrapped
from recclaims.reporting.styles import STYLES
from recclaims.reporting.words import counted

if TYPE_CHECKING:
    from recclaims._model.case_result import ClaimResult
    from recclaims._model.results import ResultsDocument

#: What a run says that judged no case, though it was to be compared with a baseline.
NOTHING_JUDGED = (
    "Exit code 1: no case was judged (none was selected, or --benchmark-skip left them out), so that nothing was "
    "compared with the baseline."
)
#: Headlines that stand with their figures; more of them would push themselves off the screen.
_TOLD = 6
_RIGHT = ("real", *tables.ENCODER_NUMBERS)


@dataclass(frozen=True)
class Ending:
    """How a session ended, besides what results.json says.

    Attributes:
        trained: how many cells were trained for it.
        exit_code: pytest's.
        changes: against the baseline, where there is one.
        unjudged: how many tests failed without a verdict.
        judged: whether any came to its verdict.
        command: the words of the command that ran, for another like it.
        without_cases: by the reason, the claims that have no case here.
        giving: by the reason, the options that would give them some.
        report: the folder of the reports.
    """

    trained: int = 0
    exit_code: int = 0
    changes: Sequence[Change] | None = None
    unjudged: int = 0
    judged: bool = True
    command: Sequence[str] = ("pytest", "suite")
    without_cases: Mapping[str, Sequence[str]] = field(default_factory=dict)
    giving: Mapping[str, Sequence[str]] = field(default_factory=dict)
    report: str = "reports/latest"


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


def summary(
    document: ResultsDocument | None, ending: Ending, quiet: bool = False, paint: Paint = unpainted
) -> Iterator[str]:
    """Yield the lines of the answer: headlines, what was not decided, what did not run, then counts and the report.

    Args:
        document: the run, as results.json holds it; None: every claim that was selected has no case.
        ending: how the session ended.
        quiet: headlines and counts alone.
        paint: colours a text.
    """
    if document is not None and document.headlines:
        yield paint("In short", "strong")
        for headline in document.headlines:
            whole = quiet or len(document.headlines) <= _TOLD
            yield from wrapped(headline.sentence if whole else tables.parted(headline)[0], 2, 4)
        if not quiet:
            yield from wrapped(tables.questions(document), 2)
    if not quiet:
        yield from _open(document, ending, paint) if document is not None else ()
        yield from _not_run(document, ending, paint)
        if document is not None:
            yield from _remarks(document, ending)
    if document is not None:
        n_cells = len(document.cells)
        yield ""
        yield from wrapped(f"{counted(len(document.claims), 'case')}: {tables.counts(document)}.")
        yield f"{counted(n_cells, 'cell')}: {ending.trained} trained, {n_cells - ending.trained} from the store."
        # On one line, however long: it is copied.
        yield f"Report: {ending.report}/results.html"


def _remarks(document: ResultsDocument, ending: Ending) -> Iterator[str]:
    """What else has to be known of the answer, and what the exit code means."""
    yield ""
    if more := tables.improving(document):
        yield from wrapped(more)
    if ending.changes is not None:
        yield from wrapped(changed.sentence(ending.changes))
        yield from wrapped(changed.still_inadmissible(ending.changes))
    yield from wrapped(_meaning(ending))


def _open(document: ResultsDocument, ending: Ending, paint: Paint) -> Iterator[str]:
    """The cases that were not decided, and what would decide them."""
    plans = answer.plans(document)
    if not plans:
        return
    number = sum(len(plan.cases) for plan in plans)
    yield ""
    yield paint(f"Not decided: {number} of {counted(len(document.claims), 'case')}", "strong")
    for told in answer.undecided(plans):
        yield from wrapped(told, 2, 4)
    if option := answer.more_replicates(document):
        yield f"  To go on: {_command(option, ending)}"


def _not_run(document: ResultsDocument | None, ending: Ending, paint: Paint) -> Iterator[str]:
    """What did not run, and what would make it run."""
    cases = dict(answer.not_run(document)) if document else {}
    if not cases and not ending.without_cases:
        return
    yield ""
    yield paint("Not run", "strong")
    for why, some in cases.items():
        claims = ", ".join(dict.fromkeys(case.claim for case in some))
        yield from wrapped(f"{claims}, {counted(len(some), 'case')}: {why}", 2, 4)
    for why, names in ending.without_cases.items():
        yield from wrapped(f"{', '.join(names)}: {why}", 2, 4)
        if options := ending.giving.get(why):
            yield f"    To run: {_command(('-m', ' or '.join(names), *options), ending)}"


def _command(options: Sequence[str], ending: Ending) -> str:
    """The same command with further options, each with a value, on one line, to be copied."""
    words = list(ending.command)
    for option in options[::2]:
        while option in words:  # a later one would win, but two of them puzzle whoever reads
            at = words.index(option)
            del words[at : at + 2]
        words = [word for word in words if not word.startswith(f"{option}=")]
    return shlex.join([*words, *options])


def _meaning(ending: Ending) -> str:
    """What the exit code says, in words."""
    if ending.unjudged:
        return (
            f"Exit code {ending.exit_code}: {counted(ending.unjudged, 'test')} failed for a reason other than "
            "a verdict; pytest shows it above. This is not a finding; everything trained so far is in the store."
        )
    against_baseline = ending.changes is not None
    if against_baseline and not ending.judged:
        return NOTHING_JUDGED
    if against_baseline:
        if ending.exit_code:
            return "Exit code 1: a case got worse than in the baseline, or a new case did not hold."
        return "Exit code 0: judged against the baseline, no case got worse."
    if ending.exit_code:
        return (
            "Exit code 1: a claim did not hold (contradicted, or no difference), or a case was inadmissible. "
            "That is a finding, not a fault of the suite; with --claims-baseline, only a change for the worse fails."
        )
    return "Exit code 0: every claim held, was left open, or could not be run."
