"""What `recclaims order` prints: whether the order of encoders in a benchmark is their order in a run."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from recclaims._model.verdict import Verdict
from recclaims.data.rows_file import Rows
from recclaims.errors import RecclaimsError
from recclaims.judging.order import LEAST, rank_correlation
from recclaims.reporting.styles import STYLES
from recclaims.reporting.tables import plain

if TYPE_CHECKING:
    from recclaims._model.results import ResultsDocument

#: Columns of the benchmark's file.
ENCODER, SCORE = "encoder", "score"
EXPLAINED = (
    "Spearman's rank correlation of the benchmark's scores and the mean metric here; supported where its whole\n"
    "interval is above zero, contradicted where it is below."
)
HEADERS = ["data set", "recommender", "encoders", "Spearman [95 %]", "verdict", "reason"]


def read_scores(path: Path) -> dict[str, float]:
    """The scores of a benchmark, by encoder; more is better.

    Raises:
        RecclaimsError: a column is missing, a score is no number, an encoder is there twice, or no row is there.
    """
    found: dict[str, float] = {}
    for number, row in enumerate(Rows(path), start=1):
        where = f"{path}: row {number}"
        for column in (ENCODER, SCORE):
            if row.get(column) is None or not str(row[column]).strip():
                raise RecclaimsError(f"{where} has no {column}; write a column {ENCODER} and a column {SCORE}")
        name, said = str(row[ENCODER]).strip(), str(row[SCORE])
        try:
            score = float(said)
        except ValueError:
            score = math.nan
        if not math.isfinite(score):
            raise RecclaimsError(f"{where}: the score of {name} is '{said}', not a number")
        if name in found:
            raise RecclaimsError(f"{where}: {name} is there twice")
        found[name] = score
    if not found:
        raise RecclaimsError(f"{path} has no row")
    return found


def order_text(documents: Sequence[ResultsDocument], scores: Mapping[str, float], benchmark: str) -> str:
    """A line for each recommender on each data set, and what either side lacks.

    Raises:
        RecclaimsError: no run ranks an encoder.
    """
    measured = {key: means for document in documents for key, means in _measured(document)}
    if not measured:
        raise RecclaimsError("no run here ranks two arms or more; run -m noise with the encoders of the benchmark")
    lines = [[*key, *_line(means, scores)] for key, means in measured.items()]
    seen = {encoder for means in measured.values() for encoder in means}
    parts = [
        f"order: the order of encoders in {benchmark} is their order for recommenders.",
        plain(HEADERS, lines),
        EXPLAINED,
    ]
    parts += [
        f"{what}: {', '.join(sorted(names))}"
        for what, names in (
            (f"Not in {benchmark}", seen - scores.keys()),
            (f"Only in {benchmark}", scores.keys() - seen),
        )
        if names
    ]
    return "\n".join(parts) + "\n"


def _measured(document: ResultsDocument) -> Iterator[tuple[tuple[str, str], dict[str, float]]]:
    """By data set and recommender, the mean metric with each encoder's features."""
    for ranking in document.rankings:
        if ranking.ranked != "systems":
            continue
        found: dict[str, dict[str, float]] = {}
        for entry in ranking.entries:
            if entry.recommender and entry.features and entry.mean is not None:
                found.setdefault(entry.recommender, {})[entry.features] = entry.mean
        yield from (((ranking.dataset, name), means) for name, means in found.items())


def _line(means: Mapping[str, float], scores: Mapping[str, float]) -> list[str]:
    both = [encoder for encoder in means if encoder in scores]
    if len(both) < LEAST:
        word = STYLES[Verdict.NOT_RUN].word
        return [str(len(both)), "", word, f"of fewer than {LEAST} encoders an order says nothing"]
    found = rank_correlation([scores[one] for one in both], [means[one] for one in both])
    if found is None:
        return [str(len(both)), "", STYLES[Verdict.INADMISSIBLE].word, "all have one score"]
    shown = f"{found.rho:+.2f} [{found.low:+.2f}, {found.high:+.2f}]"
    return [str(found.count), shown, STYLES[found.verdict].word, ""]
