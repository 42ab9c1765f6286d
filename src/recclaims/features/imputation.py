"""What stands in for the features of items that have none: rows made from those of the others.

With K the items that have features x(j), and the train users U(i) of each item:

    mean        the mean of x over K
    zero        zeros
    random      the row of one item of K, drawn anew for each item and replicate
    neighbours  the mean of x(j) over the NEIGHBOURS items of K that are most like i by their users, those at least as
                alike as the last of them included: cosine |U(i) & U(j)| / sqrt(|U(i)| |U(j)|)
    propagated  the harmonic solution on the graph that joins each item to its NEIGHBOURS, of K or not: what stands in
                is the mean of its neighbours' rows, weighted by their cosines, and theirs is so in turn

An item without a neighbour, or with no way to one of K, gets the mean. Sources: the mean of neighbours, as several
steps on the graph of shared users, is from Malitesta et al., arXiv 2408.11767 (CIKM 2024); the harmonic solution is
that of Zhu, Ghahramani and Lafferty (ICML 2003), which feature propagation (Rossi et al., arXiv 2111.12128) nears.

The last two read the train interactions of the replicate, and no others.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from recclaims.features.controls.rng import stream
from recclaims.features.extraction import IMPUTATIONS

if TYPE_CHECKING:
    import scipy.sparse as sp
    from numpy.typing import NDArray

    Matrix = NDArray[np.float32]
    Flags = NDArray[np.bool_]

#: Raised when a way of filling in gives other rows.
VERSION = 1
#: How many like items count for one that has no features.
NEIGHBOURS = 20
#: The harmonic solution is sought by steps that cost no dense system; it is there when no entry moves by this share
#: of the largest one, or after so many steps.
STILL, MOST_STEPS = 1e-6, 1000
#: Items whose neighbours are sought at once.
BLOCK = 2048


@dataclass(frozen=True)
class Incomplete:
    """What an imputation may read.

    Attributes:
        matrix: float32 (n_items, d); rows of items that lack features are not read.
        lacks: bool (n_items,), which items these are; some have features.
        users, items: the train interactions of the replicate, integers (n,) each.
        seed: the replicate.
    """

    matrix: Matrix
    lacks: Flags
    users: NDArray[np.integer]
    items: NDArray[np.integer]
    seed: int

    @property
    def known(self) -> Matrix:
        """The rows of the items that have features, float32 (n_known, d)."""
        return self.matrix[~self.lacks]

    def all_alike(self, row: Callable[[Matrix], Matrix]) -> Matrix:
        """One row, made of those that are known, for every item that lacks features."""
        return np.repeat(row(self.known)[None], int(self.lacks.sum()), axis=0)

    def of_users(self) -> sp.csr_matrix:
        """Which users each item has in train, its row scaled to length 1: float64 (n_items, n_users)."""
        import scipy.sparse as sp

        n_users = int(self.users.max(initial=-1)) + 1
        found = sp.csr_matrix(
            (np.ones(len(self.items)), (self.items, self.users)), shape=(len(self.matrix), n_users), dtype=np.float64
        )
        found.data[:] = 1.0  # a pair that is there twice is one user
        lengths = np.sqrt(found.getnnz(axis=1))
        return sp.csr_matrix(sp.diags(1 / np.maximum(lengths, 1)) @ found)


def impute(how: str, given: Incomplete) -> Matrix:
    """Fill in the rows of the items that lack features, as `how` of IMPUTED says.

    Args:
        how: its name.
        given: what is there.

    Returns:
        float32 (n_items, d); the rows of items that have features are as they were.
    """
    made = np.array(given.matrix, dtype=np.float32)
    if given.lacks.any():
        made[given.lacks] = IMPUTED[how](given)
    return made


def _mean(given: Incomplete) -> Matrix:
    return given.all_alike(IMPUTATIONS["mean"])


def _zero(given: Incomplete) -> Matrix:
    return given.all_alike(IMPUTATIONS["zero"])


def _random(given: Incomplete) -> Matrix:
    known = given.known
    return known[stream(given.seed, 0x1A9).integers(len(known), size=int(given.lacks.sum()))]


def _neighbours(given: Incomplete) -> Matrix:
    users = given.of_users()
    near = _nearest(users[given.lacks], users[~given.lacks])
    near.data[:] = 1.0
    return _weighted(near, given.known, _mean(given))


def _propagated(given: Incomplete) -> Matrix:
    import scipy.sparse as sp

    users = given.of_users()
    users_lacking = users[given.lacks]
    # No item is a neighbour of its own.
    columns = np.flatnonzero(given.lacks)
    near = _nearest(users_lacking, users, own=columns)
    total = np.asarray(near.sum(axis=1)).ravel()
    near = sp.csr_matrix(sp.diags(1 / np.where(total > 0, total, 1)) @ near)
    mean = _mean(given)
    from_known = near[:, ~given.lacks] @ given.known.astype(np.float64)
    among = sp.csr_matrix(near[:, given.lacks])
    lost = ~_reach(among, near[:, ~given.lacks].getnnz(axis=1) > 0)
    rows = mean.astype(np.float64)
    for _ in range(MOST_STEPS):
        step = from_known + among @ rows
        step[lost] = mean[lost]
        moved, rows = np.abs(step - rows).max(), step
        if moved <= STILL * np.abs(rows).max():
            break
    return rows.astype(np.float32)


def _nearest(rows: sp.csr_matrix, others: sp.csr_matrix, own: NDArray[np.integer] | None = None) -> sp.csr_matrix:
    """Cosines of each row with the NEIGHBOURS others that are nearest, and all that are as near as the last of them.

    Nothing depends on the order of the others. Float64 (n_rows, n_others), entries above zero.

    Args:
        rows, others: of length 1 or 0 each.
        own: the place among the others of each row, which is no neighbour of itself; None: they are not among them.
    """
    import scipy.sparse as sp

    parts = []
    for start in range(0, rows.shape[0], BLOCK):
        # Rounded, so that pairs that share as much are as near, whatever order their users were added up in.
        alike = np.round((rows[start : start + BLOCK] @ others.T).toarray(), 12)
        if own is not None:
            mine = own[start : start + BLOCK]
            alike[np.arange(len(mine)), mine] = 0
        if alike.shape[1] > NEIGHBOURS:
            last = np.partition(alike, -NEIGHBOURS, axis=1)[:, -NEIGHBOURS, None]
            alike[alike < last] = 0
        parts.append(sp.csr_matrix(alike))
    return sp.csr_matrix(sp.vstack(parts))


def _weighted(weights: sp.csr_matrix, rows: Matrix, otherwise: Matrix) -> Matrix:
    """The mean of rows by weights, or the other one where there are none: float32 (n_weights, d)."""
    total = np.asarray(weights.sum(axis=1)).ravel()
    made = (weights @ rows.astype(np.float64)) / np.where(total > 0, total, 1)[:, None]
    return np.where(total[:, None] > 0, made, otherwise).astype(np.float32)


def _reach(among: sp.csr_matrix, reached: Flags) -> Flags:
    """Whence one comes, from neighbour to neighbour, to an item that has features: bool (n,)."""
    found = reached
    while True:
        further = found | (among @ found.astype(np.float64) > 0)
        if (further == found).all():
            return found
        found = further


IMPUTED: Mapping[str, Callable[[Incomplete], Matrix]] = {
    "mean": _mean,
    "zero": _zero,
    "random": _random,
    "neighbours": _neighbours,
    "propagated": _propagated,
}
