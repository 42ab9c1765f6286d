"""What changed between two runs, as tables: for a terminal, for a page, in one sentence."""

from __future__ import annotations

from collections.abc import Sequence

from recclaims._model.verdict import Verdict
from recclaims.reporting import tables
from recclaims.reporting.baseline import ABSENT, Change
from recclaims.reporting.markdown import escape, table

#: How many cases a sentence names.
_NAMED = 20
_HEADERS = ["claim", "case", "before", "after", "effect before", "effect after", "worse"]


def plain(changes: Sequence[Change]) -> str:
    """The changed cases as a table for a terminal, then the sentence."""
    rows = _rows(changes)
    return "\n".join([*([tables.plain(_HEADERS, rows)] if rows else []), *_said(changes)])


def markdown(changes: Sequence[Change]) -> str:
    """The changed cases as a section of a Markdown page."""
    rows = _rows(changes)
    laid_out = [table(_HEADERS, rows)] if rows else []
    return "\n\n".join(["# Against the baseline", *map(escape, _said(changes)), *laid_out]) + "\n"


def sentence(changes: Sequence[Change]) -> str:
    """How many cases were compared, changed, got worse, are new."""
    compared = [change for change in changes if change.before != ABSENT]
    worse = sum(change.worse is not None for change in changes)
    changed = sum(change.is_change for change in compared)
    fresh = len(changes) - len(compared)
    new = f"; {fresh} new, with nothing to compare them with" if fresh else ""
    return f"{len(compared)} cases compared, {changed} changed, {worse} worse{new}."


def still_inadmissible(changes: Sequence[Change]) -> str:
    """Which cases were inadmissible and still are: nothing failed, and nothing was said of them; empty if none."""
    names = [
        change.case
        for change in changes
        if (change.before, change.after) == (Verdict.INADMISSIBLE, Verdict.INADMISSIBLE)
    ]
    if not names:
        return ""
    more = f" and {len(names) - _NAMED:,} more" if len(names) > _NAMED else ""
    count = "1 case was" if len(names) == 1 else f"{len(names):,} cases were"
    still = "is" if len(names) == 1 else "are"
    shown = ", ".join(" ".join(name.split()) for name in names[:_NAMED])
    return f"{count} inadmissible in the baseline and {still} now, so the claim was not judged there: {shown}{more}."


def _said(changes: Sequence[Change]) -> list[str]:
    return [line for line in (sentence(changes), still_inadmissible(changes)) if line]


def _rows(changes: Sequence[Change]) -> list[list[str]]:
    """What got worse first."""
    told = sorted((change for change in changes if change.is_change), key=lambda change: change.worse is None)
    rows = [[c.claim, c.case, c.before, c.after, *c.effects, c.worse or ""] for c in told]
    return [[" ".join(entry.split()) for entry in row] for row in rows]  # a name in one line, or it would be two rows
