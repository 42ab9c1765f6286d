"""The held-out part of a replicate: with it the ranks that a cell keeps are read, and scored for the first time."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from recclaims.data.splits import candidates, relevant
from recclaims.engine.settings import Mask
from recclaims.evaluation.item_lists import ItemLists
from recclaims.evaluation.lists import Catalogue
from recclaims.evaluation.metrics import METRICS, PRIMARY, Ranks, parse_metric

if TYPE_CHECKING:
    from recclaims._model.population import Population, SomeItems, SomeUsers
    from recclaims.data.catalogue import Item
    from recclaims.data.dataset import Dataset
    from recclaims.data.splits import Split


class HeldOut:
    """The test part of one split, and what else decides what a rank says.

    What every cell of the replicate needs is kept, which is little; the rest is made when it is asked for.

    Args:
        dataset, split: which.
    """

    def __init__(self, dataset: Dataset, split: Split) -> None:
        self._dataset, self._split = dataset, split
        self.n_users, self.n_items = len(dataset.user_ids), len(dataset.items)
        lists = self.test
        #: Who wants each test item, int64 (n_test,), in the order of the lists.
        self.test_users = np.repeat(np.arange(self.n_users), lists.lengths)
        flags = relevant(dataset, split.test)[np.argsort(dataset.interactions.users[split.test], kind="stable")]
        #: Which test items count, bool (n_test,), in the same order.
        self.counts: NDArray[np.bool_] = flags
        #: How many items each user should be shown, int64 (n_users,).
        self.wanted: NDArray[np.int64] = np.bincount(self.test_users[flags], minlength=self.n_users)
        #: The users whose items are ranked, int64 (n_scored,).
        self.users: NDArray[np.int64] = np.flatnonzero(lists.lengths)
        #: The items that are ranked, bool (n_items,); None: all, see splits.candidates.
        self.among: NDArray[np.bool_] | None = candidates(dataset, split.test)
        #: Whom nothing is said of, bool (n_users,), see `within`; None: of everybody something.
        self.outside: NDArray[np.bool_] | None = None
        self._within: dict[Population, HeldOut] = {}

    @property
    def test(self) -> ItemLists:
        """The test items of every user, those that do not count included."""
        return self._lists(self._split.test)

    @property
    def train(self) -> ItemLists:
        """The train items of every user, which nobody is recommended."""
        return self._lists(self._split.train)

    @property
    def valid(self) -> ItemLists:
        """The validation items of every user."""
        return self._lists(self._split.valid)

    def within(self, population: Population) -> HeldOut:
        """The same part, of which only some users' relevant items among some items count; all the same are ranked."""
        if population.is_everyone:
            return self
        if population not in self._within:
            self._within[population] = self._narrowed(population)
        return self._within[population]

    def _narrowed(self, population: Population) -> HeldOut:
        found = copy.copy(self)
        found._within = {}
        items = self._items(population.items)[self.test.items] if population.items else np.bool_(True)
        inside = np.ones(self.n_users, dtype=bool)
        if population.users:
            inside = _counted(population.users, self.train.lengths)
            found.outside = ~inside
        found.counts = self.counts & items & inside[self.test_users]
        found.wanted = np.bincount(self.test_users[found.counts], minlength=self.n_users)
        return found

    def _items(self, items: SomeItems) -> NDArray[np.bool_]:
        """Which items are meant, bool (n_items,)."""
        found = _counted(items, self.catalogue.popularity)
        if items.popularity:
            found &= self.catalogue.tail == (items.popularity == "tail")
        for content, wanted in ((items.having, True), (items.lacking, False)):
            if content:
                found &= np.array([_carries(item, content) == wanted for item in self._dataset.items])
        return found

    @cached_property
    def candidates(self) -> NDArray[np.int64]:
        """How many items can be recommended to each user under either mask, as in `Mask`: int64 (2, n_users)."""
        users, items, among = self._dataset.interactions.users, self._dataset.interactions.items, self.among
        train, valid = (
            np.bincount(users[part if among is None else part[among[items[part]]]], minlength=self.n_users)
            for part in (self._split.train, self._split.valid)
        )
        n_all = self.n_items if among is None else int(among.sum())
        return np.stack([n_all - train, n_all - train - valid])

    def by_lot(self, mask: Mask) -> NDArray[np.float64]:
        """Each user's recall@20 on average where a lot ranks, float64 (n_users,); NaN for those who have no value."""
        found = np.full(self.n_users, np.nan)
        counted = (self.wanted > 0) & ~self.fixed(mask)[PRIMARY]
        n_candidates = self.candidates[list(Mask).index(mask)][counted]
        found[counted] = np.minimum(parse_metric(PRIMARY).cutoff or 0, n_candidates) / n_candidates
        return found

    @cached_property
    def catalogue(self) -> Catalogue:
        """What lists are looked at with, without features."""
        items = self._dataset.interactions.items[self._split.train]
        return Catalogue(np.bincount(items, minlength=self.n_items), self.n_users)

    def fixed(self, mask: Mask) -> FixedValues:
        """By metric, whose value no recommender could change: bool (n_users,), see Metric.fixed."""
        return FixedValues(self, mask)

    def ranks(self, of_test: NDArray[np.integer[Any]]) -> Ranks:
        """The ranks of the items that users should be shown.

        Args:
            of_test: the rank of every test item, (n_test,), in the order of the lists.
        """
        return Ranks.of(self.wanted, self.test_users[self.counts], of_test[self.counts].astype(np.int64))

    def _lists(self, index: NDArray[np.integer[Any]]) -> ItemLists:
        interactions = self._dataset.interactions
        return ItemLists.of(interactions.users[index], interactions.items[index], self.n_users)


def _counted(of: SomeUsers, train: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Who has as many train interactions as is said, bool of the shape of `train`."""
    least, most = of.train_at_least, of.train_at_most
    found: NDArray[np.bool_] = train >= (least or 0)
    return found if most is None else found & (train <= most)


def _carries(item: Item, content: str) -> bool:
    """Whether an item has what a population asks for."""
    if content in ("attributes", "answers"):
        return bool(getattr(item, content))
    return item.has(content)


class FixedValues(Mapping[str, NDArray[np.bool_]]):
    """By metric, whose value no recommender could change; any metric may be asked for."""

    def __init__(self, held: HeldOut, mask: Mask) -> None:
        self._held, self._row = held, list(Mask).index(mask)

    def __getitem__(self, metric: str) -> NDArray[np.bool_]:
        return parse_metric(metric).fixed(self._held.wanted, self._held.candidates[self._row])

    def __iter__(self) -> Iterator[str]:
        return iter(METRICS)

    def __len__(self) -> int:
        return len(METRICS)
