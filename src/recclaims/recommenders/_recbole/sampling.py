"""Training batches, drawn as each family of implementations draws them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from recclaims.errors import UnknownNameError
from recclaims.recommenders._kernels import draws
from recclaims.recommenders._recbole.bridge import ITEM, NEGATIVE, USER

if TYPE_CHECKING:
    from recbole.data.interaction import Interaction


#: Users times candidates up to which what each user has not seen is written out, 8 bytes each, not searched for: from
#: the second pass on, as for one, all that is made of what trains nothing, it takes longer.
WRITTEN_OUT = 2**22


class PairBatches:
    """Every train pair once an epoch, shuffled, each with one sampled negative; a new iteration is a new epoch.

    A negative is uniform over the candidates that are not among the user's train items, as in RecBole and MMRec. It is
    not drawn again until it is none of them, but by its number among those that are left. All numbers are drawn by
    counters, see draws: `batched.sampling` draws the same ones on a GPU.

    Args:
        users, items: int64 (n,), internal ids (1 and up) of the train pairs.
        n_items: size of the catalogue.
        batch_size: pairs per batch; the last batch is what remains.
        seed: seed of shuffling and sampling.
        candidates: internal ids that can be negatives, ascending; None: the whole catalogue (RecBole's rule). MMRec's
            rule is the items that occur in train.

    Attributes:
        users, items: the pairs, in the order that numbers refer to.
        passes: how often an epoch goes over the train part.
        passed: how often that was done.
        seed, batch_size, candidates: as given.
        free: of each user id, how many candidates the user has not seen, int64 (largest id + 1,).
        starts: of each user id, where `gaps` begins, int64 (largest id + 1,).
        gaps: of each user and each candidate seen, in this order, int64: user * (number of candidates + 1), plus how
            many candidates before that one the user has not seen.
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
        self.users, self.items, self.seed = users, items, seed
        self.candidates = np.arange(1, n_items + 1) if candidates is None else candidates
        self.batch_size = batch_size
        self.passed = 0
        self._find_gaps(n_items)

    def _find_gaps(self, n_items: int) -> None:
        codes = np.sort(self.users * (n_items + 1) + self.items)
        users, items = np.divmod(codes[np.diff(codes, prepend=-1) > 0], n_items + 1)
        places = np.minimum(np.searchsorted(self.candidates, items), len(self.candidates) - 1)
        among = self.candidates[places] == items
        users, places = users[among], places[among]
        counts = np.bincount(users, minlength=self.users.max() + 1)
        self.starts = np.cumsum(counts) - counts
        self.free = len(self.candidates) - counts
        rank = np.arange(len(users)) - self.starts[users]
        self.gaps = users * (len(self.candidates) + 1) + places - rank

    def __len__(self) -> int:
        return self.passes * self.batches_a_pass()

    def batches_a_pass(self) -> int:
        """How many batches the train part makes."""
        return math.ceil(len(self.users) / self.batch_size)

    def take_at_least(self, steps: int) -> None:
        """Let an epoch go over the train part until it has this many batches."""
        self.passes = math.ceil(steps / self.batches_a_pass())

    def __iter__(self) -> Iterator[Interaction]:
        for _ in range(self.passes):
            yield from self._pass()

    def _pass(self) -> Iterator[Interaction]:
        from recbole.data.interaction import Interaction

        columns = [torch.from_numpy(column) for column in self.drawn(self.passed)]
        self.passed += 1
        for start in range(0, len(self.users), self.batch_size):
            batch = (column[start : start + self.batch_size] for column in columns)
            yield Interaction(dict(zip((USER, ITEM, NEGATIVE), batch, strict=True)))

    def drawn(self, number: int) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """Users, their items and their negatives of the pass with this number, int64 (n,) each, in their order."""
        users, items = self._pairs(number)
        return users, items, self._negatives(users, number)

    def _bits(self, number: int, purpose: int, places: NDArray[np.int64]) -> NDArray[np.int64]:
        return draws.bits(draws.key(self.seed, purpose, number), places)

    def _pairs(self, number: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        order = draws.order(self._bits(number, draws.SHUFFLE, np.arange(len(self.users))))
        return self.users[order], self.items[order]

    def _negatives(self, users: NDArray[np.int64], number: int) -> NDArray[np.int64]:
        n_candidates, free = len(self.candidates), self.free[users]
        # A user who saw every candidate has no negative, and is given any.
        drawn = draws.below(
            self._bits(number, draws.NEGATIVES, np.arange(len(users))), np.where(free > 0, free, n_candidates)
        )
        if number and len(self.free) * n_candidates <= WRITTEN_OUT:
            firsts, unseen = self._unseen
            negatives: NDArray[np.int64] = unseen.take(firsts.take(users) + drawn)
            return negatives
        passed_over = np.searchsorted(self.gaps, users * (n_candidates + 1) + drawn, side="right") - self.starts[users]
        return self.candidates[np.where(free > 0, drawn + passed_over, drawn)]

    @cached_property
    def _unseen(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Of each user id, where the candidates begin that the user has not seen, or all of none is left; and these."""
        n_candidates = len(self.candidates)
        users = np.repeat(np.arange(len(self.free)), n_candidates - self.free)
        places = self.gaps - users * (n_candidates + 1) + np.arange(len(users)) - self.starts[users]
        unseen = np.ones((len(self.free), n_candidates), dtype=np.bool_)
        unseen[users, places] = False
        unseen[self.free == 0] = True
        counts = unseen.sum(axis=1)
        return np.cumsum(counts) - counts, self.candidates[np.nonzero(unseen)[1]]


class UserBatches(PairBatches):
    """As many draws an epoch as train has pairs: a user, one of the user's items, and a negative, all uniform.

    Users weigh equally however much they had (Elliot's external VBPR).

    Attributes:
        active, firsts, counts: ids of the users in train, where the pairs of each begin, and how many there are.
    """

    def __init__(self, users: NDArray[np.int64], items: NDArray[np.int64], *rest: Any) -> None:
        order = np.argsort(users, kind="stable")
        super().__init__(users[order], items[order], *rest)
        self.active, self.firsts, self.counts = np.unique(self.users, return_index=True, return_counts=True)

    def _pairs(self, number: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        places = self._places(number)
        drawn = draws.below(self._bits(number, draws.ITEMS, np.arange(len(places))), self.counts[places])
        return self.active[places], self.items[self.firsts[places] + drawn]

    def _places(self, number: int) -> NDArray[np.int64]:
        return draws.below(self._bits(number, draws.USERS, np.arange(len(self.users))), len(self.active))


class DistinctUserBatches(UserBatches):
    """The same, but no user twice in a batch (Elliot's external LATTICE), so that no batch exceeds the users."""

    def __init__(self, users: NDArray[np.int64], items: NDArray[np.int64], n_items: int, size: int, seed: int) -> None:
        super().__init__(users, items, n_items, min(size, len(np.unique(users))), seed)

    def _places(self, number: int) -> NDArray[np.int64]:
        n_users, n_batches = len(self.active), self.batches_a_pass()
        lots = self._bits(number, draws.USERS, np.arange(n_batches * n_users)).reshape(n_batches, n_users)
        chosen = np.argpartition(lots, self.batch_size - 1, axis=1)[:, : self.batch_size]
        order = np.argsort(np.take_along_axis(lots, chosen, axis=1), axis=1)
        return np.take_along_axis(chosen, order, axis=1).reshape(-1)[: len(self.users)]


def _from_train(
    users: NDArray[np.int64], items: NDArray[np.int64], n_items: int, batch_size: int, seed: int
) -> PairBatches:
    """Make batches of all pairs with negatives from the items that occur in train, MMRec's rule."""
    return PairBatches(users, items, n_items, batch_size, seed, candidates=np.flatnonzero(np.bincount(items)))


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
