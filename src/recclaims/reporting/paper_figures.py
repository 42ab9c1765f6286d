"""Figures for papers: forest plots as PDF and SVG, as wide as a column or a page of text."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from recclaims.reporting import plots
from recclaims.reporting.files import draft_of
from recclaims.reporting.page import shipped
from recclaims.reporting.styles import STYLES, colour
from recclaims.reporting.tables import interval, relative

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from recclaims._model.case_result import ClaimResult as Case
    from recclaims._model.results import ResultsDocument
    from recclaims._model.verdict import Verdict

#: Widths in inches, by what a paper calls them.
WIDTHS = {"column": 3.35, "page": 7.0}
#: Lines of a figure: more are higher than a page.
LINES = 50
#: Inches of a line, and of what stands below and above all of them.
_STEP, _FOOT, _HEAD = 0.155, 0.42, 0.26
#: Letters of a label that fit beside the axes.
_LETTERS = {"column": 26, "page": 48}


def write_figures(document: ResultsDocument, directory: Path) -> list[Path]:
    """Write a forest plot of each claim on each dataset in every width, as PDF and as SVG; returns their paths.

    Text stays text in both: fonts are embedded in the PDF, and an SVG is set in whatever sans serif the reader has.

    Args:
        document: the run.
        directory: where they go; it is made if need be.

    Raises:
        OSError: a file cannot be written.
    """
    directory.mkdir(parents=True, exist_ok=True)
    written: list[Path] = []
    for stem, cases in _figures(document):
        for width in WIDTHS:
            with plots.style(stem):
                mpl.rcParams.update({"font.size": 7, "pdf.fonttype": 42, "axes.linewidth": 0.5})
                figure = _forest(cases, width)
                for kind, metadata in (("pdf", {"CreationDate": None}), ("svg", {"Date": None})):
                    path = directory / f"{stem}-{width}.{kind}"
                    with draft_of(path) as draft:
                        figure.savefig(draft, format=kind, metadata=metadata, facecolor="white")
                    written.append(path)
    return written


def _figures(document: ResultsDocument) -> Iterator[tuple[str, list[Case]]]:
    """The name of each figure, and its cases: those of a claim on a dataset, as many as a page has room for."""
    seen: set[str] = set()
    for claim, dataset in dict.fromkeys((case.claim, case.dataset) for case in document.claims):
        mine = [case for case in document.claims if (case.claim, case.dataset) == (claim, dataset)]
        drawable = sorted(filter(plots.drawable, mine), key=_by_recommender(mine))
        for number, start in enumerate(range(0, len(drawable), LINES), start=1):
            stem = re.sub(r"[^A-Za-z0-9.]+", "-", f"{claim}-{dataset}").strip("-.") or "figure"
            stem += f"-{number}" if len(drawable) > LINES else ""
            while stem in seen:  # names that differ in signs alone
                stem += "-other"
            seen.add(stem)
            yield stem, drawable[start : start + LINES]


def _by_recommender(cases: Sequence[Case]) -> Callable[[Case], int]:
    order = list(dict.fromkeys(case.recommender for case in cases))
    return lambda case: order.index(case.recommender)


def _palette() -> dict[str, str]:
    """The colours of the page in light mode."""
    light = shipped("page.css").partition("}")[0]
    return dict(re.findall(r"(--[\w-]+): (#[0-9a-f]{6})", light))


def _forest(cases: Sequence[Case], kind: str) -> Figure:
    """Effects with their intervals, a line each under their recommender, the margin as a band around zero."""
    palette, width = _palette(), WIDTHS[kind]
    recommenders = list(dict.fromkeys(case.recommender for case in cases))
    lines = len(cases) + len(recommenders)
    height = lines * _STEP + _FOOT + _HEAD
    left, right = (1.45, 0.08) if kind == "column" else (2.7, 1.35)
    figure = Figure(figsize=(width, height))
    axes = figure.add_axes(
        (left / width, _FOOT / height, (width - left - right) / width, lines * _STEP / height),
    )
    axes.set_ylim(lines, 0)
    plots.percent_axis(axes, [end for case in cases for end in (relative(case), *interval(case))], kind == "column")
    ink = {name: palette[colour(name)] for name in ("band", "rule", "text")}
    axes.axvspan(-100 * cases[0].margin, 100 * cases[0].margin, color=ink["band"], linewidth=0, zorder=0)
    axes.axvline(0, color=ink["rule"], linewidth=0.5, zorder=1)
    at = 0.5
    for recommender in recommenders:
        _text(axes, 0.03 - left, at, plots.shortened(recommender, _LETTERS[kind]), ink["text"], weight="bold")
        at += 1
        for case in (case for case in cases if case.recommender == recommender):
            _text(axes, 0.11 - left, at, plots.arms(case, _LETTERS[kind]), ink["text"])
            if kind == "page":
                _text(axes, width - left - 0.03, at, plots.effect_text(case), ink["text"], ha="right")
            _line(axes, at, case, palette)
            at += 1
    for text in (*axes.get_xticklabels(), axes.xaxis.label):
        text.set_color(ink["text"])
    _legend(figure, dict.fromkeys(case.verdict for case in cases), palette)
    return figure


def _text(axes: Axes, inches: float, y: float, text: str, ink: str, weight: str = "normal", ha: str = "left") -> None:
    """A text in a line, so many inches from the left end of the axes."""
    across = axes.get_position().width * axes.figure.get_figwidth()  # type: ignore[union-attr]
    axes.text(
        inches / across, y, text, transform=axes.get_yaxis_transform(), va="center", ha=ha, color=ink, weight=weight
    )


def _line(axes: Axes, y: float, case: Case, palette: dict[str, str]) -> None:
    """An effect with its interval; an end that is not known runs to the edge, dotted."""
    ink, (low, high), (left, right) = palette[colour(case.verdict)], interval(case), axes.get_xlim()
    known = low is not None and high is not None
    ends = (left if low is None else low, right if high is None else high)
    axes.plot(ends, (y, y), color=ink, linewidth=1, linestyle="-" if known else ":", solid_capstyle="butt")
    axes.plot([relative(case) or 0.0], [y], **_marker(case.verdict, ink))


def _marker(verdict: Verdict, ink: str) -> dict[str, Any]:
    style = STYLES[verdict]
    face = "white" if style.hollow else ink
    return {
        "linestyle": "none", "marker": style.marker, "markersize": 3.6, "markerfacecolor": face,
        "markeredgecolor": ink, "markeredgewidth": 0.8,
    }  # fmt: skip


def _legend(figure: Figure, verdicts: dict[Verdict, None], palette: dict[str, str]) -> None:
    """The verdicts that occur, above all."""
    handles = [Line2D([], [], **_marker(one, palette[colour(one)])) for one in verdicts]
    figure.legend(
        handles,
        [STYLES[verdict].text for verdict in verdicts],
        loc="upper right",
        ncols=len(handles),
        frameon=False,
        borderaxespad=0.2,
        handletextpad=0.1,
        columnspacing=0.8,
        labelcolor=palette["--text"],
    )
