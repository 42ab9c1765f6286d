"""Simulated interactions in which content carries a known share of taste: the dose.

    utility of item i for user u = log popularity_i + TASTE (sqrt(1 - dose) c_ui + sqrt(dose) t_ui) + Gumbel noise
    c_ui = <p_u, q_i> / sqrt(RANK)    latent collaborative structure, independent of content
    t_ui = w_u[group of i]            the user's liking of the item's group, which content shows
    popularity of the item at rank r: r^-ZIPF; the ranks are a random permutation
    the dose may be another for the more and the less popular half of the items

p, q and w are standard normal, so the variance of taste is TASTE^2 whatever the dose, which moves its share from c
to t. A user takes the n_u items of highest utility: the Gumbel noise makes that n_u draws without replacement with
probabilities proportional to exp(utility without noise). n_u is log-normal, cut below and above.

Every part has a random stream of its own and only t reads the groups. At dose 0 it is multiplied by zero, so the
interactions are the same, bit for bit, whatever the content is: they cannot depend on it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

#: Raised when the same parameters would give other interactions.
VERSION = 1
ZIPF = 1.0
TASTE = 2.0
RANK = 16
#: Interactions of a user: the median, the deviation of the logarithm, the least, and the largest share of the items.
MEDIAN, SPREAD, LEAST, MOST = 30.0, 0.7, 10, 0.25
#: Users drawn at once.
BLOCK = 1024


def simulate(
    groups: NDArray[np.int64], dose: float | NDArray[np.float64], n_users: int, seed: int, crowd: int = 0
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Draw the interactions of `n_users` users; fewer users with the same seed are the first of more.

    Args:
        groups: int64 (n_items,), the group of each item, 0 to the number of groups - 1.
        dose: share of the variance of taste that comes from the groups, 0 to 1: one for all, or float (n_items,).
        n_users: how many.
        seed: decides everything random.
        crowd: which users: another crowd likes the same items by the same rule.

    Returns:
        Users and items, int32 (n_interactions,) each, sorted by user and item, no pair twice.
    """
    n_items, n_groups = len(groups), int(groups.max()) + 1
    stream = _Streams(seed, crowd)
    log_popularity = -ZIPF * np.log1p(popularity_ranks(n_items, seed))
    of_items = stream("items").standard_normal((n_items, RANK))
    users, items = [], []
    for start in range(0, n_users, BLOCK):
        size = min(BLOCK, n_users - start)
        collaborative = stream("users").standard_normal((size, RANK)) @ of_items.T / np.sqrt(RANK)
        content = stream("content").standard_normal((size, n_groups))[:, groups]
        taste = np.sqrt(1.0 - dose) * collaborative + np.sqrt(dose) * content
        utility = log_popularity + TASTE * taste + stream("choice").gumbel(size=(size, n_items))
        activity = np.exp(np.log(MEDIAN) + SPREAD * stream("activity").standard_normal(size))
        n_taken = np.clip(np.rint(activity), LEAST, max(LEAST, int(MOST * n_items))).astype(np.int64)
        best = np.argsort(-utility, axis=1, kind="stable")
        taken = np.zeros((size, n_items), dtype=bool)
        np.put_along_axis(taken, best, np.arange(n_items) < n_taken[:, None], axis=1)
        user, item = np.nonzero(taken)
        users.append((user + start).astype(np.int32))
        items.append(item.astype(np.int32))
    return np.concatenate(users), np.concatenate(items)


def popularity_ranks(n_items: int, seed: int) -> NDArray[np.int64]:
    """Each item's place by popularity, from 0 for the most popular one: int64 (n_items,)."""
    return _Streams(seed, 0)("popularity").permutation(n_items)


def deal(n_items: int, n_groups: int, seed: int) -> NDArray[np.int64]:
    """Deal items into groups of equal size (but for the remainder) at random: int64 (n_items,)."""
    return _Streams(seed, 0)("groups").permutation(n_items) % n_groups


def deal_pairs(n_items: int, n_first: int, n_second: int, seed: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Deal each item a pair of marks at random, no pair twice: int64 (n_items,) each, places of the marks.

    Raises:
        ValueError: there are fewer pairs than items.
    """
    if n_items > n_first * n_second:
        raise ValueError(f"{n_items} items cannot have a pair each of {n_first} x {n_second} marks")
    dealt = _Streams(seed, 0)("groups").permutation(n_first * n_second)[:n_items]
    return dealt // n_second, dealt % n_second


def lost(n_items: int, share: float, seed: int) -> NDArray[np.bool_]:
    """Which items lose their content, at random and the same ones whatever the share adds: bool (n_items,)."""
    return _Streams(seed, 0)("lost").permutation(n_items) < round(share * n_items)


class _Streams:
    """Named generators, each independent of the others and read from where it was left."""

    _NAMES = ("groups", "popularity", "items", "users", "content", "choice", "activity", "lost")
    _OF_ITEMS = frozenset({"groups", "popularity", "items"})

    def __init__(self, seed: int, crowd: int) -> None:
        self._made = {
            name: np.random.default_rng([seed, 0xE30, i, *([crowd] if crowd and name not in self._OF_ITEMS else [])])
            for i, name in enumerate(self._NAMES)
        }

    def __call__(self, name: str) -> np.random.Generator:
        return self._made[name]
