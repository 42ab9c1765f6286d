"""A forest plot over data sets: an effect and its interval each, then the mean and where one more would lie."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from markupsafe import Markup

from recclaims.pooling.across import ENOUGH, Question
from recclaims.reporting.plots import entry, finish, frame, heading, letters, mark, shortened, style
from recclaims.reporting.svg import INKS
from recclaims.reporting.tables import interval, relative

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from recclaims._model.verdict import Verdict


@dataclass(frozen=True)
class _Line:
    """One line of the plot; effects in per cent.

    Attributes:
        label: for people; a heading where there is no effect.
        effect, low, high: None: a heading, or an interval alone.
        verdict: gives the marker; None: a diamond for what data sets say together.
    """

    label: str
    effect: float | None = None
    low: float | None = None
    high: float | None = None
    verdict: Verdict | None = None


def forest(questions: Sequence[Question], name: str, label: str, narrow: bool = False) -> Markup:
    """Draw the questions of one claim below each other.

    Args:
        questions: at least one.
        name: what the drawing's ids begin with, unique on the page.
        label: what a screen reader says.
        narrow: a layout for phones.
    """
    lines = [line for question in questions for line in _lines(question)]
    step = 38.0 if narrow else 21.0
    values = [end for line in lines for end in (line.effect, line.low, line.high)]
    margin = max(part.case.margin for question in questions for part in question.parts)
    with style(name):
        figure, axes = frame(step * len(lines) + 6, values, margin, narrow)
        for number, line in enumerate(lines):
            y = number * step + step / 2
            if line.low is None:
                heading(axes, y, shortened(line.label, letters("", narrow)), narrow)
                continue
            shown = _said(line)
            _draw(axes, entry(axes, y, shortened(line.label, letters(shown, narrow)), shown, narrow), line)
        return Markup(finish(figure, name, label))  # noqa: S704 - our own drawing


def _lines(question: Question) -> Iterator[_Line]:
    yield _Line(question.name)
    for part in question.parts:
        yield _Line(part.dataset, relative(part.case), *interval(part.case), part.case.verdict)
    pooled = question.pooled
    if pooled is not None:
        verdict = question.general.verdict if pooled.count >= ENOUGH else None
        low, high = pooled.interval()
        yield _Line("data sets like these", _percent(pooled.mean), _percent(low), _percent(high), verdict)
        low, high = pooled.prediction
        yield _Line("one more data set", None, _percent(low), _percent(high))


def _percent(log_ratio: float) -> float:
    return 100 * math.expm1(min(log_ratio, 50.0))


def _draw(axes: Axes, y: float, line: _Line) -> None:
    if line.low is None or line.high is None:
        return
    left, right = axes.get_xlim()
    ink = INKS[line.verdict or "text"]
    ends = (max(line.low, left), min(line.high, right))
    axes.plot(ends, (y, y), color=ink, linewidth=2, linestyle=":" if line.effect is None else "-")
    if line.effect is None:
        return
    if line.verdict:
        mark(axes, [(line.effect, y, line.verdict)])
    else:
        axes.plot(line.effect, y, linestyle="none", marker="D", markersize=7, color=ink, markeredgewidth=0.5)


def _said(line: _Line) -> str:
    ends = f"[{line.low:+.1f}, {line.high:+.1f}]"
    return (ends if line.effect is None else f"{line.effect:+.1f} {ends}").replace("-", "\N{MINUS SIGN}")
