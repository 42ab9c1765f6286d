"""A cell as it lies in the store: checked when it is found, any metric computed from its ranks when it is asked for.

The values of all users in all cells of a run are more than a machine need hold: 40 cells of 300,000 users are 0.6 GB.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from recclaims._model.cell import Cell
from recclaims.engine.cell import CellResult, UserValues
from recclaims.engine.held_out import HeldOut
from recclaims.engine.settings import Mask
from recclaims.errors import RecclaimsError, StoreError, UnknownNameError
from recclaims.evaluation.lists import LIST_LENGTH, LIST_METRICS, Catalogue
from recclaims.evaluation.metrics import METRICS, Ranks, check_comparable, parse_metric
from recclaims.evaluation.ranking import listed_of, without

if TYPE_CHECKING:
    from recclaims._model.population import Population
    from recclaims.store import Artefact

RANKINGS, FACTS = "rankings", "facts"
#: Arrays of users' values that are kept in memory, the last that were asked for: a case asks for those of two arms.
REMEMBERED = 32


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < math.inf


def _is_count(value: object) -> bool:
    return isinstance(value, int) and _is_number(value)


def _is_text(value: object) -> bool:
    return isinstance(value, str)


#: What a cell says of itself, each with what it must be; None is as good where it is among the second.
_MUST: Mapping[str, Callable[[object], bool]] = {
    "epochs": _is_count, "best_epoch": _is_count, "trials": _is_count, "seconds": _is_number, "peak_mb": _is_number,
    "tuned": lambda value: isinstance(value, dict), "scores": _is_text,
}  # fmt: skip
_MAY: Mapping[str, Callable[[object], bool]] = {"valid_score": _is_number, "content": _is_text, "derived": _is_text}


class StoredRankings:
    """The ranks and lists of a cell, read from the store each time.

    Args:
        artefact: where they lie.
        held: the part that was ranked.
    """

    def __init__(self, artefact: Artefact, held: HeldOut) -> None:
        self._artefact, self._held = artefact, held
        self._kind = np.min_scalar_type(held.n_items)

    def _array(self, name: str, *shape: int) -> NDArray[np.int64]:
        return self._artefact.packed(RANKINGS, name, shape, self._kind).astype(np.int64)

    def test_ranks(self, mask: Mask) -> NDArray[np.int64]:
        """The rank of every test item under a mask, from 1, by user as `HeldOut.test`: int64 (n_test,)."""
        n_test = len(self._held.test_users)
        ranks = self._array("ranks", n_test)
        return ranks if mask is Mask.TRAIN else ranks - self._array("fewer", n_test)

    def ranks(self, mask: Mask) -> Ranks:
        """The ranks of the items that users should be shown."""
        return self._held.ranks(self.test_ranks(mask))

    def lists(self, mask: Mask) -> NDArray[np.int64]:
        """The best candidates of the users in `HeldOut.users`, int64 (n_scored, LIST_LENGTH or n_items).

        n_items stands where a user has no more candidates.
        """
        held = self._held
        top = self._array("top", len(held.users), min(LIST_LENGTH, held.n_items))
        if mask is Mask.TRAIN:
            return top
        gone = listed_of(top, held.valid, held.users, held.n_items)
        return without(top, gone, self._array("more", int(gone.sum())))

    def check(self) -> None:
        """Raise a StoreError where ranks and lists are no ranking of this part, or contradict each other."""
        path = self._artefact.path
        try:
            self._check()
        except StoreError as error:
            what = str(error).removeprefix(f"{path}/")
            raise StoreError(f"{path}: not the result of a cell: {what}") from error

    def _check(self) -> None:
        held = self._held
        if (self._array("candidates", 2, len(held.users)) != held.candidates[:, held.users]).any():
            raise StoreError("candidate counts of another split")
        if (self.lists(Mask.TRAIN) > held.n_items).any():
            raise StoreError("lists of items that do not exist")
        rows = np.repeat(np.arange(len(held.users)), np.bincount(held.test_users, minlength=held.n_users)[held.users])
        items = held.test.items
        for mask in Mask:
            ranks, lists = self.test_ranks(mask), self.lists(mask)
            beyond = ranks[(ranks < 1) | (ranks > held.n_items)]
            if beyond.size:
                raise StoreError(f"a rank of {beyond[0]}")
            if len(np.unique(rows * (held.n_items + 1) + ranks)) != len(ranks):
                raise StoreError("two items of a user with the same rank")
            near = ranks <= lists.shape[1]
            listed = lists[rows[near], ranks[near] - 1]
            # What has no score has a rank, but no place in a list.
            if ((listed != items[near]) & (listed < held.n_items)).any():
                raise StoreError("ranks that contradict its lists")


class StoredValues(UserValues):
    """By metric, the values of all users: those of METRICS, and any other that is asked for.

    Args:
        rankings: where they come from.
        held: what they are read with.
        mask: which items are no candidates.
        remembered: what keeps values that are asked for again; None: one of its own.
    """

    def __init__(
        self, rankings: StoredRankings, held: HeldOut, mask: Mask, remembered: Remembered | None = None
    ) -> None:
        self.rankings, self.held, self.mask = rankings, held, mask
        self._remembered = remembered or Remembered()

    def __getitem__(self, metric: str) -> NDArray[np.float64]:
        check_comparable(metric)
        return self._remembered.values(self.rankings, self.held, self.mask, metric)

    def within(self, population: Population) -> StoredValues:
        """See UserValues."""
        return StoredValues(self.rankings, self.held.within(population), self.mask, self._remembered)

    def __contains__(self, metric: object) -> bool:
        try:
            check_comparable(metric)
        except UnknownNameError:
            return False
        return True

    def __iter__(self) -> Iterator[str]:
        return iter(METRICS)

    def __len__(self) -> int:
        return len(METRICS)

    def of_lists(self, metric: str, features: NDArray[np.floating] | None = None) -> float | NDArray[np.float64]:
        """A metric of lists: of the run, or of every user, float64 (n_users,), NaN for those without a test item.

        Args:
            metric: as `coverage@20`.
            features: one row per item, float (n_items, d), which `ils` asks for.

        Raises:
            UnknownNameError, RecclaimsError: there is no such metric, or it asks for features that are not given.
        """
        found = parse_metric(metric)
        if not found.of_lists:
            raise UnknownNameError.of("metric of lists", found.name, LIST_METRICS)
        if found.name == "ils" and features is None:
            raise RecclaimsError(f"metric '{metric}' compares items by their features; give them, one row per item")
        plain = self.held.catalogue
        lists = self.rankings.lists(self.mask)[:, : found.cutoff]
        value = LIST_METRICS[found.name].values(lists, Catalogue(plain.popularity, plain.n_users, features))
        if isinstance(value, float):
            return value
        values = np.full(self.held.n_users, np.nan)
        values[self.held.users] = value
        return values


class Remembered:
    """The values that were last asked for of some cells: a pipeline has one, so that no run's outlive it."""

    def __init__(self) -> None:
        self.values = lru_cache(maxsize=REMEMBERED)(self._values)
        self._ranks = lru_cache(maxsize=2)(_ranks)

    def __reduce__(self) -> tuple[type[Remembered], tuple[()]]:
        return Remembered, ()

    def _values(self, rankings: StoredRankings, held: HeldOut, mask: Mask, metric: str) -> NDArray[np.float64]:
        parsed = parse_metric(metric)
        if parsed.of_lists:
            values = np.asarray(StoredValues(rankings, held, mask, self).of_lists(metric))
        else:
            values = parsed.values(self._ranks(rankings, held, mask))
        if held.outside is not None:
            values[held.outside] = np.nan
        values[held.fixed(mask)[metric]] = np.nan
        values.flags.writeable = False
        return values


