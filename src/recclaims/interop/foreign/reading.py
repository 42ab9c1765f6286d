"""Whether a class reads its features at all, asked before it is trained.

Two objects of one seed, one with the features that the cell has and one with other features of the same shape, take two
steps on the same batches. A class in which loss and scores are then equal to the last bit has read neither.
"""

from __future__ import annotations

import contextlib
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

#: What MMRec calls the files of features.
IMAGE, TEXT = "image_feat.npy", "text_feat.npy"
#: Steps of the trial, pairs in a batch of it, and users whose scores are looked at.
STEPS, PAIRS, USERS = 2, 256, 16
#: Columns of features that are made up, where a cell has none.
WIDTH = 64

#: By file, float32 (n_items, d).
Features = Mapping[str, NDArray[np.float32]]


class Object(Protocol):
    """An object of somebody's class, as it is trained and scored."""

    @property
    def module(self) -> torch.nn.Module:
        """The object itself."""
        ...

    def begin_epoch(self) -> None:
        """Do what the class does before an epoch."""
        ...

    def end_epoch(self) -> None:
        """Do what the class does after one."""
        ...

    def loss(self, batch: torch.Tensor) -> torch.Tensor:
        """The loss of a batch, int64 (2 or 3, b), from 0: users, items and, where it wants them, negative items."""
        ...

    def scores(self, users: torch.Tensor) -> torch.Tensor:
        """Scores of all items, float (b, n_items), for users, int64 (b,), from 0."""
        ...


@dataclass(frozen=True)
class Pairs:
    """What an object is trained on.

    Attributes:
        users, items: the train pairs, int64 (n,), from 0.
        n_items: of the catalogue.
        seed, device: of the cell.
        trains: whether it is trained at all.
        negatives: whether a batch has negative items.
    """

    users: NDArray[np.int64]
    items: NDArray[np.int64]
    n_items: int
    seed: int
    device: torch.device
    trains: bool
    negatives: bool


def made_up(n_items: int, seed: int = 0) -> dict[str, NDArray[np.float32]]:
    """Features of no item, of both modalities."""
    drawn = np.random.default_rng(seed)
    return {name: drawn.standard_normal((n_items, WIDTH), dtype=np.float32) for name in (IMAGE, TEXT)}


def others(features: Features) -> dict[str, NDArray[np.float32]]:
    """Features of the same shape and size, in other rows and a little off."""
    drawn = np.random.default_rng(1)
    found = {}
    for name, matrix in features.items():
        size = float(np.sqrt(np.square(matrix, dtype=np.float64).mean())) or 1.0
        noise = drawn.standard_normal(matrix.shape, dtype=np.float32)
        found[name] = matrix[drawn.permutation(len(matrix))] + np.float32(0.1 * size) * noise
    return found


def differs(make: Callable[[Features], Object], pairs: Pairs, features: Features, other: Features) -> bool | None:
    """Whether other features change loss or scores; None where that cannot be told, as they are not numbers.

    Args:
        make: makes an object of the class.
        pairs: what it would be trained on.
        features, other: two sets of features of one shape.

    Raises:
        CellError, NotAvailableError: the class fails with `features`.
    """
    with randomness_kept():
        mine = _trial(make, pairs, features)
    try:
        with randomness_kept():
            theirs = _trial(make, pairs, other)
    except Exception:
        return None
    if not (torch.isfinite(mine).all() and torch.isfinite(theirs).all()):
        return None
    return not torch.equal(mine, theirs)


def _trial(make: Callable[[Features], Object], pairs: Pairs, features: Features) -> torch.Tensor:
    """Losses and scores of a few steps, one after the other."""
    seed_all(pairs.seed)
    one: Any = make(features)
    weights = [weight for weight in one.module.parameters() if weight.requires_grad]
    optimizer = torch.optim.Adam(weights, lr=0.01) if weights and pairs.trains else None
    drawn = np.random.default_rng(0)
    found = []
    one.begin_epoch()
    one.module.train()
    for _ in range(STEPS if optimizer else 0):
        chosen = drawn.integers(len(pairs.users), size=min(PAIRS, len(pairs.users)))
        columns = [pairs.users[chosen], pairs.items[chosen]]
        if pairs.negatives:
            columns.append(drawn.integers(pairs.n_items, size=len(chosen)))
        loss = one.loss(torch.from_numpy(np.stack(columns)).to(pairs.device))
        found.append(loss.detach().reshape(-1).float().cpu())
        if optimizer and loss.requires_grad:
            optimizer.zero_grad()
            loss.sum().backward()
            optimizer.step()
    one.end_epoch()
    one.module.eval()
    users = torch.from_numpy(np.unique(pairs.users)[:USERS]).to(pairs.device)
    with torch.no_grad():
        found.append(one.scores(users).reshape(-1).float().cpu())
    return torch.cat(found)


def seed_all(seed: int) -> None:
    """Seed what a class may draw from."""
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002 - MMRec's models draw from the global state
    torch.manual_seed(seed)


@contextlib.contextmanager
def randomness_kept() -> Iterator[None]:
    """Leave every generator as it was: whether a class was asked must not show in its results."""
    states = random.getstate(), np.random.get_state()  # noqa: NPY002
    with torch.random.fork_rng(devices=[]):
        try:
            yield
        finally:
            random.setstate(states[0])
            np.random.set_state(states[1])  # noqa: NPY002
