"""What RecBole's own models ask for beside pairs: labels, scores by pairs, loops of their own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from recclaims.errors import CellError, UnknownNameError
from recclaims.recommenders._recbole.bridge import ITEM, USER, interaction_of, triples

if TYPE_CHECKING:
    from recbole.data.interaction import Interaction

    from recclaims.recommenders._recbole.sampling import PairBatches

#: Pairs that are scored at once.
PAIRS = 2**16


def check_model(model: type | str) -> None:
    """Refuse what cannot be trained here.

    Args:
        model: a class, or the name of one of RecBole's own.

    Raises:
        CellError: RecBole has no general recommender of that name, or trains it by a loop of its own.
    """
    import recbole.trainer.trainer as loops

    known = _general_recommenders()
    if isinstance(model, str) and model not in known:
        # RecBole would say what else it could not import while it looked for it.
        raise CellError(str(UnknownNameError.of("general recommender of RecBole", model, known)))
    found: type = known[model] if isinstance(model, str) else model
    trainer = f"{found.__name__}Trainer"
    if found.__module__.startswith("recbole.") and hasattr(loops, trainer):
        raise CellError(f"RecBole trains {found.__name__} by a loop of its own ({trainer}), which is not supported")


def _general_recommenders() -> dict[str, type]:
    from recbole.model import general_recommender

    module: ModuleType = general_recommender
    return {
        name: value
        for name, value in vars(module).items()
        if isinstance(value, type) and value.__module__.startswith(module.__name__)
    }


class LabelledBatches:
    """Batches of pairs as those that learn from labels read them: every item with label 1, every negative with 0.

    As RecBole makes them with one negative a pair, but for the size: a batch of n pairs has 2n rows.

    Args:
        batches: of pairs.
        label: the name of the column.
    """

    def __init__(self, batches: PairBatches, label: str) -> None:
        self._batches, self._label = batches, label

    def __len__(self) -> int:
        return len(self._batches)

    def __iter__(self) -> Iterator[Interaction]:
        for batch in self._batches:
            yield _labelled(batch, self._label)


def _labelled(batch: Interaction, label: str) -> Interaction:
    users, items, negatives = triples(batch)
    labels = torch.cat([torch.ones(len(items)), torch.zeros(len(negatives))])
    return interaction_of({USER: torch.cat([users, users]), ITEM: torch.cat([items, negatives]), label: labels})


def batches_for(model: Any, batches: PairBatches) -> PairBatches | LabelledBatches:
    """The batches in the form that a model learns from: with labels where it names their column, as RecBole's do."""
    label = _label_of(model)
    return batches if label is None else LabelledBatches(batches, label)


def labelled(batch: Interaction, model: Any) -> Interaction:
    """One batch in the form that a model learns from."""
    label = _label_of(model)
    return batch if label is None else _labelled(batch, label)


def _label_of(model: Any) -> str | None:
    """The column of labels of a model that learns from them."""
    label = getattr(model, "LABEL", None)
    pointwise = getattr(getattr(model, "input_type", None), "name", "") == "POINTWISE"
    return label if pointwise and isinstance(label, str) else None


def scores_by_pairs(model: Any, n_items: int, device: str) -> Callable[[NDArray[np.int64]], torch.Tensor]:
    """Scores of all items by a model that can only score pairs (it has `predict` and no `full_sort_predict`).

    Args:
        model: of RecBole.
        n_items: of the catalogue.
        device: where the model is.

    Returns:
        From internal ids of users, int64 (b,), float (b, n_items + 1), the first column that of the padding.
    """
    every = torch.arange(n_items + 1)
    at_once = max(1, PAIRS // len(every))

    def score(users: NDArray[np.int64]) -> torch.Tensor:
        found = []
        for start in range(0, len(users), at_once):
            some = torch.from_numpy(users[start : start + at_once])
            pairs = interaction_of({USER: some.repeat_interleave(len(every)), ITEM: every.repeat(len(some))})
            found.append(model.predict(pairs.to(torch.device(device))).view(len(some), -1))
        return torch.cat(found)

    return score


def scores_all(model: Any) -> bool:
    """Whether a model scores all items at once."""
    from recbole.model.abstract_recommender import AbstractRecommender

    return type(model).full_sort_predict is not AbstractRecommender.full_sort_predict
