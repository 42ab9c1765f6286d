"""Train one recommender on one train part and give back what scores users."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from recclaims.errors import CellError
from recclaims.evaluation.ranking import PRIMARY, ItemLists, evaluate
from recclaims.recommenders.recbole_bridge import (
    USER,
    TrainDataset,
    interaction_of,
    make_config,
    pad,
    quiet_recbole,
)
from recclaims.recommenders.sampling import PairBatches, history
from recclaims.recommenders.spec import Recommender
from recclaims.recommenders.trainer import CellTrainer

#: Settings of the training loop, by RecBole's names, where neither recommender nor profile says otherwise.
TRAINING = {
    "learning_rate": 1e-3,
    "train_batch_size": 2048,
    "epochs": 100,
    "eval_step": 5,
    "stopping_step": 5,
    "weight_decay": 0.0,
}


#: Users, int64 (b,) -> scores of all items, float (b, n_items).
Scorer = Callable[[NDArray[np.int64]], torch.Tensor]


@dataclass(frozen=True)
class Fitted:
    """A trained recommender.

    Attributes:
        score: users, int64 (b,) -> scores of all items, float (b, n_items), in external order.
        epochs: epochs trained.
        best_epoch: the epoch whose weights are used, chosen on validation; 0 where nothing is trained.
        seconds: wall-clock time of building the model and training it.
        valid_score: the best validation score, NaN where nothing is trained.
    """

    score: Scorer
    epochs: int
    best_epoch: int
    seconds: float
    valid_score: float


def fit(
    recommender: Recommender,
    parameters: Mapping[str, Any],
    users: NDArray[np.integer[Any]],
    items: NDArray[np.integer[Any]],
    shape: tuple[int, int],
    valid: ItemLists,
    content: Mapping[str, NDArray[np.float32]],
    seed: int,
    device: str = "cpu",
) -> Fitted:
    """Train a recommender; deterministic from `seed` on one thread.

    Args:
        recommender: which.
        parameters: hyper-parameters, over those of the recommender and TRAINING.
        users, items: the train pairs, shape (n,) each, external numbers from 0.
        shape: number of users and of items.
        valid: the items of the validation part, per user; early stopping maximises recall@20 on them.
        content: feature matrices float32 (n_items, d) by modality; empty for a feature-free twin.
        seed: seed of initialisation, shuffling, sampling and pruning.
        device: where to train.

    Raises:
        CellError: the loss or a score is NaN or inf, or the model itself failed; the message names it.
    """
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002 - RecBole's own models draw from the global state
    torch.manual_seed(seed)
    settings = {**TRAINING, **recommender.parameters, **parameters}
    if recommender.training_free:
        settings.update(epochs=1, eval_step=0)
    for modality, matrix in content.items():
        if not np.isfinite(matrix).all():
            raise CellError(f"{recommender.name}: {modality} features contain NaN or inf")
    model_class = recommender()  # imported before the clock starts: training time is what is recorded
    started = time.perf_counter()
    try:
        with quiet_recbole():
            scorer, trainer = _train(
                model_class, recommender, settings, users, items, shape, valid, content, seed, device
            )
    except CellError as error:
        raise CellError(f"{recommender.name}: {error}") from error
    except (
        ValueError,
        RuntimeError,
        ArithmeticError,
        TypeError,
        KeyError,
        IndexError,
        AttributeError,
    ) as error:
        raise CellError(f"{recommender.name}: {type(error).__name__}: {error}") from error
    seconds = time.perf_counter() - started
    if recommender.training_free:
        return Fitted(scorer, 0, 0, seconds, float("nan"))
    return Fitted(scorer, trainer.epochs_run, trainer.best_epoch, seconds, float(trainer.best_valid_score))


def _train(
    model_class: type | str,
    recommender: Recommender,
    settings: Mapping[str, Any],
    users: NDArray[np.integer[Any]],
    items: NDArray[np.integer[Any]],
    shape: tuple[int, int],
    valid: ItemLists,
    content: Mapping[str, NDArray[np.float32]],
    seed: int,
    device: str,
) -> tuple[Scorer, CellTrainer]:
    config = make_config(model_class, settings, seed, device)
    matrices = tuple((modality, pad(matrix).to(device)) for modality, matrix in content.items())
    dataset = TrainDataset(config, users, items, *shape, content=matrices)
    model = config.model_class(config, dataset).to(torch.device(device))
    scorer = _scorer(model, device)
    seen = ItemLists.of(users, items, shape[0])
    trainer = CellTrainer(
        config, model, lambda: float(np.nanmean(evaluate(scorer, valid, seen, cutoffs=(20,))[PRIMARY]))
    )
    train_users, train_items = history(dataset)
    candidates = np.unique(train_items) if recommender.negatives == "train" else None
    trainer.run(PairBatches(train_users, train_items, shape[1], settings["train_batch_size"], seed, candidates))
    return scorer, trainer


def _scorer(model: Any, device: str) -> Scorer:
    def score(users: NDArray[np.int64]) -> torch.Tensor:
        batch = interaction_of({USER: torch.from_numpy(users + 1)}).to(torch.device(device))
        with torch.no_grad():
            flat: torch.Tensor = model.full_sort_predict(batch)
        return flat.view(len(users), -1)[:, 1:]  # column 0 is the padding id

    return score
