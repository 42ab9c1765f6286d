"""What the page's template gets: the document, arranged; the template only lays it out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from recclaims.reporting import answer, plots, ranks, reproduce, tables
from recclaims.reporting.console import glued
from recclaims.reporting.styles import STYLES
from recclaims.reporting.words import counted

if TYPE_CHECKING:
    from recclaims._model.case_result import ClaimResult as Case
    from recclaims._model.results import ClaimStatement, DatasetCard, Environment, KeywordRow
    from recclaims._model.results import ResultsDocument as Document
    from recclaims._model.verdict import Verdict

#: The comparison that shows an encoder's gain, the best one first.
GAINS = (("content", "twin"), ("noise", "permuted"))
#: The claims that a page begins with.
_FIRST = ("noise", "content")
#: A forest plot of more cases than this is opened by whoever wants it: it is longer than two screens.
LONG = 60
#: The most cases that a plot shows, and that all of a page show: nobody reads more, and a case takes 10 ms to draw.
MOST, MOST_OF_ALL = 200, 1_000


def view(document: Document) -> dict[str, Any]:
    """Arrange a document of results.json for the template."""
    return {
        "document": document,
        "profile": tables.profile(document),
        "cases_counted": counted(len(document.claims), "case"),
        "counts": tables.counts(document),
        "improving": tables.improving(document),
        "replicates": tables.replicates(document.claims),
        "headlines": [(finding, glued(figures)) for finding, figures in map(tables.parted, document.headlines or ())],
        "questions": tables.questions(document),
        "undecided": answer.undecided(answer.plans(document)),
        "not_run": [(why, [case.case for case in cases]) for why, cases in answer.not_run(document)],
        "verdicts": {str(verdict): (style.symbol, style.text) for verdict, style in STYLES.items()},
        "rankings": list(_rankings(document)),
        "claims": list(_claims(document)),
        "boards": _boards(document),
        "cards": [(dataset.dataset, list(_card(dataset))) for dataset in document.datasets],
        "cases": [_row(document, case) for case in document.claims],
        "choices": {key: _distinct(document.claims, key) for key in ("claim", "dataset", "recommender", "verdict")},
        "planted": {dataset.dataset for dataset in document.datasets if dataset.planted},
        "gains": list(_gains(document)),
        "encoders": tables.encoder_rows(document),
        "costs": tables.cost_rows(document),
        "keywords": _records(document.keywords),
        "environment": list(_environment(document.environment)),
    }


def _distinct(entries: Sequence[object], key: str) -> list[str]:
    return list(dict.fromkeys(getattr(entry, key) for entry in entries))


def _grouped(cases: Sequence[Case], key: str) -> dict[str, list[Case]]:
    found: dict[str, list[Case]] = {}
    for case in cases:
        found.setdefault(getattr(case, key), []).append(case)
    return found


def _claims(document: Document) -> Iterator[dict[str, Any]]:
    found = _grouped(document.claims, "claim")
    by_claim = {claim: found[claim] for claim in sorted(found, key=_place)}
    by_dataset = {claim: _grouped(cases, "dataset") for claim, cases in by_claim.items()}
    most = _most([sum(map(plots.drawable, mine)) for found in by_dataset.values() for mine in found.values()])
    for number, (claim, cases) in enumerate(by_claim.items()):
        said = document.said_of(claim)
        yield {
            "id": claim,
            "version": cases[0].version,
            "statement": said.statement,
            "source": said.source.replace("`", ""),
            "claimed": _claimed(said),
            "margin": 100 * cases[0].margin,
            "metric": cases[0].metric,
            "forests": [
                # The numbers make ids unique on the page.
                _forest(claim, dataset, mine, f"forest-{number}-{n}", most)
                for n, (dataset, mine) in enumerate(by_dataset[claim].items())
            ],
        }


def _place(claim: str) -> int:
    """The claims that answer the question stand first: without them, what the others say cannot be read."""
    return _FIRST.index(claim) if claim in _FIRST else len(_FIRST)


def _most(counts: Sequence[int]) -> int:
    """How many cases each plot may show, so that all of them show MOST_OF_ALL at most, or one each."""
    return next((most for most in range(MOST, 1, -1) if sum(min(n, most) for n in counts) <= MOST_OF_ALL), 1)


def _claimed(said: ClaimStatement) -> str:
    """Where the claim says that the intervals lie; empty for a document that does not say."""
    if not said.model_fields_set:
        return ""
    if said.equivalence:
        return "Claimed: no difference, the whole interval inside the band."
    if said.not_better_than is not None:
        return f"Claimed: the whole interval to the left of {100 * said.not_better_than:+g} %."
    if said.not_worse_than is not None:
        return f"Claimed: the whole interval to the right of {-100 * said.not_worse_than:+g} %."
    greater = said.direction == "greater"
    bound = (said.at_least or 0.0) * (100 if greater else -100)
    place = f"{bound:+g} %" if bound else "zero"
    return f"Claimed: the whole interval to the {'right' if greater else 'left'} of {place}."


def _forest(claim: str, dataset: str, mine: Sequence[Case], name: str, most: int) -> dict[str, Any]:
    """The plot of a claim's cases on a dataset, in both layouts."""
    drawable = [case for case in mine if plots.drawable(case)]
    drawn = drawable[:most]
    label = f"Effects of {len(drawn)} cases of claim {claim} on {dataset}; the table of cases holds the numbers."
    drawings = {}
    for layout in ("wide", "narrow") if drawn else ():
        drawing = plots.forest(drawn, f"{name}-{layout}", label, layout == "narrow")
        drawings[layout] = Markup(drawing)  # noqa: S704 - escaped by ElementTree
    left_out = [case for case in mine if not plots.drawable(case)]
    return {
        "dataset": dataset,
        "drawn": len(drawn),
        "of": len(drawable),
        "long": len(drawn) > LONG,
        "left_out": left_out,
        **drawings,
    }


