"""Train on one split and rank its test part: what a cell and a simulated study have in common."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from recclaims.data.splits import candidates, relevant
from recclaims.evaluation.item_lists import ItemLists
from recclaims.evaluation.ranking import Kept, rank

if TYPE_CHECKING:
    from recclaims.data.dataset import Dataset
    from recclaims.data.splits import Split
    from recclaims.engine.held_out import HeldOut
    from recclaims.recommenders._recbole.fit import Fitted, TrainingData

#: Users by whose scores two cells are compared.
WITNESSES = 64


def training_data(dataset: Dataset, split: Split, content: Mapping[str, NDArray[np.float32]]) -> TrainingData:
    """What a recommender may see of a dataset: the train part, the validation part that chooses, and content.

    Args:
        dataset, split: the test part of the split is left out.
        content: features by modality, float32 (n_items, d); empty for a feature-free twin.
    """
    from recclaims.recommenders._recbole.fit import TrainingData

    users, items = dataset.interactions.users, dataset.interactions.items
    return TrainingData(
        users[split.train],
        items[split.train],
        len(dataset.user_ids),
        len(dataset.items),
        valid=_lists(dataset, split.valid[relevant(dataset, split.valid)]),
        content=content,
        among=candidates(dataset, split.valid),
    )


def ranked(fitted: Fitted, held: HeldOut, seed: int) -> Kept:
    """Rank the candidates for every user with a test item, and keep what metrics are computed from.

    Args:
        fitted, held: what was trained, and what was held out from it.
        seed: the replicate, which decides between equal scores.

    Raises:
        CellError: a score is NaN or inf.
    """
    return rank(fitted.score, held.test, held.train, held.valid, seed, among=held.among)


def content_digest(content: Mapping[str, NDArray[np.float32]]) -> str | None:
    """SHA-256 of what a recommender is given to read, by modality; None of a twin, which is given nothing."""
    if not content:
        return None
    digest = hashlib.sha256()
    for modality, matrix in content.items():
        digest.update(f"{modality} {matrix.shape}\n".encode())
        digest.update(np.ascontiguousarray(matrix).data)
    return digest.hexdigest()


def scores_digest(fitted: Fitted, dataset: Dataset, split: Split) -> str:
    """SHA-256 of the scores of all items for the first WITNESSES users who are both trained on and tested.

    Two cells that agree in it scored alike: a metric may agree by chance, many thousand numbers do not. Empty where
    there is no such user: who has no history may well be scored alike by everything.
    """
    users = dataset.interactions.users
    witnesses = np.intersect1d(users[split.train], users[split.test])[:WITNESSES].astype(np.int64)
    if not len(witnesses):
        return ""
    return hashlib.sha256(np.ascontiguousarray(fitted.score(witnesses).detach().cpu().numpy()).data).hexdigest()


def _lists(dataset: Dataset, index: NDArray[np.integer[Any]]) -> ItemLists:
    interactions = dataset.interactions
    return ItemLists.of(interactions.users[index], interactions.items[index], len(dataset.user_ids))
