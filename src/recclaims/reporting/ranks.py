"""Who ranks where, in the words and columns of the reports: no place is named that the run cannot tell from another."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from recclaims._model.ranking import RankedEntry, Ranking
    from recclaims._model.results import ResultsDocument
    from recclaims.judging.rankings import Ranking as Found

#: What is ranked, as a heading says it.
_TITLES = {
    "systems": "Recommenders with their features",
    "encoders": "Encoders",
    "recommenders": "Recommenders",
}


def as_json(ranking: Found, shown: Mapping[str, str]) -> dict[str, Any]:
    """A ranking as results.json holds it; `shown` says what people call the encoders."""
    entries = [
        {
            "recommender": recommender,
            "features": features and shown.get(features, features),
            **asdict(rank),
            "mean": rank.mean if math.isfinite(rank.mean) else None,
        }
        for recommender, features, rank in ranking.entries
    ]
    return {**asdict(ranking), "over": [shown.get(name, name) for name in ranking.over], "entries": entries}


def places(document: ResultsDocument, dataset: str) -> dict[tuple[str | None, str | None], str]:
    """The rank intervals of a dataset's systems, by recommender and features; empty where nothing was ranked."""
    found = (one for one in document.rankings if one.dataset == dataset and one.ranked == "systems")
    return {(entry.recommender, entry.features): entry.rank for one in found for entry in one.entries}


def place_of_encoder(document: ResultsDocument, dataset: str, encoder: str) -> str:
    """The rank interval of an encoder among those of a dataset; empty where they were not ranked."""
    of_encoders = (one for one in document.rankings if one.dataset == dataset and one.ranked == "encoders")
    return next((entry.rank for one in of_encoders for entry in one.entries if entry.features == encoder), "")


def name(entry: RankedEntry) -> str:
    """One of the ranked, for people."""
    return " ".join(part for part in (entry.recommender, entry.features) if part)


def title(ranking: Ranking) -> str:
    """What is ranked, and over what."""
    over = f", mean over {', '.join(ranking.over)}" if ranking.over else ""
    return f"{_TITLES[ranking.ranked]} on {ranking.dataset}{over}"


def rank_rows(ranking: Ranking) -> tuple[list[str], list[list[str]]]:
    """One row per entry, best first: its ranks, its name, its mean, and the replicates that it rests on."""
    headers = ["rank", ranking.ranked.removesuffix("s"), ranking.metric, "replicates"]
    rows = [
        [entry.rank, name(entry), "" if entry.mean is None else f"{entry.mean:.4f}", str(entry.replicates)]
        for entry in ranking.entries
    ]
    return headers, rows


def note(ranking: Ranking) -> str:
    """What the ranks of a table mean."""
    return (
        f"Ranks that each may have, by {ranking.metric}: all of them hold together with "
        f"{100 * (1 - ranking.level):g} % confidence."
    )


def sentences(document: ResultsDocument) -> Iterator[str]:
    """Who is best, in a sentence for every ranking."""
    for ranking in document.rankings:
        of, n = title(ranking), len(ranking.entries)
        if not ranking.best:
            yield f"{of}: of {n}, none was found better than another"
        elif len(ranking.best) == 1:
            yield f"{of}: {name(ranking.best[0])} is the best of {n}"
        else:
            best = ", ".join(name(entry) for entry in ranking.best)
            yield f"{of}: the best of {n} is one of {best}"
