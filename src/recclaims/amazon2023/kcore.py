"""The k-core: the largest part of the interactions in which every user and every item has at least k."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def k_core(users: NDArray[np.int32], items: NDArray[np.int32], k: int) -> NDArray[np.bool_]:
    """Say which interactions are in the k-core: bool (n,).

    Users and items with fewer than k are taken away, all at once, until there is none. What is taken away never
    returns, and the order does not matter: the core of a part lies within the core of the whole.

    Args:
        users, items: int (n,), non-negative codes of distinct pairs.
        k: the least number of interactions; 1 keeps all.
    """
    rows = np.arange(len(users))
    while len(rows):
        enough = np.ones(len(rows), dtype=bool)
        for codes in (users[rows], items[rows]):
            enough &= np.bincount(codes)[codes] >= k
        if enough.all():
            break
        rows = rows[enough]
    mask = np.zeros(len(users), dtype=bool)
    mask[rows] = True
    return mask
