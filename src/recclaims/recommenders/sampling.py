"""Training batches, drawn as each family of implementations draws them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from recclaims.errors import UnknownNameError
from recclaims.recommenders.recbole_bridge import ITEM, NEGATIVE, USER

if TYPE_CHECKING:
    from recbole.data.interaction import Interaction


class PairBatches:
    """Every train pair once an epoch, shuffled, each with one sampled negative; a new iteration is a new epoch.

    A whole epoch is shuffled and its negatives are drawn at once, in numpy: RecBole's loader does the same
    pair by pair in Python. A negative is uniform over the candidates and drawn
    again while it is among the user's train items, as in RecBole and MMRec.

    Args:
        users, items: int64 (n,), internal ids (1 and up) of the train pairs.
        n_items: size of the catalogue.
        batch_size: pairs per batch; the last batch is what remains.
        seed: seed of shuffling and sampling.
        candidates: internal ids that can be negatives; None: the whole catalogue (RecBole's rule). MMRec's
            rule is the items that occur in train.

    Attributes:
        passes: how often an epoch goes over the train part.
    """

    shuffle = True
    passes = 1

    def __init__(
        self,
        users: NDArray[np.int64],
        items: NDArray[np.int64],
        n_items: int,
        batch_size: int,
        seed: int,
        candidates: NDArray[np.int64] | None = None,
    ) -> None:
        self._users, self._items = users, items
        self._width = n_items + 1
        self._seen = np.unique(users * self._width + items)
        self._candidates = np.arange(1, n_items + 1) if candidates is None else candidates
        self._batch_size = batch_size
        self._random = np.random.default_rng([seed, 0x5A3])
        # A user who saw every candidate has no negative; redrawing for them would never end.
        seen_users, seen_items = np.divmod(self._seen, self._width)
        n_seen = np.bincount(seen_users[np.isin(seen_items, self._candidates)])
        self._hopeless = np.flatnonzero(n_seen >= len(self._candidates))

    def __len__(self) -> int:
        return self.passes * self._batches_a_pass()

    def _batches_a_pass(self) -> int:
        return math.ceil(len(self._users) / self._batch_size)

    def take_at_least(self, steps: int) -> None:
        """Let an epoch go over the train part until it has this many batches."""
        self.passes = math.ceil(steps / self._batches_a_pass())

    def __iter__(self) -> Iterator[Interaction]:
        for _ in range(self.passes):
            yield from self._pass()

    def _pass(self) -> Iterator[Interaction]:
        from recbole.data.interaction import Interaction

        users, items = self._epoch()
        columns = [torch.from_numpy(column) for column in (users, items, self.negatives(users))]
        for start in range(0, len(users), self._batch_size):
            batch = (column[start : start + self._batch_size] for column in columns)
            yield Interaction(dict(zip((USER, ITEM, NEGATIVE), batch, strict=True)))

    def _epoch(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The pairs of one epoch in their order, int64 (n,) each."""
        order = self._random.permutation(len(self._users))
        return self._users[order], self._items[order]

    def negatives(self, users: NDArray[np.int64]) -> NDArray[np.int64]:
        """Draw one negative per entry of `users`, int64 (n,)."""
        drawn = self._random.choice(self._candidates, len(users))
        again = np.flatnonzero(~np.isin(users, self._hopeless)) if len(self._hopeless) else np.arange(len(users))
        while len(again):
            again = again[self._is_seen(users[again], drawn[again])]
            drawn[again] = self._random.choice(self._candidates, len(again))
        return drawn

    def _is_seen(self, users: NDArray[np.int64], items: NDArray[np.int64]) -> NDArray[np.bool_]:
        codes = users * self._width + items
        places = np.minimum(np.searchsorted(self._seen, codes), len(self._seen) - 1)
        return np.asarray(self._seen[places] == codes, dtype=bool)


class UserBatches(PairBatches):
    """As many draws an epoch as train has pairs: a user, one of the user's items, and a negative, all uniform.

    Users weigh equally however much they had (Elliot's external VBPR).
    """

    def __init__(self, users: NDArray[np.int64], items: NDArray[np.int64], *rest: Any) -> None:
        order = np.argsort(users, kind="stable")
        super().__init__(users[order], items[order], *rest)
        self._active, self._starts, self._counts = np.unique(self._users, return_index=True, return_counts=True)

    def _epoch(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        places = self._places(len(self._users))
        drawn = self._random.integers(0, self._counts[places])
        return self._active[places], self._items[self._starts[places] + drawn]

    def _places(self, n: int) -> NDArray[np.int64]:
        return self._random.integers(0, len(self._active), n)


class DistinctUserBatches(UserBatches):
    """The same, but no user twice in a batch (Elliot's external LATTICE), so that no batch exceeds the users."""

    def __init__(self, users: NDArray[np.int64], items: NDArray[np.int64], n_items: int, size: int, seed: int) -> None:
        super().__init__(users, items, n_items, min(size, len(np.unique(users))), seed)

    def _places(self, n: int) -> NDArray[np.int64]:
        batches = [
            self._random.permutation(len(self._active))[: self._batch_size] for _ in range(self._batches_a_pass())
        ]
        return np.concatenate(batches)[:n]


def _from_train(
    users: NDArray[np.int64], items: NDArray[np.int64], n_items: int, batch_size: int, seed: int
) -> PairBatches:
    """Make batches of all pairs with negatives from the items that occur in train, MMRec's rule."""
    return PairBatches(users, items, n_items, batch_size, seed, candidates=np.unique(items))


#: How batches are drawn, by the name a recommender declares.
SAMPLERS: Mapping[str, Callable[..., PairBatches]] = {
    "catalogue": PairBatches,
    "train": _from_train,
    "users": UserBatches,
    "distinct-users": DistinctUserBatches,
}


def make_batches(
    sampler: str, users: NDArray[np.int64], items: NDArray[np.int64], n_items: int, batch_size: int, seed: int
) -> PairBatches:
    """Make the batches of a sampler of SAMPLERS; arguments as of PairBatches; raises UnknownNameError."""
    if sampler not in SAMPLERS:
        raise UnknownNameError.of("sampler", sampler, SAMPLERS)
    return SAMPLERS[sampler](users, items, n_items, batch_size, seed)


def history(dataset: Any) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The internal user and item ids of a RecBole train dataset, int64 (n,) each."""
    return dataset.inter_feat[USER].numpy(), dataset.inter_feat[ITEM].numpy()