def _ranks(rankings: StoredRankings, held: HeldOut, mask: Mask) -> Ranks:
    return held.ranks(rankings.test_ranks(mask))


def read_cell(
    cell: Cell,
    artefact: Artefact,
    held: HeldOut,
    mask: Mask,
    fresh: bool = False,
    remembered: Remembered | None = None,
) -> CellResult:
    """The result of a cell.

    Args:
        cell: its coordinates.
        artefact: what the store has.
        held: the part that was ranked: whose items have ranks, and nobody else's.
        mask: which items are no candidates for what is computed from it.
        fresh: whether this process computed it just now; whoever reads it from the store checks it.
        remembered: see StoredValues.

    Raises:
        StoreError: it is not what a cell's result is: a rank beyond the catalogue, arrays of another length, other
            facts.
    """
    facts: Any = artefact.json(FACTS)
    for names, may in ((_MUST, False), (_MAY, True)):
        for name, fits in names.items():
            value = facts.get(name, math.nan) if isinstance(facts, dict) else math.nan
            if not (fits(value) or (may and value is None)):
                raise StoreError(f"{artefact.path}: not the result of a cell: its fact '{name}'")
    rankings = StoredRankings(artefact, held)
    if not fresh:
        rankings.check()
    return CellResult(
        cell=cell,
        key=artefact.key,
        per_user=StoredValues(rankings, held, mask, remembered),
        **{name: facts[name] for name in (*_MUST, *_MAY)},
        fresh=fresh,
    )
