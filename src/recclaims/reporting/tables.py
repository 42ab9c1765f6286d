"""The tables, made from results.json alone: one row per case, and both families side by side."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from tabulate import tabulate

from recclaims._model.claim import JUDGED
from recclaims.features.encoded import shown_made
from recclaims.reporting.ranks import place_of_encoder, places
from recclaims.reporting.styles import STYLES
from recclaims.reporting.words import counted

if TYPE_CHECKING:
    from recclaims._model.case_result import ClaimResult
    from recclaims._model.results import DatasetCard, EncoderRow, Headline, KeywordRow, ResultsDocument


def percent(value: float | None, control_mean: float | None) -> str:
    """A difference relative to the control mean, as `+1.2`; empty where it cannot be said."""
    if value is None or not control_mean:
        return ""
    share = 100 * value / control_mean
    return f"{share:+.1f}" if math.isfinite(share) else ""


def relative(case: ClaimResult) -> float | None:
    """The effect in per cent of the control mean; None where it cannot be said."""
    return _share(case.effect, case.control_mean)


def interval(case: ClaimResult) -> tuple[float | None, float | None]:
    """The ends of the interval in per cent of the control mean; None where an end is open."""
    mean = case.control_mean
    low, high = (_share(bound, mean) for bound in case.ci)
    return low, high


def _share(value: float | None, mean: float | None) -> float | None:
    """A value in per cent of a mean; None where that is no number that a float holds."""
    if value is None or not mean:
        return None
    share = 100 * float(value) / mean
    return share if math.isfinite(share) else None


def effect(case: ClaimResult) -> str:
    """The relative effect with its interval, as `+1.2 % [-0.3, +2.7]`."""
    mean = case.control_mean
    if case.effect is None or not mean:
        return ""
    low, high = (percent(bound, mean) for bound in case.ci)
    return f"{percent(case.effect, mean)} % [{low}, {high}]"


def _mean(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"


def case_rows(document: ResultsDocument, claim: str) -> tuple[list[str], list[list[str]]]:
    """One row per case of a claim: means, relative effect with its interval, verdict and reason."""
    headers = ["case", "treatment", "control", "effect [95 % CI]", "verdict", "reason"]
    rows = [
        [
            case.case,
            _mean(case.treatment_mean),
            _mean(case.control_mean),
            effect(case),
            STYLES[case.verdict].word,
            case.reason,
        ]
        for case in document.claims
        if case.claim == claim
    ]
    return headers, rows


def about_the_suite(document: ResultsDocument) -> set[str]:
    """The claims that are about the suite itself, on planted data of their own."""
    return {claim for claim, said in document.statements.items() if said.planted}


def of_real_features(document: ResultsDocument, dataset: str) -> list[ClaimResult]:
    """A dataset's cases that can share a column called "real": not those whose treatment is noise, nor controls."""
    suite = about_the_suite(document)
    mine = (case for case in document.claims if case.dataset == dataset and case.claim not in suite)
    return [case for case in mine if not case.treatment_noise]


#: The comparisons that show an encoder's gain, and decide the question whether a recommender uses it.
GAINS = (("content", "twin"), ("noise", "permuted"))
#: The head of a column of ranks.
RANK = "rank"
#: A row of the board: recommender, features, the mean with them, and for each column its case, if there is one.
BoardRow = tuple[str, str, str, list["ClaimResult | None"]]


def board(document: ResultsDocument, dataset: str) -> tuple[list[tuple[str, str]], list[BoardRow]]:
    """A dataset's families side by side: one row per recommender and features, one column per claim and control.

    "Real beats noise" is never shown without "real beats the feature-free twin": a column whose cases were
    not selected stays, and says so.
    """
    cases = of_real_features(document, dataset)
    compared = list(dict.fromkeys((case.claim, case.control) for case in cases))
    claims = {claim for claim, _ in compared}
    # What decides a question stands first: on one screen, and however many controls follow.
    columns = [gain for gain in reversed(GAINS) if gain in compared or gain[0] not in claims]
    columns += [column for column in compared if column not in columns]
    found = {(c.recommender, c.treatment, c.claim, c.control): c for c in cases}
    rows: list[BoardRow] = []
    for recommender, treatment in dict.fromkeys((c.recommender, c.treatment) for c in cases):
        mine = [found.get((recommender, treatment, *column)) for column in columns]
        real = next((c.treatment_mean for c in mine if c and c.treatment_mean is not None), None)
        rows.append((recommender, treatment, _mean(real), mine))
    return columns, rows


def board_rows(document: ResultsDocument, dataset: str) -> tuple[list[str], list[list[str]]]:
    """The board as text: each entry is an effect with its interval and verdict."""
    columns, rows = board(document, dataset)
    ranks = places(document, dataset)
    headers = [
        "recommender",
        "features",
        "real",
        *_ranked(ranks),
        *(f"{claim}: {control}" for claim, control in columns),
    ]
    return headers, [
        [name, features, real, *_ranked(ranks, name, features), *map(_board_entry, cases)]
        for name, features, real, cases in rows
    ]


