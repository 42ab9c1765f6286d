"""Train one recommender on one train part and give back what scores users."""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import random
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import scipy.sparse as sp
import torch
from numpy.typing import NDArray

from recclaims.errors import CellError, NotAvailableError, is_order, one_line
from recclaims.evaluation.item_lists import ItemLists
from recclaims.evaluation.metrics import PRIMARY
from recclaims.evaluation.ranking import evaluate
from recclaims.recommenders._kernels.allocator import keep_freed_memory
from recclaims.recommenders._recbole.bridge import (
    USER,
    BridgeConfig,
    TrainDataset,
    interaction_of,
    make_config,
    pad,
    quiet_recbole,
)
from recclaims.recommenders._recbole.own_models import batches_for, check_model, scores_all, scores_by_pairs
from recclaims.recommenders._recbole.sampling import PairBatches, history, make_batches
from recclaims.recommenders._recbole.trainer import CellTrainer
from recclaims.recommenders.model_spec import ModelSpec, model_spec
from recclaims.recommenders.spec import TRAINING, Recommender

#: Users, int64 (b,) -> scores of all items, float (b, n_items).
Scorer = Callable[[NDArray[np.int64]], torch.Tensor]


@dataclass(frozen=True)
class Fitted:
    """A trained recommender.

    Attributes:
        score: users, int64 (b,) -> scores of all items, float (b, n_items), in external order; the caller's own.
        epochs: epochs trained.
        best_epoch: the epoch that was best on validation; 0 where nothing is trained.
        seconds: wall-clock time of building the model and training it.
        valid_score: the best validation score.
        derived: SHA-256 of what a recommender that trains nothing derives from its features and reads instead of them,
            see ModelSpec; None where it does not say.
    """

    score: Scorer
    epochs: int
    best_epoch: int
    seconds: float
    valid_score: float
    derived: str | None = None


@dataclass(frozen=True)
class TrainingData:
    """What a recommender may see: the train part, the items that choose, and content.

    Attributes:
        users, items: the train pairs, shape (n,) each, external numbers from 0.
        n_users, n_items: sizes of the dataset.
        valid: the items of the validation part, per user; early stopping maximises recall@20 on them.
        content: feature matrices float32 (n_items, d) by modality; empty for a feature-free twin.
        among: the items that those of the validation part are ranked among, bool (n_items,); None: all.
    """

    users: NDArray[np.integer[Any]]
    items: NDArray[np.integer[Any]]
    n_users: int
    n_items: int
    valid: ItemLists
    content: Mapping[str, NDArray[np.float32]]
    among: NDArray[np.bool_] | None = None


@dataclass(frozen=True)
class Prepared:
    """A cell that is ready to be trained.

    Attributes:
        model: a RecBole model, on its device; `spec` is what it says of itself.
        batches: its batches.
        config: its configuration.
        settings: hyper-parameters and settings of the training loop.
        scorer: gives the model's scores.
        data: what it is trained on, but for the content, of which the model has what it needs.
        modalities: names of the content that it was given.
        seen: the train items of every user.
        seed: of everything that is drawn.
        seconds: wall-clock time of all this.
    """

    model: Any
    spec: ModelSpec
    batches: PairBatches
    config: BridgeConfig
    settings: Mapping[str, Any]
    scorer: Scorer
    data: TrainingData
    modalities: tuple[str, ...]
    seen: ItemLists
    seed: int
    seconds: float

    def validate(self) -> float:
        """Mean recall@20 on the validation part; NaN where no user has a value."""
        data = self.data
        values = evaluate(self.scorer, data.valid, self.seen, cutoffs=(20,), seed=self.seed, among=data.among)
        found = values[PRIMARY]
        return float(np.nanmean(found)) if np.isfinite(found).any() else float("nan")


