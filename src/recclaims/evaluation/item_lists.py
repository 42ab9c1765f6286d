"""Lists of items, one per user."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


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
