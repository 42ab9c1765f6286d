"""The k largest of every row, ties broken by a seeded lot.

Features give many ties: on genres nearly every film has more equally similar films than it may have neighbours. Were
they taken in the order of the catalogue, which often is that of popularity, features would seem to say what it says.
"""

from __future__ import annotations

import numpy as np
import torch

#: Keys are products modulo this prime, 2^31 - 1: two factors below it fit into 62 bits.
PRIME = 2**31 - 1


class Lot:
    """Decides between equal values; every row draws anew, so that no item wins the ties of all rows.

    The key of item j for row i is a_i a_j mod PRIME, a multiplicative hash (Carter and Wegman, 1979) with factors drawn
    from the seed. It depends on i and j alone: not on blocks, devices or processes.

    Args:
        n_items: how many there are.
        seed: the replicate's.
    """

    def __init__(self, n_items: int, seed: int) -> None:
        drawn = np.random.default_rng([seed, 0x107]).integers(1, PRIME, n_items)
        self._factors = torch.from_numpy(drawn)

    def keys(self, rows: torch.Tensor) -> torch.Tensor:
        """Keys of all items for these rows: int64 (len(rows), n_items) on the rows' device, the smallest wins."""
        factors = self._factors.to(rows.device)
        return (factors[rows].unsqueeze(1) * factors) % PRIME


def top(values: torch.Tensor, k: int, lot: Lot, first: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Find the k largest values of every row.

    Args:
        values: float (b, n_items), without NaN: rows `first` to `first + b` of a square matrix.
        k: at most n_items.
        lot: decides where the k-th and the next are equal.
        first: number of the first row.

    Returns:
        The values, largest first, and where they are, int64; both (b, k).
    """
    n_items = values.shape[1]
    # One more than asked for shows whether the last place is shared. Only rows where it is pay for the lot.
    best, places = torch.topk(values, min(k + 1, n_items), dim=1)
    if n_items <= k:
        return best, places
    shared = torch.nonzero(best[:, k - 1] == best[:, k]).squeeze(1)
    best, places = best[:, :k], places[:, :k]
    if len(shared):
        least, of_shared = best[shared, -1:], values[shared]
        keys = lot.keys(shared + first)
        keys.masked_fill_(of_shared > least, 0).masked_fill_(of_shared < least, PRIME)
        chosen = torch.topk(keys, k, dim=1, largest=False).indices
        ordered = torch.sort(of_shared.gather(1, chosen), dim=1, descending=True, stable=True)
        best[shared], places[shared] = ordered.values, chosen.gather(1, ordered.indices)
    return best, places