def _boards(document: Document) -> list[dict[str, Any]]:
    """A board for every dataset that claims are judged on, and one for the suite itself."""
    suite = tables.about_the_suite(document)
    own = {case.dataset for case in document.claims if case.claim in suite}
    own -= {case.dataset for case in document.claims if case.claim not in suite}
    boards = [_board(document, dataset) for dataset in document.datasets if dataset.dataset not in own]
    controls = _controls(document)
    return [*boards, controls] if controls else boards


def _board(document: Document, dataset: DatasetCard) -> dict[str, Any]:
    """How often each verdict was given, by claim and recommender; and both families side by side."""
    name, suite = dataset.dataset, tables.about_the_suite(document)
    cases = [case for case in document.claims if case.dataset == name and case.claim not in suite]
    return {
        "dataset": name,
        **_verdicts(cases, "claim"),
        "side_by_side": _side_by_side(document, name),
    }


def _side_by_side(document: Document, dataset: str) -> dict[str, Any]:
    """The columns, and rows of recommender, features, mean, rank and (effect, verdict) or None for each column."""
    columns, rows = tables.board(document, dataset)
    places = ranks.places(document, dataset)
    shown = [
        (name, features, real, places.get((name, features), ""),
         [case and (tables.effect(case), case.verdict) for case in cases])
        for name, features, real, cases in rows
    ]  # fmt: skip
    return {"columns": [": ".join(column) for column in columns], "rows": shown, "ranked": bool(places)}


def _rankings(document: Document) -> Iterator[dict[str, Any]]:
    """Each ranking's title, columns, rows with whether they may be the best, and what the ranks mean."""
    for ranking, told in zip(document.rankings, ranks.sentences(document), strict=True):
        columns, rows = ranks.rank_rows(ranking)
        best = [entry in ranking.best for entry in ranking.entries]
        yield {
            "title": ranks.title(ranking),
            "told": told,
            "columns": columns,
            "rows": list(zip(rows, best, strict=True)),
            "note": ranks.note(ranking),
        }


