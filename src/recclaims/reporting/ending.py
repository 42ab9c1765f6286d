"""The answer at the end of a run, on one screen: headlines, what is open, what did not run, counts and the report."""

from __future__ import annotations

import shlex
import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from recclaims._model.verdict import Verdict
from recclaims.reporting import answer, tables
from recclaims.reporting import changes as changed
from recclaims.reporting.baseline import Change
from recclaims.reporting.console import WIDTH, Paint, unpainted, wrapped
from recclaims.reporting.terminal import findings
from recclaims.reporting.words import counted, listed

if TYPE_CHECKING:
    from recclaims._model.results import Headline, ResultsDocument

#: What a run says that judged no case, though it was to be compared with a baseline.
NOTHING_JUDGED = (
    "Exit code 1: no case was judged (none was selected, or --benchmark-skip left them out), so that nothing was "
    "compared with the baseline."
)
#: So many headlines stand with their figures; more share a line for each recommender, and the table has the figures.
_SENTENCES = 6
#: So many recommenders and data sets have a line each; of more, only the findings are counted.
_LINES = 12
#: So many reasons for what did not run stand whole.
_REASONS = 2
#: So many cases that got worse stand with the answer; more of them are told before it.
_WORSE = 3

#: What would keep a run from more replicates: their fixed number, and a baseline of fewer, which would be refused.
_HINDERING = ("--claims-seeds", "--claims-baseline")


