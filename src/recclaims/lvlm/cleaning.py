"""From the words of an answer to the values of a slot: the paper's cleaning of keywords.

Lower case and lemmas; keywords of like meaning in one cluster, named by its most frequent member (over all
slots, as in the authors' script); of each slot the 50 most frequent values, the rest `Other`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

#: Cosine distance up to which two clusters are one, linked by the average; the paper's value.
DISTANCE = 0.45
#: Values kept in each slot; the paper's value.
TOP = 50
OTHER = "Other"

#: Slot -> values of one item.
Row = Mapping[str, tuple[str, ...]]
Embed = Callable[[Sequence[str]], NDArray[np.float32]]


def normalise(keyword: str) -> str:
    """Lower case, single spaces, every word by its English lemma: `Young Adults` -> `young adult`."""
    return " ".join(_lemma(word) for word in keyword.lower().split())


@cache
def _lemma(word: str) -> str:
    import simplemma

    # A word that the dictionary lacks (a name, another script) comes back as it is.
    return str(simplemma.lemmatize(word, lang="en")).lower()


def clusters(keywords: Counter[str], embed: Embed, distance: float = DISTANCE) -> dict[str, str]:
    """Map every keyword to the most frequent one of its cluster (equals: the first in the alphabet).

    Args:
        keywords: distinct keywords with their counts, n of them. Memory grows with n squared: 10,000 take 1 GB.
        embed: n texts -> float32 (n, d).
        distance: see DISTANCE.
    """
    distinct = sorted(keywords)
    if len(distinct) < 2:
        return {keyword: keyword for keyword in distinct}
    from sklearn.cluster import AgglomerativeClustering
    from sklearn.metrics.pairwise import cosine_distances

    model = AgglomerativeClustering(
        n_clusters=None, metric="precomputed", linkage="average", distance_threshold=distance
    )
    labels = model.fit_predict(cosine_distances(embed(distinct)))
    named: dict[int, str] = {}
    for keyword, label in zip(distinct, labels, strict=True):
        if keywords[keyword] > keywords.get(named.get(label, ""), 0):
            named[label] = keyword
    return {keyword: named[label] for keyword, label in zip(distinct, labels, strict=True)}


def clean(
    rows: Sequence[Row], embed: Embed, distance: float = DISTANCE, top: int = TOP
) -> list[dict[str, tuple[str, ...]]]:
    """Clean the keywords of a catalogue; see the module.

    Args:
        rows: raw keywords by slot, one row per item; a slot without an answer is absent and stays so.
        embed, distance: see clusters.
        top: values kept in each slot.
    """
    normal = [{slot: _once(map(normalise, values)) for slot, values in row.items()} for row in rows]
    counts = Counter(keyword for row in normal for values in row.values() for keyword in values)
    named = clusters(counts, embed, distance)
    merged = [{slot: _once(named[value] for value in values) for slot, values in row.items()} for row in normal]
    kept = {slot: _most_frequent(merged, slot, top) for slot in dict.fromkeys(slot for row in merged for slot in row)}
    return [
        {slot: _once(value if value in kept[slot] else OTHER for value in values) for slot, values in row.items()}
        for row in merged
    ]


def _once(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(values))


def _most_frequent(rows: Sequence[Row], slot: str, top: int) -> frozenset[str]:
    counts = Counter(value for row in rows for value in row.get(slot, ()))
    # Equal counts in the order of the alphabet: the order of the items must not decide.
    return frozenset(sorted(counts, key=lambda value: (-counts[value], value))[:top])
