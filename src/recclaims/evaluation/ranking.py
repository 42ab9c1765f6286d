"""From scores to ranks: over blocks of users, equal scores in the order of one seeded lot.

An item's rank is one more than the number of items that score higher, or as high and come before it in the lot; items
that are no candidates score -inf. What ranks are worth, `metrics` and `lists` say.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from recclaims.errors import CellError
from recclaims.evaluation.item_lists import ItemLists
from recclaims.evaluation.lists import LIST_LENGTH
from recclaims.evaluation.metrics import CUTOFFS, Metric, Ranks

if TYPE_CHECKING:
    import torch


#: Raised when the same scores would give other ranks, or something else is kept of them.
VERSION = 3
#: Users scored at once by each thread of torch. Of 64 to 1,024 it was the fastest at 7,050 items: 7.2 MB of scores.
BLOCK = 256
#: Items of which only the best is looked at first, and so again among these. Of 4 to 16, 8 was the fastest.
GROUP = 8
#: With more wanted items a user than this, sorting all of the user's scores is faster than counting for each.
SORTED_FROM = 4

Scorer = Callable[[NDArray[np.int64]], "torch.Tensor"]


def lot(seed: int, n_items: int) -> NDArray[np.int64]:
    """The place of every item in the lot that decides between equal scores, int64 (n_items,): one for all users.

    Were they ranked in the order of the catalogue, which often is that of popularity, a probe that scores most items
    zero would be judged by that order: on ML-100K its recall halves when the catalogue is turned round.
    """
    return np.argsort(np.random.default_rng([seed, 0x71E]).permutation(n_items))


def evaluate(
    score: Scorer,
    relevant: ItemLists,
    masked: ItemLists,
    cutoffs: Sequence[int] = CUTOFFS,
    block: int | None = None,
    seed: int = 0,
    among: NDArray[np.bool_] | None = None,
) -> dict[str, NDArray[np.float64]]:
    """Find the best items for every user who has a relevant one.

    Args:
        score: gives for users, int64 (b,), their scores of all items, float (b, n_items), which are overwritten.
        relevant: the items to be found, per user.
        masked: the items that are not candidates (seen before), per user; must not overlap `relevant`.
        cutoffs: the k of each metric.
        block: users per call of `score`; BLOCK for each of torch's threads unless given.
        seed: of the lot.
        among: the items that are candidates for anybody, bool (n_items,); None: all.

    Returns:
        For each of recall, ndcg and hit at each cut-off a float64 array (n_users,), NaN for users without a
        relevant item.

    Raises:
        CellError: a score is NaN or +inf.
    """
    users, places, longest = [], [], max(cutoffs)
    for batch, scores, drawn in _scored(score, relevant, masked, block, seed, among):
        n_items = scores.shape[1]
        best = _best(scores, longest, drawn).cpu().numpy()
        rows, items = relevant.cells(batch)
        hits = np.isin(np.arange(len(batch))[:, None] * n_items + best, rows * n_items + items)
        found, place = np.nonzero(hits)
        users.append(batch[found])
        places.append(place + 1)
    empty = [np.empty(0, dtype=np.int64)]
    ranks = Ranks(relevant.lengths, np.concatenate(empty + users), np.concatenate(empty + places))
    metrics = [Metric(name, k) for name in ("recall", "ndcg", "hit") for k in cutoffs]
    return {str(metric): metric.values(ranks) for metric in metrics}


@dataclass(frozen=True)
class Kept:
    """What is kept of how a recommender ranks the test part, of the users who have a test item, in their order.

    Attributes:
        ranks: of every test item, by user and in the order of the lists, among all items but those of train: from 1,
            unsigned (n_test,).
        fewer: by how many each rank is lower where the user's validation items are no candidates either, (n_test,).
        top: the first LIST_LENGTH candidates of every user by the first rule, (n_scored, at most LIST_LENGTH);
            n_items where there are no more.
        more: what comes after them by the second rule, for each validation item that is left out of them: by user.
        candidates: how many candidates each user has by either rule, int64 (2, n_scored).
    """

    ranks: NDArray[np.unsignedinteger]
    fewer: NDArray[np.unsignedinteger]
    top: NDArray[np.unsignedinteger]
    more: NDArray[np.unsignedinteger]
    candidates: NDArray[np.unsignedinteger]

    def test_ranks(self, left_out: bool) -> NDArray[np.int64]:
        """The rank of every test item, int64 (n_test,); with the validation items left out, or among the candidates."""
        ranks = self.ranks.astype(np.int64)
        return ranks - self.fewer if left_out else ranks

    def arrays(self) -> dict[str, NDArray[Any]]:
        """By name."""
        return dict(vars(self))


def rank(
    score: Scorer,
    wanted: ItemLists,
    seen: ItemLists,
    chosen: ItemLists,
    seed: int,
    block: int | None = None,
    among: NDArray[np.bool_] | None = None,
) -> Kept:
    """Rank all items for every user who has a wanted one.

    Args:
        score, block, seed, among: as evaluate.
        wanted: the test items, per user.
        seen: the train items, which are never candidates; no two of the three overlap.
        chosen: the validation items, which are candidates by one rule and not by the other.

    Raises:
        CellError: a score is NaN or +inf.
    """
    import torch

    parts: dict[str, list[NDArray[Any]]] = {name: [] for name in ("ranks", "fewer", "top", "more", "candidates")}
    kind: np.dtype[Any] = np.dtype(np.uint8)
    for batch, scores, drawn in _scored(score, wanted, seen, block, seed, among):
        n_items = scores.shape[1]
        kind = np.min_scalar_type(n_items)
        best = _best(scores, LIST_LENGTH, drawn)
        pairs, left_out = wanted.cells(batch), chosen.cells(batch)
        lots = drawn.argsort()
        ranks, own = _ranks(scores, *pairs, lots)
        at = tuple(torch.from_numpy(part).to(scores.device) for part in left_out)
        fewer = _moved(pairs, own, left_out, scores[at].cpu().numpy(), lots.cpu().numpy())
        top = _listed(scores, best)
        gone = listed_of(top, chosen, batch, n_items).sum(axis=1)
        rows = np.flatnonzero(gone)
        scores[at] = -torch.inf
        if len(rows):
            remaining = scores[torch.from_numpy(rows).to(scores.device)]
            again = _listed(remaining, _best(remaining, LIST_LENGTH, drawn))
            more = again[np.arange(again.shape[1]) >= again.shape[1] - gone[rows, None]]
        else:
            more = np.empty(0, dtype=np.int64)
        n_seen, n_chosen = (_lengths(lists, batch, among) for lists in (seen, chosen))
        n_all = n_items if among is None else int(among.sum())
        candidates = np.stack([n_all - n_seen, n_all - n_seen - n_chosen])
        for name, part in zip(parts, (ranks, fewer, top, more, candidates), strict=True):
            parts[name].append(part.astype(kind))
    joined = {name: np.concatenate(part, axis=-1 if name == "candidates" else 0) for name, part in parts.items()}
    return Kept(**joined)


def _lengths(lists: ItemLists, users: NDArray[np.int64], among: NDArray[np.bool_] | None) -> NDArray[np.int64]:
    """How many items of their lists are among those, int64 (b,)."""
    if among is None:
        return lists.lengths[users]
    rows, items = lists.cells(users)
    return np.bincount(rows[among[items]], minlength=len(users))


def listed_of(lists: NDArray[np.int64], chosen: ItemLists, users: NDArray[np.int64], n_items: int) -> NDArray[np.bool_]:
    """Which places of the lists of `users`, (b, k), hold items that are `chosen` for the same user: bool (b, k)."""
    rows, items = chosen.cells(users)
    stride = n_items + 1  # n_items itself is a place that is empty
    return np.isin(np.arange(len(lists))[:, None] * stride + lists, rows * stride + items)


def without(lists: NDArray[np.int64], gone: NDArray[np.bool_], more: NDArray[np.int64]) -> NDArray[np.int64]:
    """The lists when what is `gone` leaves them: the rest moves up, and `more` fills the places that are free."""
    order = np.argsort(gone, axis=1, kind="stable")
    listed = np.take_along_axis(lists, order, axis=1)
    listed[np.take_along_axis(gone, order, axis=1)] = more
    return listed


def _scored(
    score: Scorer,
    wanted: ItemLists,
    masked: ItemLists,
    block: int | None,
    seed: int,
    among: NDArray[np.bool_] | None,
) -> Iterator[tuple[NDArray[np.int64], torch.Tensor, torch.Tensor]]:
    """Blocks of the users who want something: they, their scores without what is masked, and the lot's order."""
    import torch

    if block is None:
        block = BLOCK * torch.get_num_threads()
    users = np.flatnonzero(wanted.lengths)
    order: torch.Tensor | None = None
    for start in range(0, len(users), block):
        batch = users[start : start + block]
        with torch.no_grad():
            scores = score(batch)
            seen = tuple(torch.from_numpy(part).to(scores.device) for part in masked.cells(batch))
            _refuse_not_finite(scores[seen])
            scores[seen] = -torch.inf
            if among is not None:
                outside = torch.from_numpy(~among).to(scores.device)
                _refuse_not_finite(scores[:, outside])
                scores[:, outside] = -torch.inf
            if order is None:
                order = torch.from_numpy(np.argsort(lot(seed, scores.shape[1]))).to(scores.device)
            yield batch, scores, order


