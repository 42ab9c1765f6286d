"""How each verdict looks and what it counts as, wherever it is shown."""

from __future__ import annotations

from dataclasses import dataclass

from recclaims._model.verdict import Verdict


@dataclass(frozen=True)
class Style:
    """How a verdict is shown.

    Attributes:
        word: in a narrow column.
        symbol: beside the word on the page, so that colour alone never tells.
        letter: in its place on a terminal without such symbols.
        marker: matplotlib's name of the same shape.
        outcome: what pytest reports without a baseline.
        rank: from worst to best; a case that is not run any more has lost its evidence.
        hollow: whether the marker is open.
        level: of GitHub's annotation; None: it has none.
        ink: pytest's name of its colour on a terminal; empty: it has none.
    """

    word: str
    symbol: str
    letter: str
    marker: str
    outcome: str
    rank: int
    hollow: bool = False
    level: str | None = None
    ink: str = ""

    @property
    def text(self) -> str:
        """The word within a sentence."""
        return self.word.lower()


#: In the order in which reports count them.
STYLES = {
    Verdict.SUPPORTED: Style("supported", "●", "S", "o", "passed", 5, ink="green"),
    Verdict.CONTRADICTED: Style("CONTRADICTED", "✖", "C", "X", "failed", 2, level="warning", ink="red"),
    Verdict.NO_DIFFERENCE: Style("no difference", "■", "N", "s", "failed", 3, level="warning", ink="yellow"),
    Verdict.INCONCLUSIVE: Style("inconclusive", "○", "I", "o", "xfailed", 4, hollow=True, ink="cyan"),
    Verdict.INADMISSIBLE: Style("INADMISSIBLE", "◆", "X", "D", "error", 0, level="error", ink="purple"),
    Verdict.NOT_RUN: Style("not run", "□", "?", "D", "skipped", 1),
}


def colour(name: str) -> str:
    """The variable of the page's style sheet for a verdict's colour, or another's, in light and in dark mode."""
    return f"--{name.replace('_', '-')}"