def prepare(
    recommender: Recommender, parameters: Mapping[str, Any], data: TrainingData, seed: int, device: str = "cpu"
) -> Prepared:
    """Build a cell's model and batches; arguments and what it raises as `fit`."""
    keep_freed_memory()
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002 - RecBole's own models draw from the global state
    torch.manual_seed(seed)
    for modality, matrix in data.content.items():
        if not np.isfinite(matrix).all():
            raise CellError(f"{recommender.name}: {modality} features contain NaN or inf")
    # Imported before the clock starts, as training time is what is recorded: the model, and what torch's
    # optimisers import on their first step.
    model_class = recommender()
    if not recommender.training_free:
        importlib.import_module("torch._dynamo")
    settings = {**TRAINING, **recommender.parameters, **parameters}
    with _named(recommender), quiet_recbole():
        check_model(model_class)
        started = time.perf_counter()
        config = make_config(model_class, settings, seed, device)
        matrices = tuple((modality, pad(matrix).to(device)) for modality, matrix in data.content.items())
        dataset = TrainDataset(config, data.users, data.items, data.n_users, data.n_items, content=matrices)
        model = config.model_class(config, dataset).to(torch.device(device))
        spec = model_spec(model, recommender.training_free)
        users, items = history(dataset)
        batches = make_batches(recommender.sampler, users, items, data.n_items, settings["train_batch_size"], seed)
        batches.take_at_least(settings["least_steps_per_epoch"])
        seen = ItemLists.of(data.users, data.items, data.n_users)
        if not recommender.training_free and not data.valid.lengths.any():
            raise CellError("no user has a relevant item in the validation part, so the best epoch cannot be chosen")
        seconds = time.perf_counter() - started
        return Prepared(
            model,
            spec,
            batches,
            config,
            settings,
            _scorer(model, spec, data.n_items, device),
            replace(data, content={}),
            tuple(data.content),
            seen,
            seed,
            seconds,
        )


@contextlib.contextmanager
def _named(recommender: Recommender) -> Iterator[None]:
    """Say in every error whose it is."""
    try:
        yield
    except (CellError, NotAvailableError) as error:
        raise type(error)(f"{recommender.name}: {error}") from error
    except BaseException as error:  # RecBole's or a third party's model
        if is_order(error):
            raise
        raise CellError(f"{recommender.name}: {one_line(error)}") from error


def fit(
    recommender: Recommender, parameters: Mapping[str, Any], data: TrainingData, seed: int, device: str = "cpu"
) -> Fitted:
    """Train a recommender; deterministic from `seed` on one thread.

    Args:
        recommender: which.
        parameters: hyper-parameters, over those of the recommender and TRAINING.
        data: what it is trained on.
        seed: seed of initialisation, shuffling, sampling and pruning.
        device: where to train.

    Raises:
        CellError: the loss or a score is NaN or inf, or the model itself failed; the message names it.
    """
    cell = prepare(recommender, parameters, data, seed, device)
    with _named(recommender), quiet_recbole():
        started = time.perf_counter()
        if recommender.training_free:
            for batch in cell.batches:
                cell.model.calculate_loss(batch.to(torch.device(device)))  # where such models count, as MostPop does
            seconds = cell.seconds + time.perf_counter() - started
            return Fitted(cell.scorer, 0, 0, seconds, cell.validate(), _digest(cell.spec.derived))
        trainer = CellTrainer(cell.config, cell.model, cell.validate)
        trainer.run(batches_for(cell.model, cell.batches))
        seconds = cell.seconds + time.perf_counter() - started
        best = float(trainer.best_valid_score)
        return Fitted(cell.scorer, trainer.epochs_run, trainer.best.best_epoch, seconds, best)


def _digest(matrix: sp.csr_matrix | sp.csr_array | None) -> str | None:
    if matrix is None:
        return None
    rows = matrix.copy()
    rows.sum_duplicates()
    digest = hashlib.sha256()
    for part in (rows.indptr.astype(np.int64), rows.indices.astype(np.int64), rows.data):
        digest.update(np.ascontiguousarray(part).data)
    return digest.hexdigest()


def _scorer(model: Any, spec: ModelSpec, n_items: int, device: str) -> Scorer:
    if not scores_all(model):
        by_pairs = scores_by_pairs(model, n_items, device)

        def score_pairs(users: NDArray[np.int64]) -> torch.Tensor:
            with torch.no_grad():
                return by_pairs(users + 1)[:, 1:]

        return score_pairs

    def score(users: NDArray[np.int64]) -> torch.Tensor:
        batch = interaction_of({USER: torch.from_numpy(users + 1)}).to(torch.device(device))
        with torch.no_grad():
            flat: torch.Tensor = model.full_sort_predict(batch)
        scores = flat.view(len(users), -1)[:, 1:]  # column 0 is the padding id
        return scores if spec.fresh_scores else scores.clone()

    return score