def _refuse_not_finite(scores: torch.Tensor) -> None:
    """Raise a CellError where a score is NaN or +inf; -inf only says that an item is no candidate."""
    import torch

    if bool((torch.isnan(scores) | torch.isposinf(scores)).any()):
        raise CellError("scores contain NaN or inf")


def count_ranks(scores: torch.Tensor, rows: torch.Tensor, items: torch.Tensor, lots: torch.Tensor) -> torch.Tensor:
    """The ranks of items by counting, from 1; nothing waits for the device.

    Args:
        scores: of users, float (b, n_items), -inf where an item is no candidate.
        rows, items: whose rank of what, int64 (..., p).
        lots: the place of every item in the lot, (..., n_items), as `lot` gives it.

    Returns:
        int64 (..., p).
    """
    candidates = scores.index_select(0, rows.reshape(-1)).view(*rows.shape, -1)
    own = candidates.gather(-1, items.unsqueeze(-1))
    earlier = lots.unsqueeze(-2) < lots.gather(-1, items).unsqueeze(-1)
    return ((candidates > own) | ((candidates == own) & earlier)).sum(dim=-1) + 1


def _ranks(
    scores: torch.Tensor, rows: NDArray[np.int64], items: NDArray[np.int64], lots: torch.Tensor
) -> tuple[NDArray[np.int64], NDArray[np.floating]]:
    """The rank of each pair's item, from 1, and its score."""
    import torch

    at = tuple(torch.from_numpy(part).to(scores.device) for part in (rows, items))
    if scores.device.type != "cpu":
        step = len(scores)  # as much memory as the scores
        found = [
            count_ranks(scores, at[0][start : start + step], at[1][start : start + step], lots)
            for start in range(0, len(rows), step)
        ]
        return torch.cat(found).cpu().numpy(), scores[at].cpu().numpy()
    table, own = scores.numpy(), scores[at].numpy()
    higher, equal = np.empty(len(rows), dtype=np.int64), np.empty(len(rows), dtype=np.int64)
    if len(rows) > SORTED_FROM * len(table):
        ascending = table.copy()
        ascending.sort(axis=1)
        bounds = np.searchsorted(rows, np.arange(len(table) + 1))
        for row, (first, last) in enumerate(itertools.pairwise(bounds)):
            up = np.searchsorted(ascending[row], own[first:last], side="right")
            higher[first:last] = table.shape[1] - up
            equal[first:last] = up - np.searchsorted(ascending[row], own[first:last], side="left")
    else:
        for pair, (row, value) in enumerate(zip(rows, own, strict=True)):
            higher[pair] = np.count_nonzero(table[row] > value)
            equal[pair] = np.count_nonzero(table[row] >= value) - higher[pair]
    ranks = higher + 1
    places = lots.numpy()
    for pair in np.flatnonzero(equal > 1).tolist():
        tied = table[rows[pair]] == own[pair]
        ranks[pair] += np.count_nonzero(tied & (places < places[items[pair]]))
    return ranks, own


