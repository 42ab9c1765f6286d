"""Ranking metrics of every user, all cut-offs at once, over blocks of users.

Definitions (equal to RecBole's): with R the user's relevant items and T the k best-scored candidates,
recall@k = |R & T| / |R|; hit@k = 1 where R & T is not empty; ndcg@k has binary gains, log2 discounts and an
ideal list cut at min(|R|, k). A user without a relevant item has no value (NaN), not a zero. `fixed` says whose value
no ranking could change.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from recclaims.errors import CellError

if TYPE_CHECKING:
    import torch

CUTOFFS = (10, 20)
METRICS = tuple(f"{metric}@{k}" for metric in ("recall", "ndcg", "hit") for k in CUTOFFS)
PRIMARY = "recall@20"
#: Raised when the same scores would give other values.
VERSION = 2
#: Users scored at once by each thread of torch. Of 64 to 1,024 it was the fastest at 7,050 items: 7.2 MB of scores.
BLOCK = 256
#: Items of which only the best is looked at first, and so again among these. Of 4 to 16, 8 was the fastest.
GROUP = 8


@dataclass(frozen=True)
class ItemLists:
    """One list of items per user, as compressed rows.

    Attributes:
        offsets: int64 (n_users + 1,).
        items: int64 (n,), the items of user u are items[offsets[u]:offsets[u + 1]].
    """

    offsets: NDArray[np.int64]
    items: NDArray[np.int64]

    @classmethod
    def of(cls, users: NDArray[np.integer], items: NDArray[np.integer], n_users: int) -> ItemLists:
        """Group aligned columns of users and items, shape (n,) each, into lists."""
        order = np.argsort(users, kind="stable")
        offsets = np.zeros(n_users + 1, dtype=np.int64)
        np.cumsum(np.bincount(users, minlength=n_users), out=offsets[1:])
        return cls(offsets, items[order].astype(np.int64))

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Items per user, int64 (n_users,)."""
        return np.diff(self.offsets)

    def cells(self, users: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Row (index into `users`) and item of every entry of these users."""
        counts = self.lengths[users]
        rows = np.repeat(np.arange(len(users)), counts)
        starts = np.repeat(self.offsets[users] - np.concatenate(([0], np.cumsum(counts)[:-1])), counts)
        return rows, self.items[starts + np.arange(len(rows))]


def evaluate(
    score: Callable[[NDArray[np.int64]], torch.Tensor],
    relevant: ItemLists,
    masked: ItemLists,
    cutoffs: Sequence[int] = CUTOFFS,
    block: int | None = None,
    seed: int = 0,
) -> dict[str, NDArray[np.float64]]:
    """Rank all items for every user who has a relevant one.

    Args:
        score: gives for users, int64 (b,), their scores of all items, float (b, n_items), which are overwritten.
        relevant: the items to be found, per user.
        masked: the items that are not candidates (seen before), per user; must not overlap `relevant`.
        cutoffs: the k of each metric.
        block: users per call of `score`; BLOCK for each of torch's threads unless given.
        seed: decides between equal scores, by one lot over the items for all users. Were they ranked in the order
            of the catalogue, which often is that of popularity, a probe that scores most items zero would be
            judged by that order: on ML-100K its recall halves when the catalogue is turned round.

    Returns:
        For each of recall, ndcg and hit at each cut-off a float64 array (n_users,), NaN for users without a
        relevant item.

    Raises:
        CellError: a score is NaN or +inf.
    """
    import torch

    if block is None:
        block = BLOCK * torch.get_num_threads()
    n_users = len(relevant.lengths)
    users = np.flatnonzero(relevant.lengths)
    longest = max(cutoffs)
    discount = 1.0 / np.log2(np.arange(2, longest + 2))
    ideal = np.concatenate(([0.0], np.cumsum(discount)))
    order: torch.Tensor | None = None
    result = {f"{m}@{k}": np.full(n_users, np.nan) for m in ("recall", "ndcg", "hit") for k in cutoffs}
    for start in range(0, len(users), block):
        batch = users[start : start + block]
        with torch.no_grad():
            scores = score(batch)
            n_items = scores.shape[1]
            seen = tuple(torch.from_numpy(part).to(scores.device) for part in masked.cells(batch))
            _refuse_not_finite(scores[seen])
            scores[seen] = -torch.inf
            if order is None:
                lot = np.random.default_rng([seed, 0x71E]).permutation(n_items)
                order = torch.from_numpy(lot).to(scores.device)
            best = _best(scores, longest, order).cpu().numpy()
        rows, items = relevant.cells(batch)
        listed = np.arange(len(batch))[:, None] * n_items + best
        hits = np.isin(listed, rows * n_items + items).astype(np.float64)
        hits = np.pad(hits, ((0, 0), (0, longest - hits.shape[1])))
        n_relevant = relevant.lengths[batch]
        for k in cutoffs:
            found = hits[:, :k].sum(axis=1)
            result[f"recall@{k}"][batch] = found / n_relevant
            result[f"hit@{k}"][batch] = found > 0
            result[f"ndcg@{k}"][batch] = (hits[:, :k] @ discount[:k]) / ideal[np.minimum(n_relevant, k)]
    return result


def fixed(
    relevant: ItemLists, masked: ItemLists, n_items: int, metrics: Sequence[str] = METRICS
) -> dict[str, NDArray[np.bool_]]:
    """Whose values are the same whatever is recommended, as where a list is as long as all there is to choose from.

    With C candidates (items that are not masked), R of them relevant: a list of k holds at least k - (C - R) relevant
    items and at most min(k, R). Where that is one number, recall@k is fixed; where it holds one for certain, so is
    hit@k; ndcg@k asks for the order, too, which is fixed only where every candidate is relevant.

    Args:
        relevant, masked: as in evaluate.
        n_items: how many items there are.
        metrics: which metrics.

    Returns:
        By metric bool (n_users,), False for users without a relevant item, who have no value.
    """
    n_users = len(relevant.lengths)
    rows, items = masked.cells(np.arange(n_users))
    # A pair may be masked for two reasons.
    seen = np.bincount(np.unique(rows * n_items + items) // n_items, minlength=n_users)
    candidates, wanted = n_items - seen, relevant.lengths
    others = candidates - wanted
    found = {}
    for metric in metrics:
        name, _, cutoff = metric.partition("@")
        k = int(cutoff)
        same = {"recall": np.minimum(k, wanted) == np.maximum(np.minimum(k, candidates) - others, 0), "hit": others < k}
        found[metric] = (wanted > 0) & same.get(name, others == 0)
    return found


def _refuse_not_finite(scores: torch.Tensor) -> None:
    """Raise a CellError where a score is NaN or +inf; -inf only says that an item is no candidate."""
    import torch

    if bool((torch.isnan(scores) | torch.isposinf(scores)).any()):
        raise CellError("scores contain NaN or inf")


def _best(scores: torch.Tensor, k: int, order: torch.Tensor) -> torch.Tensor:
    """The k best items of every row of (b, n_items), int64 (b, min(k, n_items)); equal scores in a random order.

    Raises:
        CellError: a score is NaN or +inf: both come first.
    """
    import torch

    n_items = scores.shape[1]
    # One more than asked for shows whether the last place is shared.
    values, places = _top(scores, min(k + 1, n_items))
    _refuse_not_finite(values[:, 0])
    k = min(k, n_items)
    best = places[:, :k]
    tied = (values[:, 1:] == values[:, :-1]).any(dim=1)
    if bool(tied.any()):
        drawn = torch.topk(scores[tied][:, order], k, dim=1).indices
        best = best.clone()
        best[tied] = order[drawn]
    return best


def _top(scores: torch.Tensor, k: int, ordered: bool = True) -> tuple[torch.Tensor, torch.Tensor]:
    """The k largest values of every row, in descending order if asked, and where they are; NaN counts as the largest.

    They lie in the k groups of items whose largest values are the largest, so that one vectorised pass leaves
    k * GROUP candidates to be selected from; and the largest of the groups are found in the same way. Items of a group
    are n_items / GROUP apart: maxima of whole stretches of memory, where those of neighbours would be one horizontal
    maximum after another.
    """
    import torch

    n_users, n_items = scores.shape
    width = n_items // GROUP
    if width < 2 * k:
        values, places = torch.topk(scores, k, dim=1, sorted=ordered)
        return values, places
    grouped = scores[:, : width * GROUP].view(n_users, GROUP, width)
    leaders = _top(grouped.amax(dim=1), k, ordered=False)[1]
    members = (leaders[:, None, :] + width * torch.arange(GROUP, device=scores.device)[:, None]).view(n_users, -1)
    rest = torch.arange(width * GROUP, n_items, device=scores.device).expand(n_users, -1)
    candidates = torch.cat([members, rest], dim=1)
    values, places = torch.topk(scores.gather(1, candidates), k, dim=1, sorted=ordered)
    return values, candidates.gather(1, places)
