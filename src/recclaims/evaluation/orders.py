"""Items in the order of their scores, equal ones in that of a lot: ranks of some, and the best of all.

`Counted` looks for the best, and counts for each item that is asked for how many come before it; `Sorted` puts all
items of every user in order first. Of few items a user the one is faster, of many the other; both say the same.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from recclaims.errors import CellError

if TYPE_CHECKING:
    import torch

#: Items of which only the best is looked at first, and so again among these. Of 4 to 16, 8 was the fastest.
GROUP = 8
#: With more items a user than this that are asked for, all of the user's are sorted.
SORTED_FROM = 4

#: Rows, in ascending order, and items, int64 (p,) each.
Cells = tuple[NDArray[np.int64], NDArray[np.int64]]


class Order(Protocol):
    """The order of the items of some users, from scores (b, n_items) that are -inf where an item is no candidate."""

    def ranks(self, cells: Cells) -> NDArray[np.int64]:
        """How many items come up to each of these, itself included: from 1, int64 (p,)."""

    def best(self, k: int) -> NDArray[np.int64]:
        """The first items of every user, int64 (b, min(k, n_items)); n_items in the place of what is no candidate."""

    def best_without(self, left_out: Cells, rows: NDArray[np.int64], k: int) -> NDArray[np.int64]:
        """The same of some users, when the cells that are left out are no candidates any more; the last to be asked."""


def order_of(scores: torch.Tensor, lots: NDArray[np.int64], asked: int) -> Order:
    """Make the order of items.

    Args:
        scores: of b users, float (b, n_items), without NaN or +inf but among the best; `best_without` may change them.
        lots: the place of every item in the lot, int64 (n_items,).
        asked: how many ranks will be asked for.
    """
    import torch

    many = asked > SORTED_FROM * len(scores)
    if many and scores.device.type == "cpu" and scores.dtype == torch.float32:
        return Sorted(scores, lots)
    return Counted(scores, lots)


class Counted:
    """See Order."""

    def __init__(self, scores: torch.Tensor, lots: NDArray[np.int64]) -> None:
        import torch

        self._scores = scores
        self._lots = torch.from_numpy(lots.copy()).to(scores.device)  # torch takes none that cannot be written to
        self._drawn = self._lots.argsort()

    def ranks(self, cells: Cells) -> NDArray[np.int64]:
        """See Order."""
        import torch

        rows, items = cells
        if self._scores.device.type != "cpu":
            at = tuple(torch.from_numpy(part).to(self._scores.device) for part in cells)
            step = len(self._scores)  # as much memory as the scores
            found = [
                count_ranks(self._scores, at[0][start : start + step], at[1][start : start + step], self._lots)
                for start in range(0, len(rows), step)
            ]
            counted: NDArray[np.int64] = torch.cat(found).cpu().numpy()
            return counted
        table, places = self._scores.numpy(), self._lots.numpy()
        own = table[cells]
        higher, equal = np.empty(len(rows), dtype=np.int64), np.empty(len(rows), dtype=np.int64)
        for pair, (row, value) in enumerate(zip(rows, own, strict=True)):
            higher[pair] = np.count_nonzero(table[row] > value)
            equal[pair] = np.count_nonzero(table[row] >= value) - higher[pair]
        ranks = higher + 1
        for pair in np.flatnonzero(equal > 1).tolist():
            tied = table[rows[pair]] == own[pair]
            ranks[pair] += np.count_nonzero(tied & (places < places[items[pair]]))
        return ranks

    def best(self, k: int) -> NDArray[np.int64]:
        """See Order."""
        return _listed(self._scores, best(self._scores, k, self._drawn))

    def best_without(self, left_out: Cells, rows: NDArray[np.int64], k: int) -> NDArray[np.int64]:
        """See Order."""
        import torch

        self._scores[tuple(torch.from_numpy(part).to(self._scores.device) for part in left_out)] = -torch.inf
        remaining = self._scores[torch.from_numpy(rows).to(self._scores.device)]
        return _listed(remaining, best(remaining, k, self._drawn))


def _listed(scores: torch.Tensor, found: torch.Tensor) -> NDArray[np.int64]:
    import torch

    missing = torch.isneginf(scores.gather(1, found))
    listed: NDArray[np.int64] = found.masked_fill(missing, scores.shape[1]).cpu().numpy()
    return listed


class Sorted:
    """See Order. A score and the item's place in the lot are one whole number, so that no two of a user are equal."""

    def __init__(self, scores: torch.Tensor, lots: NDArray[np.int64]) -> None:
        import torch

        self._scores, self._lots, self._drawn = scores.numpy(), lots, np.argsort(lots)
        self._sorted = _codes(self._scores, lots)
        self._sorted.sort(axis=1)
        # NaN comes before +inf or, as its sign says, after -inf.
        ends = torch.from_numpy(self._drawn[self._sorted[:, [0, -1]] & _PLACE])
        refuse_not_finite(scores.gather(1, ends))

    def ranks(self, cells: Cells) -> NDArray[np.int64]:
        """See Order."""
        rows, items = cells
        wanted = _codes(self._scores[cells], self._lots[items])
        less = np.empty(len(rows), dtype=np.int64)
        bounds = np.searchsorted(rows, np.arange(len(self._sorted) + 1)).tolist()
        for row, (first, last) in enumerate(itertools.pairwise(bounds)):
            less[first:last] = self._sorted[row].searchsorted(wanted[first:last])
        return less + 1

    def best(self, k: int) -> NDArray[np.int64]:
        """See Order."""
        return self._items(self._sorted[:, :k])

    def best_without(self, left_out: Cells, rows: NDArray[np.int64], k: int) -> NDArray[np.int64]:
        """See Order."""
        places = self.ranks(left_out) - 1
        # No more than so many places can be needed.
        width = min(len(self._lots), k + int(np.bincount(left_out[0], minlength=1).max()))
        gone = np.zeros((len(self._sorted), width), dtype=np.bool_)
        near = places < width
        gone[left_out[0][near], places[near]] = True
        gone = gone[rows]
        kept = np.argsort(gone, axis=1, kind="stable")[:, :k]
        items = self._items(np.take_along_axis(self._sorted[rows, :width], kept, axis=1))
        items[np.take_along_axis(gone, kept, axis=1)] = len(self._lots)
        return items

    def _items(self, codes: NDArray[np.int64]) -> NDArray[np.int64]:
        items: NDArray[np.int64] = self._drawn[codes & _PLACE]
        items[codes >= _NO_CANDIDATE] = len(self._lots)
        return items