def _moved(
    pairs: tuple[NDArray[np.int64], NDArray[np.int64]],
    own: NDArray[np.floating],
    left_out: tuple[NDArray[np.int64], NDArray[np.int64]],
    scores: NDArray[np.floating],
    lots: NDArray[np.int64],
) -> NDArray[np.int64]:
    """How many of its user's `left_out`, (rows, items) with these scores, no longer come before each pair's item.

    What is left out scores -inf from then on, so that it still may come before an item of that score.
    """
    n_rows = max((int(part[0][-1]) + 1 for part in (pairs, left_out) if len(part[0])), default=0)
    starts = np.searchsorted(left_out[0], np.arange(n_rows + 1))
    counts = np.diff(starts)[pairs[0]]
    pair = np.repeat(np.arange(len(own)), counts)
    first = np.cumsum(counts) - counts
    other = np.arange(len(pair)) - np.repeat(first - starts[pairs[0]], counts)
    earlier = lots[left_out[1][other]] < lots[pairs[1][pair]]
    before = (scores[other] > own[pair]) | ((scores[other] == own[pair]) & earlier)
    after = np.isneginf(own[pair]) & earlier
    moved: NDArray[np.int64] = np.bincount(pair, before & ~after, minlength=len(own)).astype(np.int64)
    return moved


