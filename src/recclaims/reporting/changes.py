"""What changed between two runs, as tables: for a terminal, for a page, in one sentence."""

from __future__ import annotations

from collections.abc import Sequence

from recclaims._model.verdict import Verdict
from recclaims.reporting.baseline import ABSENT, Change
from recclaims.reporting.console import wrapped
from recclaims.reporting.markdown import escape, table
from recclaims.reporting.styles import STYLES
from recclaims.reporting.words import counted

#: How many cases a sentence names.
_NAMED = 20
_HEADERS = ["claim", "case", "before", "after", "effect before", "effect after", "worse"]


#: The kinds of changes, in the order in which they are told, and what stands above them.
KINDS = {"worse": "Got worse", "better": "Got better", "changed": "Changed", "new": "New"}


def told(changes: Sequence[Change]) -> dict[str, list[Change]]:
    """The changes of each kind of which there are any, what got worse first."""
    found = {kind: [change for change in changes if change.kind == kind] for kind in KINDS}
    return {kind: some for kind, some in found.items() if some}


def plain(changes: Sequence[Change]) -> str:
    """The changed cases for a terminal, what got worse first, then the sentence."""
    lines: list[str] = []
    for kind, some in told(changes).items():
        lines += ["", f"{KINDS[kind]}: {counted(len(some), 'case')}"]
        for change in some:
            lines += wrapped(f"{change.claim}: {change.case}", 2, 4)
            lines += wrapped(_step(change), 4, 6)
    said = [line for text in _said(changes) for line in wrapped(text)]
    return "\n".join([*lines[1:], *([""] if lines else []), *said])


def _step(change: Change) -> str:
    """From what to what a case went, and why that is worse."""
    verdicts = [STYLES[Verdict(one)].text if one != ABSENT else one for one in (change.before, change.after)]
    sides = [f"{verdict} {effect}".rstrip() for verdict, effect in zip(verdicts, change.effects, strict=True)]
    step = sides[1] if change.before == ABSENT else " -> ".join(sides)
    return f"{step}: {change.worse}" if change.worse else step


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
    return f"{counted(len(compared), 'case')} compared, {changed} changed, {worse} worse{new}."


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
    count = counted(len(names), "case was", "cases were")
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
