"""What is listed, found or not: metrics of the first K places of everybody's list, K up to LIST_LENGTH.

| name | of | value | source |
|---|---|---|---|
| `coverage@K` | the run | share of the catalogue that is in somebody's list | Ge, Delgado-Battenfeld & Jannach, RecSys 2010 |
| `gini@K` | the run | Gini index of how often items are listed: 0 all alike, near 1 one item | Fleder & Hosanagar, Management Science 55(5), 2009 |
| `aplt@K` | a user | share of long-tail items in the list | Abdollahpouri, Burke & Mobasher, FLAIRS 2019 |
| `novelty@K` | a user | mean of log2(users / users who had the item in train) | Zhou et al., PNAS 107(10), 2010 |
| `ils@K` | a user | mean cosine similarity of the pairs of a list, by given features | Ziegler et al., WWW 2005 |

The long tail is all but the short head, the most popular items that together have 80 % of the train interactions, the
item that crosses the 80 % among them. So Elliot cuts it (`evaluation/popularity_utils.py`, `pop_ratio` 0.8); the paper of
`aplt` only draws the head as the most popular fifth of the items (figure 1). Here, of items as popular as the last of the
head all are in it, so that no order of the catalogue decides. For novelty, what
nobody had counts as had by one user. A list may be shorter than K, where there are fewer candidates.
"""  # noqa: E501 - a table's row is a line

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

Floats = NDArray[np.float64]

#: How many places of a list are kept.
LIST_LENGTH = 50
#: Share of the train interactions that the short head has.
HEAD = 0.8


@dataclass(frozen=True)
class Catalogue:
    """What lists are looked at with.

    Attributes:
        popularity: how many users had each item in train, int64 (n_items,).
        n_users: users of the dataset.
        features: one row per item, float (n_items, d); only `ils` asks for them.
    """

    popularity: NDArray[np.int64]
    n_users: int
    features: NDArray[np.floating] | None = None

    @property
    def tail(self) -> NDArray[np.bool_]:
        """The long tail, bool (n_items,)."""
        falling = np.sort(self.popularity)[::-1]
        enough = np.searchsorted(np.cumsum(falling), HEAD * falling.sum())
        found: NDArray[np.bool_] = self.popularity < falling[min(enough, len(falling) - 1)]
        return found


def _counts(lists: NDArray[np.int64], n_items: int) -> NDArray[np.int64]:
    return np.bincount(lists[lists < n_items], minlength=n_items)


def _mean(lists: NDArray[np.int64], value: Floats) -> Floats:
    """Mean of a value of items, over what each list holds; NaN where it holds nothing."""
    there = lists < len(value)
    with np.errstate(invalid="ignore"):
        mean: Floats = np.where(there, np.append(value, 0.0)[lists], 0.0).sum(axis=1) / there.sum(axis=1)
    return mean


def _coverage(lists: NDArray[np.int64], catalogue: Catalogue) -> float:
    return float((_counts(lists, len(catalogue.popularity)) > 0).mean())


def _gini(lists: NDArray[np.int64], catalogue: Catalogue) -> float:
    counts = np.sort(_counts(lists, len(catalogue.popularity)))
    n = len(counts)
    places = 2 * np.arange(1, n + 1) - n - 1
    return float((places * counts).sum() / (n * counts.sum())) if counts.any() else float("nan")


def _aplt(lists: NDArray[np.int64], catalogue: Catalogue) -> Floats:
    return _mean(lists, catalogue.tail.astype(np.float64))


def _novelty(lists: NDArray[np.int64], catalogue: Catalogue) -> Floats:
    return _mean(lists, np.log2(catalogue.n_users / np.maximum(catalogue.popularity, 1)))


def _ils(lists: NDArray[np.int64], catalogue: Catalogue) -> Floats:
    if catalogue.features is None:
        raise ValueError("ils asks for features, one row per item")
    norms = np.linalg.norm(catalogue.features, axis=1, keepdims=True)
    unit = np.divide(catalogue.features, norms, out=np.zeros(catalogue.features.shape), where=norms > 0)
    there = lists < len(unit)
    rows = np.nonzero(there)[0]
    chosen = sp.csr_matrix((np.ones(len(rows)), (rows, lists[there])), shape=(len(lists), len(unit)))
    # The square of a sum holds every pair twice, and every item with itself.
    own, n = chosen @ np.square(unit).sum(axis=1), there.sum(axis=1)
    both = np.square(chosen @ unit).sum(axis=1) - own
    with np.errstate(invalid="ignore", divide="ignore"):
        mean: Floats = both / (n * (n - 1))
    mean[n < 2] = np.nan
    return mean


@dataclass(frozen=True)
class _Kind:
    """A metric of lists, int64 (n_lists, K), whose missing places are n_items; `of_users`: see Metric.of_users."""

    values: Callable[[NDArray[np.int64], Catalogue], float | Floats]
    of_users: bool


#: Every metric of lists by name.
LIST_METRICS = {
    "coverage": _Kind(_coverage, of_users=False),
    "gini": _Kind(_gini, of_users=False),
    "aplt": _Kind(_aplt, of_users=True),
    "novelty": _Kind(_novelty, of_users=True),
    "ils": _Kind(_ils, of_users=False),
}
