"""Splits: which interactions train, which choose, which score; one split per replicate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recclaims.data.dataset import Dataset
from recclaims.data.ids import alike, shown_pairs
from recclaims.errors import DatasetError

TRAIN, VALID, TEST, LEFT_OUT = 0, 1, 2, 3
NAMES = ("train", "valid", "test")
#: Share of a user's interactions, or of the items, that goes to validation, and again to test.
HELD_OUT = 0.1
#: Raised when the same seed would give another split.
VERSION = 1
#: Raised when the same seed would hold out other items.
COLD_VERSION = 1
#: Of fewer items none are held out altogether: one would be all there is to choose from.
LEAST_ITEMS = 20


@dataclass(frozen=True)
class Split:
    """A partition of a dataset's interactions.

    Attributes:
        labels: int8 (n_interactions,), 0 train, 1 valid, 2 test; 3 takes no part: the item is held out and the user has
            nothing in train.
    """

    labels: NDArray[np.int8]

    @property
    def train(self) -> NDArray[np.int64]:
        """Indices of the train interactions."""
        return np.flatnonzero(self.labels == TRAIN)

    @property
    def valid(self) -> NDArray[np.int64]:
        """Indices of the validation interactions."""
        return np.flatnonzero(self.labels == VALID)

    @property
    def test(self) -> NDArray[np.int64]:
        """Indices of the test interactions."""
        return np.flatnonzero(self.labels == TEST)

    @staticmethod
    def recipe(dataset: Dataset, seed: int) -> dict[str, Any]:
        """What a split depends on besides the interactions; a given split depends on nothing else."""
        if dataset.given_split is not None:
            return {"strategy": "given", **({"cold": COLD_VERSION} if dataset.holds_out_items else {})}
        version = COLD_VERSION if dataset.holds_out_items else VERSION
        return {"strategy": dataset.strategy, "held_out": HELD_OUT, "seed": seed, "version": version}


def make_split(dataset: Dataset, seed: int) -> Split:
    """Split every user's interactions 80/10/10, at random or in the order of time; or the items, "cold".

    Of a user's n interactions, max(1, round(0.1 n)) (halves up) go to test and as many to validation; with
    fewer than three, all train. "temporal" holds out each user's latest, test after validation; equal
    timestamps are ordered by the seed, so that replicates differ in nothing else; the dataset's card counts
    the users whom that concerns.

    "cold" holds items out altogether: of the m items that anybody had, round(0.1 m) (halves up), drawn alike, are the
    test items and as many others the validation items, with all their interactions; the rest trains. Of a user who has
    nothing in train nothing is known, and what is held out of theirs takes no part. The same ids and pairs give the
    same split in any order.

    Args:
        dataset: what to split; a split that came with the data is returned as it is, whatever the seed, but for what
            takes no part of a cold one.
        seed: the replicate.

    Raises:
        DatasetError: a part would be empty, a temporal split lacks timestamps or, for most users, times that differ, or
            there are fewer than LEAST_ITEMS items to hold some out.
    """
    if dataset.given_split is not None:
        labels = dataset.given_split
    elif dataset.holds_out_items:
        labels = _hold_out_items(dataset, np.random.default_rng([seed, 0xC01D]))
    else:
        labels = _draw(dataset, np.random.default_rng([seed, 0x511]))
    if dataset.holds_out_items:
        users = dataset.interactions.users
        known = np.bincount(users[labels == TRAIN], minlength=len(dataset.user_ids)) > 0
        labels = np.where((labels != TRAIN) & ~known[users], LEFT_OUT, labels).astype(np.int8)
    for label, name in enumerate(NAMES):
        if not (labels == label).any():
            raise DatasetError(
                f"dataset '{dataset.name}': the {name} part of the split is empty "
                f"({len(dataset.interactions):,} interactions of {len(dataset.user_ids):,} users)"
            )
    return Split(labels)


def _draw(dataset: Dataset, random: np.random.Generator) -> NDArray[np.int8]:
    interactions = dataset.interactions
    users, n = interactions.users, len(interactions)
    keys: list[NDArray[Any]] = [random.random(n), users]
    if dataset.strategy == "temporal":
        if interactions.timestamps is None:
            raise DatasetError(f"dataset '{dataset.name}': a temporal split needs a timestamp column")
        _check_times(dataset)
        keys.insert(1, interactions.timestamps)
    order = np.lexsort(keys)
    counts = np.bincount(users, minlength=len(dataset.user_ids))
    from_end = np.empty(n, dtype=np.int64)
    from_end[order] = np.repeat(np.cumsum(counts), counts) - np.arange(n) - 1
    held = np.where(counts >= 3, np.maximum(1, np.floor(HELD_OUT * counts + 0.5)), 0).astype(np.int64)[users]
    labels = np.full(n, TRAIN, dtype=np.int8)
    labels[from_end < 2 * held] = VALID
    labels[from_end < held] = TEST
    return labels


def _hold_out_items(dataset: Dataset, random: np.random.Generator) -> NDArray[np.int8]:
    had = np.unique(dataset.interactions.items)
    if len(had) < LEAST_ITEMS:
        raise DatasetError(
            f"dataset '{dataset.name}': a cold split holds out a tenth of the items for test and as many for "
            f"validation, for which it needs {LEAST_ITEMS} items with interactions; there are {len(had)}"
        )
    # By their ids: the order of the catalogue decides nothing.
    ids = dataset.items
    drawn = random.permutation(sorted(had.tolist(), key=lambda number: ids[number].item_id))
    n = int(HELD_OUT * len(had) + 0.5)
    of_items = np.full(len(ids), TRAIN, dtype=np.int8)
    of_items[drawn[:n]], of_items[drawn[n : 2 * n]] = TEST, VALID
    labels: NDArray[np.int8] = of_items[dataset.interactions.items]
    return labels


def candidates(dataset: Dataset, part: NDArray[np.int64]) -> NDArray[np.bool_] | None:
    """Among which items those of a held-out part are ranked: bool (n_items,), or None for all.

    Where items are held out altogether, they are the items of that part: whoever learns how often items are had ranks
    all of them behind every other, whatever it says of each.

    Args:
        dataset: whose items.
        part: the interactions that are held out.
    """
    if not dataset.holds_out_items:
        return None
    found = np.zeros(len(dataset.items), dtype=bool)
    found[dataset.interactions.items[part]] = True
    return found


def _check_times(dataset: Dataset) -> None:
    """Refuse times that say nothing: the split would be a random one by another name."""
    n_same, n_users = dataset.users_of_one_time()
    if 2 * n_same > n_users:
        raise DatasetError(
            f"dataset '{dataset.name}': a temporal split needs different timestamps, but {n_same:,} of {n_users:,} "
            f"users have one timestamp for all of theirs; write 'random'"
        )


def check_known(dataset: Dataset, where: str) -> None:
    """Refuse a given split whose parts hardly share their users or items: no model could be told from another.

    A cold one must share no item with train.

    Raises:
        DatasetError: most users or items of validation or of test are not in train, or one of them is in train but
            for its spelling (three pairs are shown); or the split is said to be cold and is not.
    """
    if dataset.given_split is None:
        return
    interactions, train = dataset.interactions, dataset.given_split == TRAIN
    users, items = dataset.strangers
    item_ids = [item.item_id for item in dataset.items]
    for what, column, ids, strangers in (
        ("users", interactions.users, dataset.user_ids, users),
        ("items", interactions.items, item_ids, items),
    ):
        trained = [ids[number] for number in np.unique(column[train])]
        pairs = alike([ids[number] for number in strangers], trained)
        if pairs:
            raise DatasetError(
                f"{where}: {len(pairs):,} {what} of validation and test differ from those of train only in spelling: "
                f"{shown_pairs(pairs)}; write each id the same way in all parts"
            )
        for label, part in ((VALID, "validation"), (TEST, "test")):
            there = np.unique(column[dataset.given_split == label])
            if what == "items" and dataset.holds_out_items:
                _check_cold(dataset, where, part, np.setdiff1d(there, strangers))
                continue
            lost = np.intersect1d(there, strangers)
            if 2 * len(lost) > len(there):
                raise DatasetError(
                    f"{where}: {len(lost):,} of {len(there):,} {what} of the {part} part are not in train "
                    f"({', '.join(repr(ids[number]) for number in lost[:3])}; train has "
                    f"{', '.join(map(repr, trained[:3]))}); write each id the same way in all parts"
                    + ("; or split = 'cold', if these items are held out altogether" if what == "items" else "")
                )


def _check_cold(dataset: Dataset, where: str, part: str, trained: NDArray[np.integer[Any]]) -> None:
    """Refuse a given split as a cold one where items of a held-out part are in train."""
    if len(trained):
        shown = ", ".join(repr(dataset.items[number].item_id) for number in trained[:3])
        raise DatasetError(
            f"{where}: split is 'cold', but the data came with a split, and {len(trained):,} items of its {part} part "
            f"are in train, too ({shown}); leave that split out to have items drawn, or 'cold' to use it"
        )


def check_relevant(dataset: Dataset, split: Split) -> None:
    """Refuse a split in whose held-out parts nothing counts: nothing could choose an epoch, or be found.

    Raises:
        DatasetError: no interaction of the validation part, or none of the test part, is relevant; the parts of a
            given split do not meet (see check_known); or a temporal split's times do not differ.
    """
    check_known(dataset, f"dataset '{dataset.name}'")
    if dataset.given_split is None and dataset.strategy == "temporal":
        _check_times(dataset)  # once more: the split may be a stored one
    for index, name in ((split.valid, "valid"), (split.test, "test")):
        if not relevant(dataset, index).any():
            raise DatasetError(
                f"dataset '{dataset.name}': none of {len(index):,} interactions in the {name} part of the split is "
                f"relevant (ratings from {dataset.relevance:g})"
            )


def relevant(dataset: Dataset, index: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which of these interactions count as relevant when scoring: bool, the shape of `index`."""
    ratings = dataset.interactions.ratings
    if dataset.relevance is None or ratings is None:
        return np.ones(len(index), dtype=bool)
    return np.asarray(ratings[index] >= dataset.relevance)