#: Of a code, those of the place in the lot.
_BITS = 32
_PLACE = 2**_BITS - 1


def _codes(scores: NDArray[np.float32], lots: NDArray[np.int64]) -> NDArray[np.int64]:
    """Whole numbers in the order of the items: a higher score is less, and of equal ones an earlier place."""
    bits = (scores + np.float32(0)).view(np.int32)  # -0 and 0 are equal, and alike now
    # Above zero, more is more of the bits as of the score, and below it less: so all but the sign of these is kept.
    flipped = bits >> 31
    np.invert(flipped, out=flipped)
    flipped |= np.int32(-(2**31))
    flipped ^= bits
    codes: NDArray[np.int64] = np.left_shift(flipped, _BITS, dtype=np.int64)
    codes |= lots
    return codes


#: The least code of an item that is no candidate.
_NO_CANDIDATE = int(_codes(np.array([-np.inf], dtype=np.float32), np.zeros(1, dtype=np.int64))[0])


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


def best(scores: torch.Tensor, k: int, order: torch.Tensor) -> torch.Tensor:
    """The k best items of every row of (b, n_items), int64 (b, min(k, n_items)); equal scores in the order given.

    Raises:
        CellError: a score is NaN or +inf: both come first.
    """
    n_items = scores.shape[1]
    # One more than asked for shows whether the last place is shared.
    values, places = _top(scores, min(k + 1, n_items))
    refuse_not_finite(values[:, 0])
    k = min(k, n_items)
    found = places[:, :k]
    tied = (values[:, 1:] == values[:, :-1]).any(dim=1)
    if bool(tied.any()):
        found = found.clone()
        found[tied] = _in_order(scores[tied][:, order], values[tied][:, k - 1 : k], k, order)
    return found


def refuse_not_finite(scores: torch.Tensor) -> None:
    """Raise a CellError where a score is NaN or +inf; -inf only says that an item is no candidate."""
    import torch

    if bool((torch.isnan(scores) | torch.isposinf(scores)).any()):
        raise CellError("scores contain NaN or inf")


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
