"""The plots of the page, drawn by matplotlib without a display, as SVG that the page's style sheet colours."""

from __future__ import annotations

import io
import math
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.transforms import Transform, blended_transform_factory

from recclaims.reporting.styles import STYLES
from recclaims.reporting.svg import INKS, inline
from recclaims.reporting.tables import interval, relative

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from recclaims._model.case_result import ClaimResult as Case
    from recclaims._model.verdict import Verdict

#: Beyond this many per cent an axis goes on logarithmically, or one probe would flatten all the others.
_LINEAR_UP_TO = 50.0
#: Widths in CSS pixels of the two layouts: beside each other on a wide page, label above interval on a phone.
WIDE, NARROW = 760, 340


@contextmanager
def style(name: str) -> Iterator[None]:
    """Matplotlib's own defaults, whatever the user's matplotlibrc says; text stays text and is never mathematics."""
    with mpl.rc_context(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a name may use letters that the measuring font lacks
        mpl.rcdefaults()
        mpl.rcParams.update(
            {
                "svg.fonttype": "none",
                "svg.hashsalt": name,  # ids, and so the page, are the same in every run
                "font.size": 12,
                "axes.edgecolor": INKS["rule"],
                "axes.labelcolor": INKS["text"],
                "text.color": INKS["text"],
                "text.parse_math": False,
                "axes.unicode_minus": True,
                "xtick.color": INKS["rule"],
                "ytick.color": INKS["rule"],
                "xtick.labelcolor": INKS["text"],
                "ytick.labelcolor": INKS["text"],
                "figure.facecolor": "none",
                "axes.facecolor": "none",
            }
        )
        yield


def drawable(case: Case) -> bool:
    """Whether a case has an effect that can be shown relative to its control."""
    return relative(case) is not None


def _effect(case: Case) -> float:
    value = relative(case)
    if value is None:
        raise ValueError(f"{case.case} has no effect to draw")
    return value


def forest(cases: Sequence[Case], name: str, label: str, narrow: bool = False) -> str:
    """Draw effects with their intervals, and the margin as a band around zero; one block per recommender.

    Args:
        cases: cases of one claim on one dataset, each `drawable`.
        name: what the drawing's ids begin with, unique on the page.
        label: what a screen reader says.
        narrow: a layout for phones.
    """
    rows, height = _rows(cases, narrow)
    with style(name):
        values = [bound for case in cases for bound in (relative(case), *interval(case))]
        figure, axes = frame(height, values, max(case.margin for case in cases), narrow)
        marks: list[tuple[float, float, Verdict]] = []
        for y, kind, content in rows:
            if kind == "recommender":
                heading(axes, y, str(content), narrow)
                continue
            shown = effect_text(content)
            line = entry(axes, y, arms(content, letters(shown, narrow)), shown, narrow)
            _interval_line(axes, line, content)
            marks.append((_effect(content), line, content.verdict))
        mark(axes, marks)
        return finish(figure, name, label)


def frame(height: float, values: Sequence[float | None], margin: float, narrow: bool) -> tuple[Figure, Axes]:
    """A figure and its axes for effects in per cent, one line each, with the margin as a band around zero.

    Args:
        height: of all lines, in pixels.
        values: every effect and limit that is known.
        margin: relative to the control.
        narrow: for a phone; elsewhere labels and figures stand beside the axes.
    """
    top, bottom, left, right = (8, 44, 8, 8) if narrow else (8, 44, 290, 170)
    width, whole = _width(narrow), height + top + bottom
    figure = Figure(figsize=(width / 72, whole / 72))
    axes = figure.add_axes((left / width, bottom / whole, (width - left - right) / width, height / whole))
    axes.set_ylim(height, 0)
    percent_axis(axes, values, narrow)
    axes.axvspan(-100 * margin, 100 * margin, color=INKS["band"], linewidth=0, zorder=0)
    axes.axvline(0, color=INKS["rule"], linewidth=1, zorder=1)
    return figure, axes


def heading(axes: Axes, y: float, text: str, narrow: bool) -> None:
    """Write a heading at the left edge."""
    axes.text(8 / _width(narrow), y, text, transform=_at_edge(axes), va="center", weight="bold")


def entry(axes: Axes, y: float, label: str, shown: str, narrow: bool) -> float:
    """Write a line's label and its figures at either edge; returns where its interval is drawn."""
    above = y - 8 if narrow else y
    axes.text(16 / _width(narrow), above, label, transform=_at_edge(axes), va="center")
    axes.text(1 - 4 / _width(narrow), above, shown, transform=_at_edge(axes), va="center", ha="right")
    return y + 9 if narrow else y


def letters(shown: str, narrow: bool) -> int:
    """How many letters of a label fit beside its figures."""
    return 45 - len(shown) if narrow else 40


def _width(narrow: bool) -> int:
    return NARROW if narrow else WIDE


def _at_edge(axes: Axes) -> Transform:
    figure = axes.get_figure(root=True)
    assert figure is not None  # noqa: S101 - `frame` has put them into one
    return blended_transform_factory(figure.transFigure, axes.transData)


def _rows(cases: Sequence[Case], narrow: bool) -> tuple[list[tuple[float, str, Any]], float]:
    """The centre of every line from the top, in pixels, and the height of all."""
    rows: list[tuple[float, str, Any]] = []
    y, step = 0.0, 38.0 if narrow else 21.0
    for recommender in dict.fromkeys(case.recommender for case in cases):
        rows.append((y + 11, "recommender", recommender))
        y += 24
        for case in (case for case in cases if case.recommender == recommender):
            rows.append((y + step / 2, "case", case))
            y += step
        y += 6
    return rows, y


def _interval_line(axes: Axes, y: float, case: Case) -> None:
    """One interval; an end that is not known runs to the edge, dotted."""
    colour, (left, right) = INKS[case.verdict], axes.get_xlim()
    low, high = interval(case)
    known = low is not None and high is not None
    ends = (left if low is None else low, right if high is None else high)
    axes.plot(ends, (y, y), color=colour, linewidth=2, linestyle="-" if known else ":", solid_capstyle="butt")


def mark(axes: Axes, marks: Sequence[tuple[float, float, Verdict]]) -> None:
    """Mark effects (x, y, verdict), each by its verdict's shape and colour."""
    for verdict in dict.fromkeys(verdict for _, _, verdict in marks):
        hollow = STYLES[verdict].hollow
        axes.plot(
            [x for x, _, other in marks if other == verdict],
            [y for _, y, other in marks if other == verdict],
            linestyle="none",
            marker=STYLES[verdict].marker,
            markersize=7,
            markerfacecolor=INKS["page"] if hollow else INKS[verdict],
            markeredgecolor=INKS[verdict],
            markeredgewidth=1.5 if hollow else 0.5,
        )


def percent_axis(axes: Axes, values: Sequence[float | None], narrow: bool) -> None:
    """Fit the x axis to effects in per cent, zero included; far ones on a logarithmic continuation."""
    known = [value for value in values if value is not None and math.isfinite(value)]
    low, high = min([*known, -3.0]), max([*known, 3.0])
    room = 0.06 * (high - low)
    text = "effect, % of the control" if narrow else "effect relative to the control, %"
    far = max(-low, high) > _LINEAR_UP_TO
    if far:
        axes.set_xscale("symlog", linthresh=10, linscale=1)
        low, high = min(low, -10.0) * 1.3, max(high, 10.0) * 1.3
        tens = [10.0**power for power in range(1, 2 + int(math.log10(max(-low, high))))]
        ticks = [-x for x in reversed(tens)] + [0.0] + tens
        axes.set_xticks([tick for tick in ticks if low <= tick <= high])
        text += " (log beyond ±10)" if narrow else " (logarithmic beyond ±10)"
    else:
        low, high = low - room, high + room
    axes.set_xlim(low, high)
    axes.xaxis.set_major_formatter(_signed)
    axes.minorticks_off()
    axes.set_xlabel(text)
    axes.set_yticks([])
    for side in ("left", "right", "top"):
        axes.spines[side].set_visible(False)


def _signed(value: float, _: object) -> str:
    return f"{value:+.10g}".replace("-", "\N{MINUS SIGN}") if value else "0"


@dataclass(frozen=True)
class Point:
    """What an encoder costs, `seconds` per thousand items, and the case that shows its gain, which is `drawable`."""

    encoder: str
    seconds: float
    case: Case


def cost_and_gain(points: Sequence[Point], name: str, label: str, gain: str) -> str:
    """Draw what each encoder costs against what it brings one recommender.

    Args:
        points: one per encoder.
        name, label: see forest.
        gain: what the vertical axis says.
    """
    width, height = NARROW, 260
    with style(name):
        figure = Figure(figsize=(width / 72, height / 72))
        axes = figure.add_axes((54 / width, 46 / height, (width - 66) / width, (height - 58) / height))
        axes.set_xscale("log")
        seconds = [point.seconds for point in points]
        axes.set_xlim(min(seconds) / 3, max(seconds) * 3)
        bounds = [x for p in points for x in (_effect(p.case), *interval(p.case)) if x is not None]
        low, high = min(*bounds, 0.0), max(*bounds, 0.0)
        room = 0.1 * ((high - low) or 1.0)
        axes.set_ylim(low - room, high + room)
        axes.axhline(0, color=INKS["rule"], linewidth=1)
        for point in points:
            colour, (low_end, high_end) = INKS[point.case.verdict], interval(point.case)
            if low_end is not None and high_end is not None:
                axes.plot([point.seconds] * 2, (low_end, high_end), color=colour, linewidth=1.5)
        mark(axes, [(p.seconds, _effect(p.case), p.case.verdict) for p in points])
        for point, y in _spread(points, axes):
            # A name stands on the side that has room for it.
            right = point.seconds**2 > max(seconds) * min(seconds) and len(points) > 1
            axes.annotate(
                shortened(point.encoder, 20),
                (point.seconds, y),
                xytext=(-8 if right else 8, 0),
                textcoords="offset pixels",
                va="center",
                ha="right" if right else "left",
            )
        axes.set_xlabel("seconds per 1,000 items")
        axes.set_ylabel(gain)
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
        axes.minorticks_off()
        axes.yaxis.set_major_formatter(_signed)
        for side in ("right", "top"):
            axes.spines[side].set_visible(False)
        return finish(figure, name, label)


def _spread(points: Sequence[Point], axes: Axes) -> Iterator[tuple[Point, float]]:
    """Yield every point with a height for its name, so that no name is written over another's."""
    low, high = axes.get_ylim()
    line = 14 * (high - low) / 202  # one line of text, in units of the axis
    taken = -math.inf
    for point in sorted(points, key=lambda point: _effect(point.case)):
        taken = max(taken + line, _effect(point.case))
        yield point, taken


def effect_text(case: Case) -> str:
    """An effect with its interval, in per cent."""
    low, high = interval(case)
    ends = ", ".join("" if end is None else f"{end:+.1f}" for end in (low, high))
    return f"{_effect(case):+.1f} [{ends}]".replace("-", "\N{MINUS SIGN}")


def shortened(text: str, length: int) -> str:
    """A name in at most so many letters that print."""
    text = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
    return text if len(text) <= length else text[: length - 1] + "…"


def arms(case: Case, length: int) -> str:
    """Treatment and control in at most so many letters; neither pushes the other out."""
    control = shortened(case.control, length // 2 - 4)
    return f"{shortened(case.treatment, length - 4 - len(control))} vs {control}"


def finish(figure: Figure, name: str, label: str) -> str:
    """The drawing as an `<svg>` element; `name` and `label` as of `forest`."""
    file = io.StringIO()
    figure.savefig(file, format="svg", metadata={"Date": None})
    return inline(file.getvalue(), name, label)
