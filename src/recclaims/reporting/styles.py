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
        marker: matplotlib's name of the same shape.
        outcome: what pytest reports without a baseline.
        rank: from worst to best; a case that is not run any more has lost its evidence.
        hollow: whether the marker is open.
        level: of GitHub's annotation; None: it has none.
    """

    word: str
    symbol: str
    marker: str
    outcome: str
    rank: int
    hollow: bool = False
    level: str | None = None

    @property
    def text(self) -> str:
        """The word within a sentence."""
        return self.word.lower()


#: In the order in which reports count them.
STYLES = {
    Verdict.SUPPORTED: Style("supported", "●", "o", "passed", 5),
    Verdict.CONTRADICTED: Style("CONTRADICTED", "✖", "X", "failed", 2, level="warning"),
    Verdict.NO_DIFFERENCE: Style("no difference", "■", "s", "failed", 3, level="warning"),
    Verdict.INCONCLUSIVE: Style("inconclusive", "○", "o", "xfailed", 4, hollow=True),
    Verdict.INADMISSIBLE: Style("INADMISSIBLE", "◆", "D", "error", 0, level="error"),
    Verdict.NOT_RUN: Style("not run", "□", "D", "skipped", 1),
}


def colour(name: str) -> str:
    """The variable of the page's style sheet for a verdict's colour, or another's, in light and in dark mode."""
    return f"--{name.replace('_', '-')}"
