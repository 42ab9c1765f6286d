"""What GitHub Actions shows of a run: annotations on its page, and the tables in its summary."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from recclaims.errors import printable
from recclaims.reporting import changes as changed
from recclaims.reporting.baseline import Change
from recclaims.reporting.markdown import Markdown
from recclaims.reporting.styles import STYLES

if TYPE_CHECKING:
    from recclaims._model.results import ResultsDocument

#: GitHub shows no more annotations of one kind per step, and takes no longer summary (1 MiB).
_MOST, _LONGEST = 10, 1_000_000


def here() -> bool:
    """Whether this is a step of GitHub Actions."""
    return os.environ.get("GITHUB_ACTIONS") == "true"


def annotate(document: ResultsDocument, changes: Sequence[Change] | None) -> Iterator[str]:
    """Yield the lines that GitHub reads from the output.

    Args:
        document: the run.
        changes: against the baseline: each regression is an error. None: there is no baseline, and a claim that did
            not hold is a warning, an inadmissible case an error.
    """
    if changes is not None:
        found = [("error", f"{c.claim}: {c.case}", c.worse) for c in changes if c.worse is not None]
    else:
        found = [
            (level, f"{case.claim}: {case.case}", f"{case.verdict}: {case.reason}")
            for case in document.claims
            if (level := STYLES[case.verdict].level)
        ]
    for level in ("error", "warning"):
        mine = [(title, message) for other, title, message in found if other == level]
        shown = mine if len(mine) <= _MOST else mine[: _MOST - 1]
        for title, message in shown:
            yield annotation(level, title, message)
        if len(mine) > len(shown):
            yield annotation(level, "recclaims", f"{len(mine) - len(shown)} more: see the summary of the run")


def annotation(level: str, title: str, message: str) -> str:
    """One annotation, in GitHub's own escapes."""
    for mark, code in (("%", "%25"), ("\r", "%0D"), ("\n", "%0A")):
        title, message = title.replace(mark, code), message.replace(mark, code)
    title = title.replace(":", "%3A").replace(",", "%2C")
    return f"::{level} title={title}::{message}"


def write_summary(document: ResultsDocument, changes: Sequence[Change] | None) -> str | None:
    """Add the tables to the step's summary, where there is one; why it could not be, in one line."""
    path = os.environ.get("GITHUB_STEP_SUMMARY")
    if not path:
        return None
    text = (changed.markdown(changes) + "\n" if changes is not None else "") + Markdown().render(document)
    try:
        with Path(path).open("a", encoding="utf-8") as file:
            # What the step has said before counts, too: a summary that is too long is not shown at all.
            room = max(_LONGEST - file.tell(), 0)
            if len(text.encode()) > room:
                text = text.encode()[:room].decode(errors="ignore").rpartition("\n")[0] + "\n\nThe rest is left out.\n"
            file.write(text)
    except OSError as error:
        return printable(f"could not write the step summary, GITHUB_STEP_SUMMARY: {path}: {error.strerror}")
    return None