def _controls(document: Document) -> dict[str, Any] | None:
    """How often each verdict was given to the suite itself, by planted dataset and recommender; None: not asked."""
    suite = tables.about_the_suite(document)
    cases = [case for case in document.claims if case.claim in suite]
    return {"dataset": "the suite itself", **_verdicts(cases, "dataset"), "side_by_side": None} if cases else None


def _verdicts(cases: Sequence[Case], key: str) -> dict[str, Any]:
    """A row for every value of `key`, a column for every recommender; what selects the cases of a row."""
    recommenders = _distinct(cases, "recommender")
    counted = Counter((getattr(case, key), case.recommender, case.verdict) for case in cases)
    rows = []
    for label, own in _grouped(cases, key).items():
        selects = {"claim": own[0].claim, "dataset": own[0].dataset}
        rows.append((label, selects, [(r, _counts(counted, label, r)) for r in recommenders]))
    return {"recommenders": recommenders, "rows": rows}


def _counts(counted: Counter[tuple[str, str, Verdict]], label: str, recommender: str) -> list[tuple[Verdict, int]]:
    return [(verdict, n) for verdict in STYLES if (n := counted[label, recommender, verdict])]


def _card(dataset: DatasetCard) -> Iterator[tuple[str, str]]:
    yield "origin", "planted: simulated, not observed" if dataset.planted else "observed"
    for key, value in dataset.as_json().items():
        if key in {"dataset", "planted"} or value in ({}, []):
            continue
        if key == "parameters":
            yield key, ", ".join(f"{name} {said}" for name, said in dataset.parameters.items())
        elif key == "notes":
            yield key, "; ".join(dataset.notes)
        elif key == "density":
            yield key, f"{100 * value:.2f} %"
        elif key == "relevance":
            yield key, "every interaction" if value is None else f"ratings from {value:g}"
        else:
            yield key.replace("_", " "), f"{value:,}" if isinstance(value, int) else str(value)


def _row(document: Document, case: Case) -> dict[str, Any]:
    return {
        "case": case,
        "effect": tables.relative(case),
        "shown": tables.effect(case),
        "rank": list(STYLES).index(case.verdict),
        "command": reproduce.command(document, case),
    }


def _gains(document: Document) -> Iterator[dict[str, Any]]:
    """Cost against gain: per dataset, one drawing per recommender that has both."""
    for number, dataset in enumerate(_distinct(document.encoders, "dataset")):
        cases = [c for c in document.claims if c.dataset == dataset and plots.drawable(c)]
        pair = next((pair for pair in GAINS if any((c.claim, c.control) == pair for c in cases)), None)
        costs = {
            entry.encoder: 1000 / entry.items_per_second
            for entry in document.encoders
            if entry.dataset == dataset and entry.items_per_second
        }
        panels: list[tuple[str, Markup]] = []
        for recommender in _distinct(cases, "recommender"):
            points = [
                plots.Point(case.treatment, costs[case.treatment], case)
                for case in cases
                if (case.claim, case.control) == pair and case.recommender == recommender and case.treatment in costs
            ]
            if points and pair:
                label = f"Cost of {len(points)} encoders against their gain in {recommender} on {dataset}."
                drawing = plots.cost_and_gain(points, f"gain-{number}-{len(panels)}", label, f"gain over {pair[1]}, %")
                panels.append((recommender, Markup(drawing)))  # noqa: S704 - escaped by ElementTree
        if panels and pair:
            yield {"dataset": dataset, "claim": pair[0], "control": pair[1], "panels": panels}


def _records(records: Sequence[KeywordRow]) -> tuple[list[str], list[list[str]]] | None:
    """A table of flat records, a column for every key that any of them has; None where there are none."""
    if not records:
        return None
    rows = [record.as_json() for record in records]
    columns = list(dict.fromkeys(key for row in rows for key in row))
    return columns, [[_written(row.get(column)) for column in columns] for row in rows]


def _written(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.4g}"
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _environment(environment: Environment) -> Iterator[tuple[str, str]]:
    for key, value in environment.as_json().items():
        if key == "versions":
            yield from value.items()
        elif value is not None:
            yield key, str(value)
