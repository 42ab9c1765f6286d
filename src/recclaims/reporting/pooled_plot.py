"""A forest plot over data sets: an effect and its interval each, then the mean and where one more would lie."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from markupsafe import Markup
from matplotlib.figure import Figure
from matplotlib.transforms import blended_transform_factory

from recclaims.pooling.across import ENOUGH, Question
from recclaims.reporting.plots import NARROW, WIDE, finish, percent_axis, shortened, style
from recclaims.reporting.styles import STYLES
from recclaims.reporting.svg import INKS

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
    height = step * len(lines) + 6
    top, bottom, left, right = (8, 44, 8, 8) if narrow else (8, 44, 290, 170)
    width = NARROW if narrow else WIDE
    whole = height + top + bottom
    with style(name):
        figure = Figure(figsize=(width / 72, whole / 72))
        axes = figure.add_axes((left / width, bottom / whole, (width - left - right) / width, height / whole))
        axes.set_ylim(height, 0)
        percent_axis(axes, [end for line in lines for end in (line.effect, line.low, line.high)], narrow)
        margin = 100 * max(part.case.margin for question in questions for part in question.parts)
        axes.axvspan(-margin, margin, color=INKS["band"], linewidth=0, zorder=0)
        axes.axvline(0, color=INKS["rule"], linewidth=1, zorder=1)
        edge = blended_transform_factory(figure.transFigure, axes.transData)
        for number, line in enumerate(lines):
            y = number * step + step / 2
            heading = line.low is None
            up = 8 if narrow and not heading else 0
            start = 8 if heading else 16
            weight = "bold" if heading else "normal"
            shown = "" if heading else _said(line)
            room = 45 - len(shown) if narrow else 40  # letters that fit
            axes.text(start / width, y - up, shortened(line.label, room), transform=edge, va="center", weight=weight)
            if not heading:
                axes.text(1 - 4 / width, y - up, shown, transform=edge, va="center", ha="right")
                _draw(axes, y + (9 if narrow else 0), line)
        return Markup(finish(figure, name, label))  # noqa: S704 - our own drawing; names in it are text


def _lines(question: Question) -> Iterator[_Line]:
    yield _Line(question.name)
    for part in question.parts:
        case = part.case
        mean, (low, high) = case.control_mean or math.nan, case.ci
        if low is not None and high is not None and case.relative_effect is not None:
            ends = (100 * low / mean, 100 * high / mean)
            yield _Line(part.dataset, 100 * case.relative_effect, *ends, case.verdict)
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
    ink = INKS[line.verdict] if line.verdict else INKS["text"]
    ends = (max(line.low, left), min(line.high, right))
    together = line.verdict is None and line.effect is not None
    axes.plot(ends, (y, y), color=ink, linewidth=2, linestyle=":" if line.effect is None else "-")
    if line.effect is None:
        return
    shown = STYLES[line.verdict] if line.verdict else None
    axes.plot(
        [line.effect],
        [y],
        linestyle="none",
        marker="D" if together or shown is None else shown.marker,
        markersize=7,
        markerfacecolor=INKS["page"] if shown and shown.hollow else ink,
        markeredgecolor=ink,
        markeredgewidth=1.5 if shown and shown.hollow else 0.5,
    )


def _said(line: _Line) -> str:
    ends = f"[{line.low:+.1f}, {line.high:+.1f}]"
    return (ends if line.effect is None else f"{line.effect:+.1f} {ends}").replace("-", "\N{MINUS SIGN}")