@dataclass(frozen=True)
class Ending:
    """How a session ended, besides what results.json says.

    Attributes:
        trained: how many cells were trained for it.
        exit_code: pytest's.
        changes: against the baseline, where there is one.
        failed: what failed by its verdict: pytest's word, the test, and what it failed with.
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
    failed: Sequence[tuple[str, str, str]] = ()
    unjudged: int = 0
    judged: bool = True
    command: Sequence[str] = ("pytest", "suite")
    without_cases: Mapping[str, Sequence[str]] = field(default_factory=dict)
    giving: Mapping[str, Sequence[str]] = field(default_factory=dict)
    report: str = "reports/latest"

    @property
    def told_last(self) -> bool:
        """Whether what failed is part of the answer: few cases that got worse than in the baseline."""
        return self.changes is not None and 0 < len(self.failed) <= _WORSE


def summary(
    document: ResultsDocument | None, ending: Ending, verbosity: int = 0, paint: Paint = unpainted
) -> Iterator[str]:
    """Yield the lines of the answer, at most 30 of them for a run of all recommenders on a data set.

    Args:
        document: the run, as results.json holds it; None: every claim that was selected has no case.
        ending: how the session ended.
        verbosity: pytest's: below 0 headlines and counts alone, above 0 every case and reason in full.
        paint: colours a text.
    """
    parts = [_headlines(document, verbosity, paint)] if document is not None else []
    if verbosity >= 0:
        parts += [_open(document, ending, verbosity > 0, paint)] if document is not None else []
        parts += [_not_run(document, ending, verbosity > 0, paint)]
        parts += [findings(ending.failed, paint)] if ending.told_last else []
    parts += [_counts(document, ending, verbosity)] if document is not None else []
    between = False
    for part in parts:
        for n, line in enumerate(part):
            yield from [""] if between and n == 0 else []
            yield line
            between = True


def _headlines(document: ResultsDocument, verbosity: int, paint: Paint) -> Iterator[str]:
    """What was found: a sentence each where they are few, else a line for each recommender."""
    found = document.headlines or ()
    if not found:
        return
    if verbosity < 0 or len(found) <= _SENTENCES:
        yield paint("In short", "strong")
        for headline in found:
            yield from wrapped(headline.sentence, 2, 4)
    else:
        yield from _by_recommender(found, paint)
    if verbosity >= 0:
        yield from wrapped(tables.questions(document), 2)


def _by_recommender(found: Sequence[Headline], paint: Paint) -> Iterator[str]:
    """For each data set a line per recommender: its features by what it does with them; of very many, how many."""
    datasets = _grouped(found, lambda headline: headline.dataset)
    width = max(len(headline.recommender) for headline in found)
    if len({(headline.dataset, headline.recommender) for headline in found}) > _LINES:
        yield paint(f"In short, on {counted(len(datasets), 'data set')}: with how many of their features", "strong")
        for recommender, mine in _grouped(found, lambda headline: headline.recommender).items():
            verbs = _grouped(mine, tables.verb)
            told = (f"{verb} {len(some)} of {len(mine)}" for verb, some in verbs.items())
            yield from _row(recommender, width, "; ".join(told))
        return
    for n, (dataset, here) in enumerate(datasets.items()):
        yield paint(f"On {dataset}" if n else f"In short, on {dataset}", "strong")
        for recommender, mine in _grouped(here, lambda headline: headline.recommender).items():
            verbs = _grouped(mine, tables.verb)
            told = (f"{verb} {listed([one.features for one in some])}" for verb, some in verbs.items())
            yield from _row(recommender, width, "; ".join(told))


def _row(name: str, width: int, text: str) -> Iterator[str]:
    """A name, and beside it a text of one line or more."""
    at = width + 4
    first, *others = wrapped(text, at, at)
    yield f"  {name:{width}}  {first[at:]}"
    yield from others


def _grouped(found: Iterable[Headline], key: Callable[[Headline], str]) -> dict[str, list[Headline]]:
    """Headlines by what a function says of them, in the order of the first of each."""
    groups: dict[str, list[Headline]] = {}
    for headline in found:
        groups.setdefault(key(headline), []).append(headline)
    return groups


def _open(document: ResultsDocument, ending: Ending, verbose: bool, paint: Paint) -> Iterator[str]:
    """The cases that were not decided, and what would decide them."""
    plans = answer.plans(document)
    if not plans:
        return
    number = sum(len(plan.cases) for plan in plans)
    yield paint(f"Not decided: {number} of {counted(len(document.claims), 'case')}", "strong")
    if not ending.told_last or verbose:
        for told in answer.undecided(plans, named=verbose):
            yield from wrapped(told, 2, 4)
    if option := answer.more_replicates(document):
        yield f"  To go on: {_command(option, ending, _HINDERING)}"


def _not_run(document: ResultsDocument | None, ending: Ending, verbose: bool, paint: Paint) -> Iterator[str]:
    """What did not run, and what would make it run; of many reasons a line each, and beside failures none."""
    cases = dict(answer.not_run(document)) if document else {}
    claims = [name for names in ending.without_cases.values() for name in names]
    if not cases and not claims:
        return
    if ending.told_last and not verbose:
        number = counted(sum(map(len, cases.values())), "case")
        yield from wrapped(f"Not run: {number}, and {counted(len(claims), 'claim')} without a case here (-v says why)")
        return
    whole = verbose or len(cases) + len(ending.without_cases) <= _REASONS
    yield paint("Not run" if whole else "Not run (-v says what each needs)", "strong")
    for why, some in cases.items():
        label = f"{', '.join(dict.fromkeys(case.claim for case in some))}, {counted(len(some), 'case')}"
        yield from wrapped(f"{label}: {why}", 2, 4) if whole else [_beginning(label, why)]
    for why, names in ending.without_cases.items():
        options = ending.giving.get(why)
        run = f"To run: {_command(('-m', ' or '.join(names), *options), ending)}" if options else ""
        if whole:
            yield from wrapped(f"{', '.join(names)}: {why}", 2, 4)
            yield from [f"    {run}"] if run else []
        else:
            yield f"  {run}" if run else _beginning(", ".join(names), why)


def _beginning(label: str, why: str) -> str:
    """A reason as far as one line has room for it, if possible up to a colon: what is missing, not how to get it."""
    start = f"  {label}: "
    room = WIDTH - len(start)
    if len(why) <= room:
        return start + why
    clause = why[:room].rpartition(": ")[0]
    return start + (clause if 2 * len(clause) > room else textwrap.shorten(why, max(room, 20), placeholder=" ..."))


def _command(options: Sequence[str], ending: Ending, without: Sequence[str] = ()) -> str:
    """The same command with further options, each with a value, on one line, to be copied.

    Args:
        options: the further options; a later one would win over an earlier, but two of them puzzle whoever reads.
        ending: whose command.
        without: options with a value that are left out.
    """
    words = list(ending.command)
    for option in (*options[::2], *without):
        while option in words:
            at = words.index(option)
            del words[at : at + 2]
        words = [word for word in words if not word.startswith(f"{option}=")]
    if without:
        words = [word for word in words if word != "--claims-update-baseline"]
    return shlex.join([*words, *options])


def _counts(document: ResultsDocument, ending: Ending, verbosity: int) -> Iterator[str]:
    """What else has to be known of the answer, what the exit code means, how many cases and cells, and the report."""
    if verbosity >= 0:
        if more := tables.improving(document):
            yield from wrapped(more)
        if ending.changes is not None:
            yield from wrapped(changed.sentence(ending.changes))
            yield from wrapped(changed.still_inadmissible(ending.changes))
        yield from wrapped(_meaning(document, ending))
    n_cells = len(document.cells)
    yield from wrapped(f"{counted(len(document.claims), 'case')}: {tables.counts(document)}.")
    yield f"{counted(n_cells, 'cell')}: {ending.trained} trained, {n_cells - ending.trained} from the store."
    # On one line, however long: it is copied.
    yield f"Report: {ending.report}/results.html"


def _meaning(document: ResultsDocument, ending: Ending) -> str:
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
        inadmissible = any(case.verdict is Verdict.INADMISSIBLE for case in document.claims)
        what = "a claim did not hold, or a case was inadmissible" if inadmissible else "a claim did not hold"
        return f"Exit code 1: {what}: a finding, not a fault. With --claims-baseline only changes fail."
    return "Exit code 0: every claim held, was left open, or could not be run."