def _ranked(ranks: Mapping[tuple[str | None, str | None], str], *row: str) -> list[str]:
    """The column of ranks, or a row's entry in it; nothing where nothing was ranked."""
    if not ranks:
        return []
    return [ranks.get((row[0], row[1]), "")] if row else [RANK]


def _board_entry(case: ClaimResult | None) -> str:
    if case is None:
        return "-"
    shown = effect(case)
    return f"{shown} {STYLES[case.verdict].word}" if shown else STYLES[case.verdict].word


def card(dataset: DatasetCard) -> str:
    """A dataset in one line."""
    planted = ", planted interactions" if dataset.planted else ""
    if dataset.parameters:
        planted += f" ({', '.join(f'{key} {value}' for key, value in dataset.parameters.items())})"
    marked = dataset.items_with_markup
    markup = f" ({marked:,} with HTML tags or entities in it)" if marked else ""
    threshold = "every interaction" if dataset.relevance is None else f"ratings from {dataset.relevance:g}"
    return (
        f"{dataset.dataset}: {dataset.users:,} users, {dataset.items:,} items, "
        f"{dataset.interactions:,} interactions (density {100 * dataset.density:.2f} %){planted}; "
        f"items with image {dataset.items_with_image:,}, text {dataset.items_with_text:,}{markup}, "
        f"both {dataset.items_with_both:,}, attributes {dataset.items_with_attributes:,}; "
        f"split {dataset.split}, relevant: {threshold}" + "".join(f"; {note}" for note in dataset.notes)
    )


def encoder_rows(document: ResultsDocument) -> tuple[list[str], list[list[str]]]:
    """One row per encoder and dataset: size, speed, and what was missing, empty or repeated."""
    headers = [
        "encoder",
        "dataset",
        "items",
        "dimension",
        "items/s",
        "imputed",
        "zero rows",
        "duplicate rows",
    ]
    rows = []
    for e in document.encoders:
        speed = "" if e.items_per_second is None else _speed(e.items_per_second)
        sizes = [f"{size:,}" for size in (e.items, e.dimension)]
        counts = [f"{count:,}" for count in (e.imputed, e.zero_rows, e.duplicate_rows)]
        rows.append([e.encoder, e.dataset, *sizes, speed, *counts])
    if any(e.partly_imputed for e in document.encoders):
        headers.append("partly imputed")
        for e, row in zip(document.encoders, rows, strict=True):
            row.append(f"{e.partly_imputed:,}")
    if any(e.leakage for e in document.encoders):
        headers.append("knows held-out interactions")
        for e, row in zip(document.encoders, rows, strict=True):
            row.append(e.leakage.partition(": ")[2])
    if any(e.modality_gap for e in document.encoders):
        headers.append("images and texts in one space")
        for e, row in zip(document.encoders, rows, strict=True):
            row.append(e.modality_gap)
    if any(e.made for e in document.encoders):  # both show in the last digits, and are not in the key
        headers.append("made on")
        for e, row in zip(document.encoders, rows, strict=True):
            row.append(shown_made([one.as_json() for one in e.made]))
    return headers, rows


def cost_rows(document: ResultsDocument) -> tuple[list[str], list[list[str]]]:
    """What each encoder costs beside what it brings: one row per encoder and dataset.

    The gain is the largest relative effect over recommenders, which flatters an encoder that met many of them.
    """
    price = document.price_per_hour
    headers = ["encoder", "dataset", "items/s", "s/1,000 items", "peak MB", "GPU MB", "tokens/item"]
    headers += [] if price is None else ["cost/1,000 items"]
    headers += [RANK, *(f"{claim}: {control}, best" for claim, control in GAINS)]
    rows = []
    for e in document.encoders:
        speed, tokens = e.items_per_second, e.generated_tokens
        encoded = e.items - e.imputed
        row = [e.encoder, e.dataset, *(["", ""] if not speed else [_speed(speed), _digits(1000 / speed)])]
        row += ["" if memory is None else f"{memory:,.0f}" for memory in (e.peak_mb, e.gpu_peak_mb)]
        row.append(_digits(tokens / encoded) if tokens and encoded else "")
        if price is not None:
            row.append(_digits(1000 / speed / 3600 * price) if speed else "")
        row.append(place_of_encoder(document, e.dataset, e.encoder))
        rows.append([*row, *(_best(document, e, *gain) for gain in GAINS)])
    # What nobody knows of any encoder is no column.
    kept = [i for i, head in enumerate(headers) if head not in ("GPU MB", RANK) or any(row[i] for row in rows)]
    return [headers[i] for i in kept], [[row[i] for i in kept] for row in rows]


def _best(document: ResultsDocument, encoder: EncoderRow, claim: str, control: str) -> str:
    """The case of the largest relative effect, with its recommender."""
    wanted = (encoder.dataset, encoder.encoder, claim, control)
    found = [c for c in document.claims if (c.dataset, c.treatment, c.claim, c.control) == wanted]
    shown = [(value, c) for c in found if (value := relative(c)) is not None]
    if not shown:
        return ""
    best = max(shown, key=lambda pair: pair[0])[1]
    return f"{best.recommender} {effect(best)}"


