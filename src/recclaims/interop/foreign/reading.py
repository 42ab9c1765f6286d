"""Whether a class reads its features at all, asked before it is trained.

Two objects of one seed, one with the features that the cell has and one with other features of the same shape, take two
steps on the same batches. A class in which loss and scores are then equal to the last bit has read neither.
"""

from __future__ import annotations

import contextlib
import random
from collections.abc import Iterator, Mapping

import numpy as np
import torch
from numpy.typing import NDArray

from recclaims.interop.foreign.instance import IMAGE, TEXT, Instance, Wanted

#: Steps of the trial, pairs in a batch of it, and users whose scores are looked at.
STEPS, PAIRS, USERS = 2, 256, 16
#: Columns of features that are made up, where a cell has none.
WIDTH = 64

Features = Mapping[str, NDArray[np.float32]]


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


def differs(wanted: Wanted, features: Features, other: Features, negatives: bool) -> bool | None:
    """Whether other features change loss or scores; None where that cannot be told, as they are not numbers.

    Args:
        wanted: the class.
        features, other: two sets of features of one shape.
        negatives: whether a batch has negative items.

    Raises:
        CellError, NotAvailableError: the class fails with `features`.
    """
    with randomness_kept():
        mine = _trial(wanted, features, negatives)
    try:
        with randomness_kept():
            his = _trial(wanted, other, negatives)
    except Exception:
        return None
    if not (torch.isfinite(mine).all() and torch.isfinite(his).all()):
        return None
    return not torch.equal(mine, his)


def _trial(wanted: Wanted, features: Features, negatives: bool) -> torch.Tensor:
    """Losses and scores of a few steps, one after the other."""
    seed_all(wanted.seed)
    instance = Instance(wanted, features)
    weights = [weight for weight in instance.module.parameters() if weight.requires_grad]
    trains = bool(weights) and wanted.settings.get("req_training", True) is not False
    optimizer = torch.optim.Adam(weights, lr=0.01) if trains else None
    drawn = np.random.default_rng(0)
    found = []
    instance.begin_epoch()
    instance.module.train()
    for _ in range(STEPS if optimizer else 0):
        chosen = drawn.integers(len(wanted.users), size=min(PAIRS, len(wanted.users)))
        columns = [wanted.users[chosen], wanted.items[chosen]]
        if negatives:
            columns.append(drawn.integers(wanted.n_items, size=len(chosen)))
        loss = instance.loss(torch.from_numpy(np.stack(columns)).to(wanted.device))
        found.append(loss.detach().reshape(-1).float().cpu())
        if optimizer and loss.requires_grad:
            optimizer.zero_grad()
            loss.sum().backward()  # type: ignore[no-untyped-call]
            optimizer.step()
    instance.end_epoch()
    instance.module.eval()
    users = torch.from_numpy(np.unique(wanted.users)[:USERS]).to(wanted.device)
    with torch.no_grad():
        found.append(instance.scores(users).reshape(-1).float().cpu())
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
