"""What a cell is trained on where a claim says what stands in for features that items lack."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from recclaims.evaluation.item_lists import ItemLists
from recclaims.features.extraction import fuse
from recclaims.features.imputation import Incomplete, impute
from recclaims.features.spec import spec_of

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray

    from recclaims.data.dataset import Dataset
    from recclaims.data.splits import Split
    from recclaims.features.encoded import Features
    from recclaims.features.protocol import Encoder
    from recclaims.recommenders._recbole.fit import Fitted, TrainingData

    Flags = NDArray[np.bool_]
    FeaturesOf = Callable[[Encoder], Features]


def lacking(encoder: Encoder, features: FeaturesOf) -> Flags:
    """Which items lack what an encoder reads, or what any part of a fusion reads: bool (n_items,)."""
    parts = spec_of(encoder).parts
    return np.logical_or.reduce([lacking(part, features) for part in parts]) if parts else features(encoder).filled


def filled_in(
    how: str, encoder: Encoder, features: FeaturesOf, dataset: Dataset, split: Split, seed: int
) -> NDArray[np.float32]:
    """An encoder's features with other rows for the items that lack them; a fusion's parts each get theirs, then fuse.

    Args:
        how: a name in features.imputation.IMPUTED.
        encoder: whose.
        features: gives those of an encoder or a part.
        dataset, split, seed: the replicate, of which the train interactions are read.

    Returns:
        float32 (n_items, d).
    """
    parts = spec_of(encoder).parts
    if parts:
        matrices = [filled_in(how, part, features, dataset, split, seed) for part in parts]
        return fuse(encoder, matrices, dataset.items)[0]
    found, interactions = features(encoder), dataset.interactions
    users, items = interactions.users[split.train], interactions.items[split.train]
    return impute(how, Incomplete(np.asarray(found.matrix), np.asarray(found.filled), users, items, seed))


def without(data: TrainingData, dropped: Flags) -> TrainingData:
    """The same data as if some items were not in the catalogue; the others keep their order.

    Args:
        data: of all items.
        dropped: bool (n_items,).
    """
    place = np.cumsum(~dropped) - 1
    stays = ~dropped[data.items]
    n_users = len(data.valid.lengths)
    wanted_by = np.repeat(np.arange(n_users), data.valid.lengths)
    wanted = ~dropped[data.valid.items]
    return replace(
        data,
        users=data.users[stays],
        items=place[data.items[stays]],
        n_items=int((~dropped).sum()),
        valid=ItemLists.of(wanted_by[wanted], place[data.valid.items[wanted]], n_users),
        content={modality: np.ascontiguousarray(matrix[~dropped]) for modality, matrix in data.content.items()},
        among=None if data.among is None else data.among[~dropped],
    )


def shown_to_nobody(fitted: Fitted, dropped: Flags) -> Fitted:
    """What was trained without some items, asked for all: those that it does not know are no candidates (-inf).

    Args:
        fitted: scores the items that were not dropped.
        dropped: bool (n_items,).
    """
    import torch

    known = torch.from_numpy(np.flatnonzero(~dropped))

    def score(users: NDArray[np.int64]) -> torch.Tensor:
        scores = fitted.score(users)
        everything = scores.new_full((len(scores), len(dropped)), -torch.inf)
        everything[:, known.to(scores.device)] = scores
        return everything

    return replace(fitted, score=score)
