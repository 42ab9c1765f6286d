"""Validation of several cells on a device: recall@20 of each, by the same rule as evaluation.ranking."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from recclaims.evaluation.item_lists import ItemLists
from recclaims.evaluation.orders import count_ranks
from recclaims.evaluation.ranking import lot

#: Scores held at once; the ranks of as many pairs take a few times as much.
SCORES_AT_ONCE = 2**27
CUTOFF = 20


class Validation:
    """Ranks all items for the users of every cell, and finds how many of their relevant ones are among the best.

    A relevant item's rank is counted, see count_ranks: nothing is sorted and nothing waits for the device but the
    answer.

    Args:
        relevant: by cell, the items to be found.
        masked: by cell, the items that are no candidates.
        seeds: by cell, what its lot is drawn from.
        n_items: size of the catalogue.
        device: where to rank.
        among: by cell, the items that are candidates for anybody, bool (n_items,), or None for all of them.
    """

    def __init__(
        self,
        relevant: Sequence[ItemLists],
        masked: Sequence[ItemLists],
        seeds: Sequence[int],
        n_items: int,
        device: torch.device,
        among: Sequence[NDArray[np.bool_] | None] = (),
    ) -> None:
        self._relevant, self._n_items, self._device = relevant, n_items, device
        lots = [lot(seed, n_items) for seed in seeds]
        self._lots = torch.from_numpy(np.stack(lots)).to(device, torch.int32)
        none = np.zeros(n_items, dtype=bool)
        outside = [none if one is None else ~one for one in among]
        #: What is no candidate for anybody, bool (cells, 1, n_items), where there is such an item.
        self.outside = self.tensor(np.stack(outside)[:, None]) if np.any(outside) else None
        self._who = [np.flatnonzero(lists.lengths) for lists in relevant]
        longest = max(len(who) for who in self._who)
        at_once = max(1, SCORES_AT_ONCE // (len(relevant) * n_items))
        self._blocks = [_Block(self, masked, start, start + at_once) for start in range(0, longest, at_once)]

    def tensor(self, array: NDArray[Any]) -> torch.Tensor:
        """An array as a tensor on the device."""
        return torch.from_numpy(np.ascontiguousarray(array)).to(self._device)

    def __call__(self, users: torch.Tensor, items: torch.Tensor) -> tuple[list[float], list[bool]]:
        """Mean recall@20 of every cell, and whether all its embeddings are finite.

        Args:
            users, items: embeddings with the padding row, float (cells, n_users + 1, d) and (cells, n_items + 1, d).
        """
        finite = (torch.isfinite(users).flatten(1).all(1) & torch.isfinite(items).flatten(1).all(1)).cpu()
        found = [block.hits(users[:, 1:], items[:, 1:], self._lots) for block in self._blocks]
        hits = [np.zeros(len(lists.lengths)) for lists in self._relevant]
        for block, of_block in zip(self._blocks, found, strict=True):
            on_host = of_block.cpu().numpy()
            for cell, who in enumerate(block.who):
                hits[cell] += np.bincount(who, on_host[cell, : len(who)], minlength=len(hits[cell]))
        recalls = []
        for lists, of_cell in zip(self._relevant, hits, strict=True):
            lengths = lists.lengths
            recall = np.where(lengths > 0, of_cell / np.maximum(lengths, 1), np.nan)
            recalls.append(float(np.nanmean(recall)) if len(lengths) else float("nan"))
        return recalls, [bool(good) for good in finite]

    def users_of(self, cell: int, start: int, stop: int) -> NDArray[Any]:
        """The users of a block who have a relevant item, int64 (n,)."""
        return self._who[cell][start:stop]

    def relevant_of(self, cell: int) -> ItemLists:
        """The items to be found of a cell."""
        return self._relevant[cell]

    @property
    def n_items(self) -> int:
        """Size of the catalogue."""
        return self._n_items


class _Block:
    """Some users of every cell; `who` has, by cell, the user of each pair."""

    def __init__(self, validation: Validation, masked: Sequence[ItemLists], start: int, stop: int) -> None:
        n_cells, n_items = len(masked), validation.n_items
        users = [validation.users_of(cell, start, stop) for cell in range(n_cells)]
        self.width = max(len(chosen) for chosen in users)
        table = np.zeros((n_cells, self.width), dtype=np.int64)
        seen, pairs = [], []
        for cell, chosen in enumerate(users):
            table[cell, : len(chosen)] = chosen
            places, items = masked[cell].cells(chosen)
            seen.append((cell * self.width + places) * n_items + items)
            pairs.append(validation.relevant_of(cell).cells(chosen))
        self.who = [chosen[places] for chosen, (places, _) in zip(users, pairs, strict=True)]
        longest = max(len(places) for places, _ in pairs)
        of_pairs = np.zeros((2, n_cells, longest), dtype=np.int64)
        for cell, pair in enumerate(pairs):
            of_pairs[:, cell, : len(pair[0])] = pair
        self._outside = validation.outside
        self._users = validation.tensor(table)
        self._seen = validation.tensor(np.concatenate(seen))
        self._places, self._items = validation.tensor(of_pairs)

    def hits(self, users: torch.Tensor, items: torch.Tensor, lots: torch.Tensor) -> torch.Tensor:
        """Whether each pair's item is among the best, bool (cells, pairs)."""
        n_cells, n_items, size = items.shape
        of_users = users.gather(1, self._users.unsqueeze(2).expand(-1, -1, size))
        scores = torch.bmm(of_users, items.transpose(1, 2))
        scores.view(-1).index_fill_(0, self._seen, -torch.inf)
        if self._outside is not None:
            scores.masked_fill_(self._outside, -torch.inf)
        flat = scores.view(-1, n_items)
        first = torch.arange(n_cells, device=items.device).unsqueeze(1)
        found = []
        n_pairs = self._places.shape[1]
        # As many pairs at once as there are users: as much memory as the scores.
        for start in range(0, n_pairs, self.width):
            places, wanted = (part[:, start : start + self.width] for part in (self._places, self._items))
            found.append(count_ranks(flat, first * self.width + places, wanted, lots) <= CUTOFF)
        return torch.cat(found, dim=1)
