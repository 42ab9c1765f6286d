"""What changed between two runs, as tables: for a terminal, for a page, in one sentence."""

from __future__ import annotations

from collections.abc import Sequence

from recclaims.reporting import tables
from recclaims.reporting.baseline import ABSENT, Change
from recclaims.reporting.markdown import table

_HEADERS = ["claim", "case", "before", "after", "effect before", "effect after", "worse"]


def plain(changes: Sequence[Change]) -> str:
    """The changed cases as a table for a terminal, then the sentence."""
    rows = _rows(changes)
    return "\n".join([tables.plain(_HEADERS, rows), sentence(changes)] if rows else [sentence(changes)])


def markdown(changes: Sequence[Change]) -> str:
    """The changed cases as a section of a Markdown page."""
    rows = _rows(changes)
    return "\n\n".join(["# Against the baseline", sentence(changes), *([table(_HEADERS, rows)] if rows else [])]) + "\n"


def sentence(changes: Sequence[Change]) -> str:
    """How many cases were compared, changed, got worse, are new."""
    compared = [change for change in changes if change.before != ABSENT]
    worse = sum(change.worse is not None for change in changes)
    changed = sum(change.is_change for change in compared)
    fresh = len(changes) - len(compared)
    new = f"; {fresh} new, which nothing is compared with" if fresh else ""
    return f"{len(compared)} cases compared, {changed} changed, {worse} worse{new}."


def _rows(changes: Sequence[Change]) -> list[list[str]]:
    """What got worse first."""
    told = sorted((change for change in changes if change.is_change), key=lambda change: change.worse is None)
    rows = [[c.claim, c.case, c.before, c.after, *c.effects, c.worse or ""] for c in told]
    return [[" ".join(entry.split()) for entry in row] for row in rows]  # a name in one line, or it would be two rows
