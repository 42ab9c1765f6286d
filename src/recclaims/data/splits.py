"""Splits: which interactions train, which choose, which score; one split per replicate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recclaims.data.dataset import Dataset
from recclaims.data.ids import alike, shown_pairs
from recclaims.errors import DatasetError

TRAIN, VALID, TEST = 0, 1, 2
NAMES = ("train", "valid", "test")
#: Share of a user's interactions that goes to validation, and again to test.
HELD_OUT = 0.1
#: Raised when the same seed would give another split.
VERSION = 1


@dataclass(frozen=True)
class Split:
    """A partition of a dataset's interactions.

    Attributes:
        labels: int8 (n_interactions,), 0 train, 1 valid, 2 test.
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
            return {"strategy": "given"}
        return {"strategy": dataset.strategy, "held_out": HELD_OUT, "seed": seed, "version": VERSION}


def make_split(dataset: Dataset, seed: int) -> Split:
    """Split every user's interactions 80/10/10, at random or in the order of time.

    Of a user's n interactions, max(1, round(0.1 n)) (halves up) go to test and as many to validation; with
    fewer than three, all train. "temporal" holds out each user's latest, test after validation; equal
    timestamps are ordered by the seed, so that replicates differ in nothing else; the dataset's card counts
    the users whom that concerns.

    Args:
        dataset: what to split; a split that came with the data is returned as it is, whatever the seed.
        seed: the replicate.

    Raises:
        DatasetError: a part would be empty, or a temporal split lacks timestamps or, for most users, times that
            differ.
    """
    if dataset.given_split is not None:
        labels = dataset.given_split
    else:
        labels = _draw(dataset, np.random.default_rng([seed, 0x511]))
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

    Raises:
        DatasetError: most users or items of validation or of test are not in train, or one of them is in train but
            for its spelling (three pairs are shown).
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
            lost = np.intersect1d(there, strangers)
            if 2 * len(lost) > len(there):
                raise DatasetError(
                    f"{where}: {len(lost):,} of {len(there):,} {what} of the {part} part are not in train "
                    f"({', '.join(repr(ids[number]) for number in lost[:3])}; train has "
                    f"{', '.join(map(repr, trained[:3]))}); write each id the same way in all parts"
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
