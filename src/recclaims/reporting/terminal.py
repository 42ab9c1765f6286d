"""What a person reads at the end of a run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from recclaims.reporting import changes as changed
from recclaims.reporting import tables
from recclaims.reporting.baseline import Change

if TYPE_CHECKING:
    from recclaims._model.results import ResultsDocument

#: What a run says that judged no case, though it was to be compared with a baseline.
NOTHING_JUDGED = (
    "Exit code 1: no case was judged (none was selected, or --benchmark-skip left them out), so that nothing was "
    "compared with the baseline."
)


def summary(
    document: ResultsDocument,
    trained: int,
    exit_code: int,
    changes: Sequence[Change] | None = None,
    unjudged: int = 0,
    judged: bool = True,
) -> Iterator[str]:
    """Yield the lines of the summary: datasets, a table per claim, both families side by side, the exit code.

    Args:
        document: the run, as results.json holds it.
        trained: how many of its cells were trained for it.
        exit_code: pytest's.
        changes: against the baseline, where there is one.
        unjudged: how many tests failed without a verdict.
        judged: whether any came to its verdict.
    """
    for dataset in document.datasets:
        yield tables.card(dataset)
    for claim in dict.fromkeys(case.claim for case in document.claims):
        cases = [case for case in document.claims if case.claim == claim]
        yield ""
        yield f"{claim}: {document.said_of(claim).statement}"
        yield f"{cases[0].metric}, {tables.replicates(cases)}, margin {100 * cases[0].margin:g} %"
        yield tables.plain(*tables.case_rows(document, claim))
    for dataset in document.datasets:
        headers, rows = tables.board_rows(document, dataset.dataset)
        if rows:
            yield ""
            yield f"Side by side on {dataset.dataset}: relative effect [95 % CI] and verdict"
            yield tables.plain(headers, rows)
    yield from _in_short(document)
    if document.encoders:
        yield ""
        yield tables.plain(*tables.encoder_rows(document))
    if len({entry.encoder for entry in document.encoders}) > 1:
        yield ""
        yield "Cost and gain of encoders: the largest effect over recommenders"
        yield tables.plain(*tables.cost_rows(document))
    yield ""
    n_cells = len(document.cells)
    yield f"{len(document.claims)} cases: {tables.counts(document)}."
    yield f"{n_cells} cells: {trained} trained, {n_cells - trained} from the store."
    if more := tables.improving(document):
        yield more
    if changes is not None:
        yield changed.sentence(changes)
        if silent := changed.still_inadmissible(changes):
            yield silent
    yield _meaning(exit_code, changes is not None, unjudged, judged)


def _in_short(document: ResultsDocument) -> Iterator[str]:
    """The answer to each question in a sentence."""
    if document.headlines:
        yield ""
        yield "In short:"
        yield from (f"  {headline.sentence}" for headline in document.headlines)
        yield tables.questions(document)


def _meaning(exit_code: int, against_baseline: bool, unjudged: int, judged: bool) -> str:
    """What the exit code says, in words."""
    if unjudged:
        return (
            f"Exit code {exit_code}: {unjudged} tests failed for a reason other than their verdict; pytest shows it "
            "above. This is not a finding; everything trained so far is in the store."
        )
    if against_baseline and not judged:
        return NOTHING_JUDGED
    if against_baseline:
        if exit_code:
            return "Exit code 1: a case got worse than in the baseline, or a new case did not hold."
        return "Exit code 0: judged against the baseline, no case got worse."
    if exit_code:
        return (
            "Exit code 1: a claim did not hold (contradicted, or no difference), or a case was inadmissible. "
            "That is a finding, not a fault of the suite; with --claims-baseline, only a change for the worse fails."
        )
    return "Exit code 0: every claim held, was left open, or could not be run."
