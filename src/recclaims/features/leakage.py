"""Do features know held-out interactions? Given their effect, independent causes repel one another.

Content does not depend on chance: given how likely an interaction is, two users' interactions with an item are
independent, whatever the features. Features that were made from these interactions are their common effect, and given
a common effect its causes are no longer independent (Berkson 1946): what features leave unexplained is then smaller
than chance alone would make it. Where content explains taste badly, the rest is larger than chance, never smaller.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from scipy.sparse.linalg import svds

from recclaims.features.digests import id_keys

#: Raised when the same features and interactions would give another z.
VERSION = 1
#: Features beyond this are refused; of the honest ones measured none was above 1.5 (docs/methods.md).
MOST_Z = 4.0
#: Groups of which each is held out once, where a split is drawn for every replicate.
FOLDS = 5
#: Of more users, a sample; of more items, those with most interactions.
MOST_USERS, MOST_ITEMS = 20_000, 8_000
#: With fewer of either there is nothing to tell by.
FEWEST_USERS, FEWEST_ITEMS = 50, 50
#: Principal components of the features, contrasts between users, directions of the train part, and draws of signs.
COMPONENTS, CONTRASTS, DIRECTIONS, DRAWS = 128, 16, 32, 48

Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class Leakage:
    """What came of the check.

    Attributes:
        z: by how many standard deviations the features explain more than chance leaves to explain; below zero where
            taste is left that they do not explain; None: too few users, items or interactions to tell.
        fixed: whether all replicates hold out the same interactions, so that features of train are admissible.
    """

    z: float | None
    fixed: bool

    @property
    def line(self) -> str:
        """`knows held-out interactions: no (z = -4.8)`."""
        return f"knows held-out interactions: {self.short}"

    @property
    def short(self) -> str:
        """`no (z = -4.8)`, or why nothing is known."""
        if self.z is None:
            return "cannot be told (too few users, items or interactions)"
        return f"{'yes' if self.z > MOST_Z else 'no'} (z = {self.z:.1f})"

    def inadmissible(self) -> str | None:
        """Why no claim can rest on these features, or None."""
        if self.z is None or self.z <= MOST_Z:
            return None
        remedy = (
            "make them without the validation and test parts"
            if self.fixed
            else "every replicate holds out others, so no split makes features of interactions admissible"
        )
        return f"the features know held-out interactions (z = {self.z:.1f}, at most {MOST_Z:g}): {remedy}"


def check(
    matrix: NDArray[np.float32],
    users: NDArray[np.integer],
    items: NDArray[np.integer],
    user_ids: Sequence[str],
    item_ids: Sequence[str],
    held: NDArray[np.bool_] | None = None,
) -> Leakage:
    """Whether features of items know interactions that are held out.

    For contrasts w between users (sum over users of w_u n_u = 0) that the train part and the features suggest, a is
    the sum of w_u times the held-out interactions of u, over the root of the items' popularity, and r what a leaves
    when the features, the popularity and the train part are regressed out. Independent users make E |r|² at least
    the sum of w_u² |r_u|², r_u being the same of one user. The shortfall, summed over contrasts, is divided by its
    standard deviation when every user's w changes sign at random. It depends on ids, not on the order of anything.

    Args:
        matrix: float32 (n_items, d).
        users, items: int (n,), the interactions.
        user_ids, item_ids: the ids behind them; they decide samples, folds and signs.
        held: bool (n,), what every replicate holds out; None: every replicate draws its own split.
    """
    fixed = held is not None
    user_keys, item_keys = id_keys(user_ids), id_keys(item_ids)
    rows = _sample(users, items, user_keys, item_keys)
    chosen = np.isin(users, rows[0]) & np.isin(items, rows[1])
    u, i = np.searchsorted(rows[0], users[chosen]), np.searchsorted(rows[1], items[chosen])
    few = len(rows[0]) < FEWEST_USERS or len(rows[1]) < FEWEST_ITEMS
    base = None if few else _components(np.asarray(matrix[rows[1]], dtype=np.float64))
    if base is None or not base.shape[1]:
        return Leakage(None, fixed)
    if held is not None:
        parts = [held[chosen]]
    else:
        mixed = user_keys[users[chosen]] * np.uint64(0x9E3779B97F4A7C15) ^ item_keys[items[chosen]]
        fold = (mixed * np.uint64(0xBF58476D1CE4E5B9) >> np.uint64(33)) % np.uint64(FOLDS)
        parts = [fold == number for number in range(FOLDS)]
    bits = user_keys[rows[0]][:, None] >> np.arange(DRAWS, dtype=np.uint64)[None, :] & np.uint64(1)
    signs = np.column_stack([np.ones(len(rows[0])), 2.0 * bits - 1])
    shape = len(rows[0]), len(rows[1])
    found = [_shortfalls(base, _counts(u, i, ~part, shape), _counts(u, i, part, shape), signs) for part in parts]
    observed, *null = np.sum(found, axis=0)
    spread = float(np.sqrt(np.mean(np.square(null))))
    return Leakage(float(observed / spread) if spread > 0 else None, fixed)


def _sample(
    users: NDArray[np.integer],
    items: NDArray[np.integer],
    user_keys: NDArray[np.uint64],
    item_keys: NDArray[np.uint64],
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Whom and what is looked at, sorted indices: users by their ids, items by popularity, then by their ids."""
    some = np.sort(np.argsort(user_keys, kind="stable")[:MOST_USERS])
    popularity = np.bincount(items, minlength=len(item_keys))
    order = np.lexsort([item_keys, -popularity])[:MOST_ITEMS]
    active = np.bincount(users, minlength=len(user_keys)) > 0
    return some[active[some]], np.sort(order[popularity[order] > 0])


