"""From scores to ranks: over blocks of users, equal scores in the order of one seeded lot.

An item's rank is one more than the number of items that score higher, or as high and come before it in the lot; items
that are no candidates score -inf. What ranks are worth, `metrics` and `lists` say.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from recclaims.evaluation.item_lists import ItemLists
from recclaims.evaluation.lists import LIST_LENGTH
from recclaims.evaluation.metrics import CUTOFFS, Metric, Ranks
from recclaims.evaluation.orders import Cells, best, order_of, refuse_not_finite

if TYPE_CHECKING:
    import torch


#: Raised when the same scores would give other ranks, or something else is kept of them.
VERSION = 3
#: Users scored at once by each thread of torch. Of 64 to 1,024 it was the fastest at 7,050 items: 7.2 MB of scores.
BLOCK = 256
#: Cells of a table of users and items, a byte each, that is looked up in at once.
_TABLE = 2**22

Scorer = Callable[[NDArray[np.int64]], "torch.Tensor"]


@lru_cache(maxsize=16)
def drawn(seed: int, n_items: int) -> NDArray[np.int64]:
    """The items in the order of their lot, see there, int64 (n_items,)."""
    return _kept(np.random.default_rng([seed, 0x71E]).permutation(n_items))


@lru_cache(maxsize=16)
def lot(seed: int, n_items: int) -> NDArray[np.int64]:
    """The place of every item in the lot that decides between equal scores, int64 (n_items,): one for all users.

    Were they ranked in the order of the catalogue, which often is that of popularity, a probe that scores most items
    zero would be judged by that order: on ML-100K its recall halves when the catalogue is turned round.
    """
    return _kept(np.argsort(drawn(seed, n_items)))


def _kept(array: NDArray[np.int64]) -> NDArray[np.int64]:
    """An array that whoever asks again is given, too: nobody may change it."""
    array.flags.writeable = False
    return array


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
    import torch

    users, places, longest = [], [], max(cutoffs)
    for batch, scores in _scored(score, relevant, masked, block, among):
        order = torch.tensor(drawn(seed, scores.shape[1]), device=scores.device)
        found = best(scores, longest, order).cpu().numpy()
        wanted = np.zeros(scores.shape, dtype=np.bool_)
        wanted[relevant.cells(batch)] = True
        hit, place = np.nonzero(np.take_along_axis(wanted, found, axis=1))
        users.append(batch[hit])
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
    parts: dict[str, list[NDArray[Any]]] = {name: [] for name in ("ranks", "fewer", "top", "more", "candidates")}
    kind: np.dtype[Any] = np.dtype(np.uint8)
    for batch, scores in _scored(score, wanted, seen, block, among):
        n_items = scores.shape[1]
        lots = lot(seed, n_items)
        kind = np.min_scalar_type(n_items)
        pairs, left_out = wanted.cells(batch), chosen.cells(batch)
        own, of_left_out = (_at(scores, cells) for cells in (pairs, left_out))
        order = order_of(scores, lots, len(pairs[0]))
        top = order.best(LIST_LENGTH)
        ranks = order.ranks(pairs)
        fewer = _moved(pairs, own, left_out, of_left_out, lots)
        gone = listed_of(top, chosen, batch, n_items).sum(axis=1)
        rows = np.flatnonzero(gone)
        more = np.empty(0, dtype=np.int64)
        if len(rows):
            again = order.best_without(left_out, rows, LIST_LENGTH)
            more = again[np.arange(again.shape[1]) >= again.shape[1] - gone[rows, None]]
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
    stride = n_items + 1  # n_items itself is a place that is empty
    at_once = max(1, _TABLE // stride)
    found = np.empty(lists.shape, dtype=np.bool_)
    for start in range(0, len(lists), at_once):
        block = slice(start, start + at_once)
        table = np.zeros((len(lists[block]), stride), dtype=np.bool_)
        table[chosen.cells(users[block])] = True
        found[block] = np.take_along_axis(table, lists[block], axis=1)
    return found


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
    among: NDArray[np.bool_] | None,
) -> Iterator[tuple[NDArray[np.int64], torch.Tensor]]:
    """Blocks of the users who want something: they, and their scores without what is masked."""
    import torch

    if block is None:
        block = BLOCK * torch.get_num_threads()
    users = np.flatnonzero(wanted.lengths)
    for start in range(0, len(users), block):
        batch = users[start : start + block]
        with torch.no_grad():
            scores = score(batch)
            seen = tuple(torch.from_numpy(part).to(scores.device) for part in masked.cells(batch))
            refuse_not_finite(scores[seen])
            scores[seen] = -torch.inf
            if among is not None:
                outside = torch.from_numpy(~among).to(scores.device)
                refuse_not_finite(scores[:, outside])
                scores[:, outside] = -torch.inf
            yield batch, scores


def _at(scores: torch.Tensor, cells: Cells) -> NDArray[np.floating]:
    """The scores of cells."""
    import torch

    rows, items = (torch.from_numpy(part).to(scores.device) for part in cells)
    found: NDArray[np.floating] = scores[rows, items].cpu().numpy()
    return found


def _moved(
    pairs: Cells,
    own: NDArray[np.floating],
    left_out: Cells,
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