def _listed(scores: torch.Tensor, best: torch.Tensor) -> NDArray[np.int64]:
    """The best items, with n_items in the place of what is no candidate."""
    import torch

    missing = torch.isneginf(scores.gather(1, best))
    listed: NDArray[np.int64] = best.masked_fill(missing, scores.shape[1]).cpu().numpy()
    return listed


def _best(scores: torch.Tensor, k: int, order: torch.Tensor) -> torch.Tensor:
    """The k best items of every row of (b, n_items), int64 (b, min(k, n_items)); equal scores in the order given.

    Raises:
        CellError: a score is NaN or +inf: both come first.
    """
    n_items = scores.shape[1]
    # One more than asked for shows whether the last place is shared.
    values, places = _top(scores, min(k + 1, n_items))
    _refuse_not_finite(values[:, 0])
    k = min(k, n_items)
    best = places[:, :k]
    tied = (values[:, 1:] == values[:, :-1]).any(dim=1)
    if bool(tied.any()):
        best = best.clone()
        best[tied] = _in_order(scores[tied][:, order], values[tied][:, k - 1 : k], k, order)
    return best


def _in_order(drawn: torch.Tensor, last: torch.Tensor, k: int, order: torch.Tensor) -> torch.Tensor:
    """The k best items of rows whose columns are in the lot's order, the k-th of them worth `last`, (b, 1)."""
    import torch

    better, level = drawn > last, drawn == last
    room = k - better.sum(dim=1, keepdim=True, dtype=torch.int32)
    # As many of those that are level as there is room for, the first of them.
    chosen = better | (level & (level.cumsum(dim=1, dtype=torch.int32) <= room))
    places = chosen.nonzero()[:, 1].view(len(drawn), k)
    falling = torch.sort(drawn.gather(1, places), dim=1, descending=True, stable=True).indices
    return order[places.gather(1, falling)]


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