def keyword_rows(records: Sequence[KeywordRow]) -> tuple[list[str], list[list[str]]]:
    """One row per encoder of keywords, dataset and slot: how answers kept to the format, and what the slot holds."""
    headers = ["keywords", "dataset", "slot", "answers", "as asked", "refused", "drifted"]
    headers += ["missing", "distinct", "bits", "Other", "examples"]
    rows = [
        [
            record.encoder,
            record.dataset,
            record.slot,
            f"{record.answers:,}",
            "" if record.compliance is None else f"{record.compliance:.1%}",
            *(f"{count:,}" for count in (record.refusals, record.drifted, record.missing, record.distinct)),
            f"{record.entropy:.2f}",
            f"{record.other:.1%}",
            ", ".join(record.examples),
        ]
        for record in records
    ]
    if any(record.image_by for record in records):
        headers += ["own image", "of other images"]
        for record, row in zip(records, rows, strict=True):
            row.append("" if record.image_rank is None else f"{record.image_rank:.2f}")
            row.append("" if record.image_foreign is None else f"at most {record.image_foreign:.0%}")
    return headers, rows


def _digits(value: float) -> str:
    """Three significant digits, thousands separated."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _speed(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 else f"{value:.2g}"  # a slow encoder is not one that stands still


def counts(document: ResultsDocument) -> str:
    """How many cases got which verdict, in one line."""
    return counts_of(document.claims)


def counts_of(cases: Sequence[ClaimResult]) -> str:
    """How many of these cases got which verdict, in one line."""
    verdicts = [case.verdict for case in cases]
    return ", ".join(f"{verdicts.count(v)} {style.text}" for v, style in STYLES.items() if v in verdicts)


def replicates(cases: Sequence[ClaimResult]) -> str:
    """How many replicates cases took, in words: they differ, as each takes as many as decide it."""
    taken = [case.n_seeds for case in cases if case.n_seeds]
    if not taken:
        return "no replicates"
    least, most = min(taken), max(taken)
    return counted(most, "replicate") if least == most else f"{least} to {most} replicates"


def questions(document: ResultsDocument) -> str:
    """How many questions a run asked and how many false answers that allows; empty where it asked none."""
    n = len(document.headlines or ())
    if not n:
        return ""
    asked = f"{counted(n, 'question')}, {'each ' if n > 1 else ''}answered"
    return f"{asked} wrongly at most 5 % of the time: expect at most {0.05 * n:.1f} false answers."


def parted(headline: Headline) -> tuple[str, str]:
    """A headline's finding, and its figures; the second is empty where it cannot be cut."""
    subject = f" {headline.features} on {headline.dataset}"
    finding, found, figures = headline.sentence.partition(f"{subject}: ")
    return (finding + subject, figures) if found else (headline.sentence, "")


def verb(headline: Headline) -> str:
    """What a headline says that a recommender does with its features, as in `may or may not use`."""
    finding, _ = parted(headline)
    return (
        finding.removeprefix(headline.recommender).removesuffix(f" {headline.features} on {headline.dataset}").strip()
    )


def improving(document: ResultsDocument) -> str:
    """How many trained cells were best in the last epoch that they were allowed, and whose; empty where none was."""
    trained = [cell for cell in document.cells if cell.epochs]
    names = [cell.recommender for cell in trained if cell.best_is_last]
    if not names:
        return ""
    whose = ", ".join(f"{name} {names.count(name)}" for name in dict.fromkeys(names))
    cells = counted(len(trained), "trained cell")
    return (
        f"The best epoch was the last one allowed in {len(names):,} of {cells} ({whose}): "
        "more training might change the answer."
    )


#: Columns of numbers in the tables of encoders.
ENCODER_NUMBERS = (
    "items", "dimension", "items/s", "imputed", "partly imputed", "zero rows", "duplicate rows", "s/1,000 items",
    "peak MB", "GPU MB", "tokens/item", "cost/1,000 items",
)  # fmt: skip
_NUMERIC = {"treatment", "control", "real", *ENCODER_NUMBERS}
_NUMERIC |= {RANK, "replicates", JUDGED, "answers", "as asked", "refused", "missing", "distinct", "bits", "Other"}
#: Where a reason goes on in the next line: a terminal is not a page.
_REASON_WIDTH = 60


def profile(document: ResultsDocument) -> str:
    """The profile, and the file of hyper-parameters that were laid over it."""
    own = document.hyperparameters.file
    return f"{document.profile} with {own}" if own else document.profile


def plain(headers: Sequence[str], rows: Sequence[Sequence[str]], style: str = "simple") -> str:
    """Lay a table out with tabulate; numbers stay as they are written, and on a terminal long reasons are wrapped."""
    if not rows:
        return tabulate([], headers=list(headers), tablefmt=style)
    wrapped = [_REASON_WIDTH if header == "reason" and style == "simple" else None for header in headers]
    return tabulate(
        rows,
        headers=list(headers),
        tablefmt=style,
        disable_numparse=True,
        colalign=["right" if header in _NUMERIC else "left" for header in headers],
        maxcolwidths=wrapped,
    )