def _counts(
    users: NDArray[np.int64], items: NDArray[np.int64], part: NDArray[np.bool_], shape: tuple[int, int]
) -> csr_matrix:
    return csr_matrix((np.ones(int(part.sum())), (users[part], items[part])), shape)


def _components(rows: Matrix) -> Matrix:
    """The first principal components, (n, at most min(COMPONENTS, d, n / 8)), by a sketch where there are more."""
    rows = rows - rows.mean(axis=0)
    wanted = min(COMPONENTS, rows.shape[1], len(rows) // 8)
    if rows.shape[1] > wanted:
        # Two passes over the rows: the directions of most variance, nearly exactly (Halko et al. 2011).
        sketch = np.random.default_rng(0).standard_normal((rows.shape[1], wanted + 16))
        inner = _basis(rows @ sketch)
        rows = rows @ np.linalg.qr(rows.T @ inner)[0]
    return _whitened(rows, 1e-10, wanted)


def _whitened(columns: Matrix, least: float, most: int = 0) -> Matrix:
    """Orthonormal principal axes of what columns span: (n, at most `most`, or all where it is 0).

    Those whose variance is less than the share `least` of the largest are rounding, and left out.
    """
    values, vectors = np.linalg.eigh(columns.T @ columns)
    kept = np.flatnonzero(values > least * max(float(values[-1]), 1e-300))[-most:]
    return np.asarray(columns @ (vectors[:, kept] / np.sqrt(values[kept])))


def _basis(columns: Matrix) -> Matrix:
    """An orthonormal basis of what columns span, without those that the others give but for rounding."""
    lengths = np.linalg.norm(columns, axis=0)
    columns = columns / np.where(lengths > 0, lengths, 1)
    return np.asarray(np.linalg.qr(_whitened(columns, 1e-9))[0])


def _shortfalls(base: Matrix, train: csr_matrix, held: csr_matrix, signs: Matrix) -> Matrix:
    """For every column of signs, by how much the held-out part is explained better than chance allows, (n_signs,)."""
    of_train, of_held = (np.asarray(part.sum(axis=0)).ravel() for part in (train, held))
    popularity = of_train + of_held
    scale = 1 / np.sqrt(popularity + 1)
    train, held = (csr_matrix(part.multiply(scale[None, :])) for part in (train, held))
    known = np.column_stack([scale, scale * of_train, scale * of_held])
    # Sums over an item's users grow with its popularity, means do not: the features may be either.
    read = np.column_stack([scale[:, None] * base, (scale * popularity)[:, None] * base])
    # At most half of the items' freedom is spent, however few there are.
    directions, contrasted = (min(most, min(train.shape) // 8) for most in (DIRECTIONS, CONTRASTS))
    shared = svds(train, k=directions, v0=np.ones(min(train.shape)))[2].T
    start = _basis(known)
    length = np.linalg.norm(read, axis=0)
    apart = read / np.where(length > 0, length, 1)
    scores = train @ _basis(apart - start @ (start.T @ apart))
    contrasts = _whitened(scores, 1e-9, contrasted)
    active = np.asarray(held.getnnz(axis=1), dtype=np.float64)
    contrasts -= np.outer(active, active @ contrasts) / max(float(active @ active), 1.0)
    basis = _basis(np.column_stack([known, shared, train.T @ contrasts, read]))
    own = np.asarray(held.multiply(held).sum(axis=1)).ravel() - np.square(held @ basis).sum(axis=1)
    chance = float(np.square(contrasts).sum(axis=1) @ own)
    found = []
    for sign in signs.T:
        sums = held.T @ (contrasts * sign[:, None])
        found.append(chance - (np.square(sums).sum() - np.square(basis.T @ sums).sum()))
    return np.asarray(found)
