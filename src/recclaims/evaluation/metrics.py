"""Rank metrics of every user at any cut-off, from the ranks of what was to be found; nothing is scored for them.

With R a user's relevant items, of which one at rank r is the r-th of all candidates (1: the first):

| name | value | source |
|---|---|---|
| `recall@K` | share of R at ranks up to K | Manning, Raghavan & Schütze 2008, ch. 8 |
| `precision@K` | the same number over K | the same |
| `hit@K` | 1 where one of R is at a rank up to K, else 0 | Deshpande & Karypis, ACM TOIS 22(1), 2004 |
| `ndcg@K` | sum of 1/log2(r+1) up to K over that of the best order, of min(K, size of R) items | Järvelin & Kekäläinen, ACM TOIS 20(4), 2002 |
| `map@K` | sum over hits up to K of the precision at their ranks, over min(K, size of R) | Manning et al., ch. 8 |
| `mrr@K`, `mrr` | 1/r of the first of R; 0 where it is beyond K | Voorhees, TREC-8, 1999 |
| `smooth_recall` | mean over R of exp(-r/20) | recall@K for all K at once, see below |

The first six equal RecBole's. `smooth_recall` is the expectation of recall@K for a random K = the whole part of an
exponential variable of mean 20, which is a geometric K from 0 on: P(K >= r) = exp(-r/20). Those are the weights that
rank-biased precision gives to places (Moffat & Zobel, ACM TOIS 27(1), 2008; persistence exp(-1/20)), averaged over the
relevant items. A single item in first place is worth exp(-1/20) = 0.951; nothing is 0.

A user without a relevant item has no value (NaN), not a zero. `fixed` says whose value no ranking could change.
"""  # noqa: E501 - a table's row is a line

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recclaims.errors import UnknownNameError
from recclaims.evaluation.lists import LIST_LENGTH, LIST_METRICS

Floats = NDArray[np.float64]

CUTOFFS = (10, 20)
#: What every report carries; any other is computed when it is asked for.
METRICS = (*(f"{metric}@{k}" for metric in ("recall", "ndcg", "hit") for k in CUTOFFS), "smooth_recall")
#: What stands beside what claims are judged by.
PRIMARY = "recall@20"
#: The mean of the exponential variable whose whole part is the K of smooth_recall.
SMOOTH = 20.0
#: Numbers of the widest table at once.
AT_ONCE = 2**22


@dataclass(frozen=True)
class Ranks:
    """Where the relevant items of every user came.

    Attributes:
        wanted: how many relevant items each user has, int64 (n_users,).
        users, ranks: of the relevant items that are ranked, by user and then by rank, int64 (n,); 1 is the first.
            Those that are left out are beyond any cut-off that is asked for.
    """

    wanted: NDArray[np.int64]
    users: NDArray[np.int64]
    ranks: NDArray[np.int64]

    @classmethod
    def of(cls, wanted: NDArray[np.int64], users: NDArray[np.int64], ranks: NDArray[np.int64]) -> Ranks:
        """Sort the ranks of items in any order."""
        # Both as one number: numbers are sorted in a fraction of the time that it takes to find their order.
        stride = int(ranks.max(initial=0)) + 1
        both = users * stride + ranks
        both.sort()
        return cls(wanted, *np.divmod(both, stride))

    def summed(self, values: NDArray[np.float64] | NDArray[np.bool_]) -> Floats:
        """Sum of a value of each ranked item, by user: float64 (n_users,)."""
        found: Floats = np.bincount(self.users, values, minlength=len(self.wanted)).astype(np.float64, copy=False)
        return found

    def upto(self, k: int) -> Ranks:
        """Those at ranks up to k."""
        found = self.ranks <= k
        return Ranks(self.wanted, self.users[found], self.ranks[found])


def _recall(ranks: Ranks, k: int) -> Floats:
    found: Floats = ranks.summed(ranks.ranks <= k) / ranks.wanted
    return found


def _precision(ranks: Ranks, k: int) -> Floats:
    found: Floats = ranks.summed(ranks.ranks <= k) / k
    return found


def _hit(ranks: Ranks, k: int) -> Floats:
    return (ranks.summed(ranks.ranks <= k) > 0).astype(np.float64)


