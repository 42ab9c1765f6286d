"""The batches of several cells, drawn on a device: the numbers that _recbole.sampling draws for each of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from recclaims.recommenders._kernels import draws
from recclaims.recommenders._recbole.sampling import DistinctUserBatches, PairBatches, UserBatches

_LAST = torch.iinfo(torch.int64).max


@dataclass(frozen=True)
class Batch:
    """One batch of every cell. A place that a cell's last batch leaves empty has the padding ids and weighs nothing.

    Attributes:
        users, positive, negative: internal ids, int64 (cells, b) each.
        present: 1 where there is a pair, else 0, float (cells, b).
        counts: pairs of each cell, float (cells,).
        step: number of the step in the whole training, int64, a scalar.
    """

    users: torch.Tensor
    positive: torch.Tensor
    negative: torch.Tensor
    present: torch.Tensor
    counts: torch.Tensor
    step: torch.Tensor

    def mean(self, values: torch.Tensor) -> torch.Tensor:
        """The mean over the pairs of each cell, float (cells,), of values (cells, b)."""
        return (values * self.present).sum(dim=1) / self.counts


class CellBatches:
    """An epoch of all cells lies on the device; a step takes what the device's own counter points at.

    Args:
        cells: the batches of each cell, all of one class, with as many batches of one size.
        device: where they are drawn.
        dtype: of weights.

    Attributes:
        steps: batches an epoch.
        step: the number of the next step in the whole training, int64, a scalar on the device.
    """

    def __init__(self, cells: Sequence[PairBatches], device: torch.device, dtype: torch.dtype) -> None:
        first = cells[0]
        self._kind, self._cells = type(first), cells
        self._size, self._a_pass, self._passes = first.batch_size, first.batches_a_pass(), first.passes
        self._device = device
        self.steps = len(first)
        self.step = torch.zeros((), dtype=torch.int64, device=device)
        lengths = np.array([len(cell.users) for cell in cells])
        self._n = int(lengths.max())
        self._lengths = self._on_device(lengths).unsqueeze(1)
        self._places = torch.arange(self._n, device=device)
        self._lay_out()
        full = self._a_pass * self._size
        present = torch.arange(full, device=device) < self._lengths
        self._columns = torch.zeros(3, self.steps, len(cells), self._size, dtype=torch.int64, device=device)
        shaped = present.view(len(cells), self._a_pass, self._size).transpose(0, 1)
        self._present = shaped.repeat(self._passes, 1, 1).to(dtype)
        self._counts = self._present.sum(dim=2)

    def _on_device(self, array: NDArray[Any]) -> torch.Tensor:
        return torch.from_numpy(np.ascontiguousarray(array, dtype=np.int64)).to(self._device)

    def _padded(self, arrays: Sequence[NDArray[Any]]) -> torch.Tensor:
        """Arrays (n,) as one, int64 (cells, longest), zero where one is shorter."""
        table = np.zeros((len(arrays), max(len(array) for array in arrays)), dtype=np.int64)
        for row, array in zip(table, arrays, strict=True):
            row[: len(array)] = array
        return self._on_device(table)

    def _lay_out(self) -> None:
        cells = self._cells
        self._users, self._items = self._padded([c.users for c in cells]), self._padded([c.items for c in cells])
        self._candidates = self._padded([c.candidates for c in cells])
        self._n_candidates = self._on_device(np.array([[len(c.candidates)] for c in cells]))
        self._free = self._padded([c.free for c in cells])
        # The codes of all cells are one ascending list, those of a cell beyond those of the cell before.
        width = (max(len(c.free) for c in cells) + 1) * (self._candidates.shape[1] + 1)
        before = np.cumsum([0, *(len(c.gaps) for c in cells)])
        self._gaps = self._on_device(np.concatenate([c.gaps + n * width for n, c in enumerate(cells)]))
        self._starts = self._padded([c.starts + n for c, n in zip(cells, before[:-1], strict=True)])
        self._beyond = torch.arange(len(cells), device=self._device).unsqueeze(1) * width
        if issubclass(self._kind, UserBatches):
            drawn = [c for c in cells if isinstance(c, UserBatches)]
            self._active = self._padded([c.active for c in drawn])
            self._n_active = self._on_device(np.array([[len(c.active)] for c in drawn]))
            self._firsts, self._n_had = self._padded([c.firsts for c in drawn]), self._padded([c.counts for c in drawn])

    def draw_epoch(self, number: int) -> None:
        """Draw the batches of an epoch, counted from 0."""
        n_cells, full = len(self._cells), self._a_pass * self._size
        for which in range(self._passes):
            users, items = self._pairs(number * self._passes + which)
            negatives = self._negatives(users, number * self._passes + which)
            columns = torch.stack([users, items, negatives]) * (self._places < self._lengths)
            columns = torch.nn.functional.pad(columns, (0, full - self._n))
            shaped = columns.view(3, n_cells, self._a_pass, self._size).transpose(1, 2)
            self._columns[:, which * self._a_pass : (which + 1) * self._a_pass] = shaped

    def next(self) -> Batch:
        """The batch that is next; the counter moves on. Nothing here waits for the device."""
        place = torch.remainder(self.step, self.steps).unsqueeze(0)
        users, positive, negative = self._columns.index_select(1, place).squeeze(1).unbind(0)
        present, counts = (part.index_select(0, place).squeeze(0) for part in (self._present, self._counts))
        step = self.step.clone()
        self.step.add_(1)
        return Batch(users, positive, negative, present, counts, step)

    def _bits(self, number: int, purpose: int, places: torch.Tensor) -> torch.Tensor:
        keys = [draws.key(cell.seed, purpose, number) for cell in self._cells]
        return draws.bits(torch.tensor(keys, device=self._device).unsqueeze(1), places)

    def _pairs(self, number: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Users and items of a pass, int64 (cells, n) each."""
        if issubclass(self._kind, UserBatches):
            places = self._user_places(number)
            drawn = draws.below(self._bits(number, draws.ITEMS, self._places), self._n_had.gather(1, places))
            chosen = self._firsts.gather(1, places) + drawn
            return self._active.gather(1, places), self._items.gather(1, chosen)
        keys = self._bits(number, draws.SHUFFLE, self._places).masked_fill_(self._places >= self._lengths, _LAST)
        order = torch.sort(keys, dim=1, stable=True).indices
        return self._users.gather(1, order), self._items.gather(1, order)

    def _user_places(self, number: int) -> torch.Tensor:
        if not issubclass(self._kind, DistinctUserBatches):
            return draws.below(self._bits(number, draws.USERS, self._places), self._n_active)
        n_cells, longest = self._active.shape
        batches = torch.arange(self._a_pass, device=self._device).view(1, -1, 1)
        users = torch.arange(longest, device=self._device)
        places = batches * self._n_active.unsqueeze(2) + users
        lots = self._bits(number, draws.USERS, places.view(n_cells, -1)).view(n_cells, self._a_pass, longest)
        lots = lots.masked_fill(users >= self._n_active.unsqueeze(2), _LAST)
        order = torch.sort(lots, dim=2).indices[:, :, : self._size]
        return order.reshape(n_cells, -1)[:, : self._n]

    def _negatives(self, users: torch.Tensor, number: int) -> torch.Tensor:
        free = self._free.gather(1, users)
        some = free > 0
        bits = self._bits(number, draws.NEGATIVES, self._places)
        drawn = draws.below(bits, torch.where(some, free, self._n_candidates))
        codes = users * (self._n_candidates + 1) + drawn + self._beyond
        passed_over = torch.searchsorted(self._gaps, codes, right=True) - self._starts.gather(1, users)
        chosen = torch.where(some, drawn + passed_over, drawn)
        # A padded place may point anywhere; it is set to the padding id afterwards.
        return self._candidates.gather(1, chosen.clamp_(0, self._candidates.shape[1] - 1))