def _ndcg(ranks: Ranks, k: int) -> Floats:
    most = int(max(ranks.wanted.max(initial=1), ranks.ranks.max(initial=1)))
    k = min(k, most)  # beyond it is nothing to add, in the list or in the best order
    discount = 1.0 / np.log2(np.arange(2, k + 2))
    ideal = np.concatenate(([0.0], np.cumsum(discount)))
    found = ranks.upto(k)
    gained = np.zeros(len(ranks.wanted))
    block = max(1, AT_ONCE // k)
    for start in range(0, len(gained), block):
        first, last = np.searchsorted(found.users, (start, start + block))
        hits = np.zeros((min(block, len(gained) - start), k))
        hits[found.users[first:last] - start, found.ranks[first:last] - 1] = 1
        gained[start : start + block] = hits @ discount
    return gained / ideal[np.minimum(ranks.wanted, k)]


def _map(ranks: Ranks, k: int) -> Floats:
    found = ranks.upto(k)
    # The how manieth of its user's each is: they are sorted.
    number = np.arange(len(found.users)) - np.searchsorted(found.users, found.users) + 1
    gained: Floats = found.summed(number / found.ranks) / np.minimum(ranks.wanted, k)
    return gained


def _mrr(ranks: Ranks, k: int | None) -> Floats:
    found = ranks if k is None else ranks.upto(k)
    users, first = np.unique(found.users, return_index=True)
    reciprocal = np.zeros(len(ranks.wanted))
    reciprocal[users] = 1.0 / found.ranks[first]
    return reciprocal


def _smooth_recall(ranks: Ranks, k: None) -> Floats:
    found: Floats = ranks.summed(np.exp(-ranks.ranks / SMOOTH)) / ranks.wanted
    return found


@dataclass(frozen=True)
class _Kind:
    """A rank metric before its cut-off: `cutoff` is whether it takes one, None where it may."""

    values: Callable[..., Floats]
    cutoff: bool | None = True


#: Every rank metric by name.
RANK_METRICS = {
    "recall": _Kind(_recall),
    "ndcg": _Kind(_ndcg),
    "hit": _Kind(_hit),
    "precision": _Kind(_precision),
    "map": _Kind(_map),
    "mrr": _Kind(_mrr, cutoff=None),
    "smooth_recall": _Kind(_smooth_recall, cutoff=False),
}


@dataclass(frozen=True)
class Metric:
    """A metric with its cut-off.

    Attributes:
        name: of RANK_METRICS or LIST_METRICS.
        cutoff: how many places of a list count; None: all.
    """

    name: str
    cutoff: int | None = None

    def __str__(self) -> str:
        return self.name if self.cutoff is None else f"{self.name}@{self.cutoff}"

    @property
    def of_lists(self) -> bool:
        """Whether it looks at what is listed, found or not."""
        return self.name in LIST_METRICS

    @property
    def of_users(self) -> bool:
        """Whether a cell alone gives every user a value, so that two cells can be compared in it."""
        return not self.of_lists or LIST_METRICS[self.name].of_users

    def values(self, ranks: Ranks) -> Floats:
        """The value of every user of a rank metric, float64 (n_users,), NaN for those without a relevant item."""
        with np.errstate(invalid="ignore", divide="ignore"):
            values = RANK_METRICS[self.name].values(ranks, self.cutoff)
        values[ranks.wanted == 0] = np.nan
        return values

    def fixed(self, wanted: NDArray[np.int64], candidates: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Whose values are the same whatever is recommended, as where a list holds all there is to choose from.

        With C candidates, R of them relevant: a list of K holds at least K - (C - R) relevant items and at most
        min(K, R). Where that is one number, recall and precision are fixed; where it holds one for certain, so is
        the hit; the others ask for the order, too, which is fixed only where every candidate is relevant. What
        describes lists is fixed where they hold all candidates.

        Args:
            wanted: how many relevant items a user has, int64 (n_users,).
            candidates: how many items can be recommended to them, int64 (n_users,).

        Returns:
            bool (n_users,), False for users without a relevant item.
        """
        others, k = candidates - wanted, self.cutoff or 0
        if self.of_lists:
            same = candidates <= k
        elif self.name in ("recall", "precision"):
            same = np.minimum(k, wanted) == np.maximum(np.minimum(k, candidates) - others, 0)
        elif self.name == "hit":
            same = others < k
        else:
            same = others == 0
        found: NDArray[np.bool_] = (wanted > 0) & same
        return found


def parse_metric(text: object, where: str = "") -> Metric:
    """Read a metric's name: `ndcg@37`, `smooth_recall`, `coverage@20`.

    Args:
        text: the name.
        where: who named it, put before a message.

    Raises:
        UnknownNameError: there is none of this name, or its cut-off is missing, too large or too much.
    """
    prefix = f"{where}: " if where else ""
    name, mark, cutoff = str(text).partition("@")
    takes = _takes(name)
    if takes == "unknown" or not isinstance(text, str):
        near = difflib.get_close_matches(name.lower(), [*RANK_METRICS, *LIST_METRICS], n=1, cutoff=0.5)
        meant = [f"{one}{mark}{cutoff}" if _takes(one) != "none" else one for one in near]
        hint = f"did you mean '{meant[0]}'? " if meant else ""
        raise UnknownNameError(f"{prefix}unknown metric '{text}'; {hint}known: {', '.join(_known())}")
    if mark and takes == "none":
        raise UnknownNameError(f"{prefix}metric '{text}': {name} takes no cut-off; write '{name}'")
    if not mark and takes == "cut-off":
        raise UnknownNameError(f"{prefix}metric '{text}' needs a cut-off; write '{name}@20'")
    if not mark:
        return Metric(name)
    if not re.fullmatch(r"[1-9][0-9]{0,8}", cutoff):
        raise UnknownNameError(f"{prefix}metric '{text}': '{cutoff}' is not a list length; write '{name}@20'")
    if name in LIST_METRICS and int(cutoff) > LIST_LENGTH:
        raise UnknownNameError(
            f"{prefix}metric '{text}': lists are kept up to {LIST_LENGTH}; write '{name}@{LIST_LENGTH}' or less"
        )
    return Metric(name, int(cutoff))


def check_comparable(text: object, where: str = "") -> Metric:
    """Read the name of a metric that cells can be compared in, user by user.

    Raises:
        UnknownNameError: as parse_metric, or it is one of a whole catalogue, or of features.
    """
    metric = parse_metric(text, where)
    if not metric.of_users:
        known = [one for one in _known() if parse_metric(one.replace("@K", "@1")).of_users]
        prefix = f"{where}: " if where else ""
        raise UnknownNameError(f"{prefix}metric '{text}' has no value per user; use one of: {', '.join(known)}")
    return metric


def _takes(name: str) -> str:
    if name in LIST_METRICS:
        return "cut-off"
    if name not in RANK_METRICS:
        return "unknown"
    return {True: "cut-off", False: "none", None: "either"}[RANK_METRICS[name].cutoff]


def _known() -> Iterator[str]:
    for name in sorted([*RANK_METRICS, *LIST_METRICS]):
        takes = _takes(name)
        if takes != "none":
            yield f"{name}@K"
        if takes != "cut-off":
            yield name
