"""Interactions of the size of Amazon Baby (MMRec's version), and stock RecBole on them."""

import contextlib
import functools
import warnings

import numpy as np

from recclaims.evaluation.ranking import ItemLists
from recclaims.recommenders._kernels.allocator import keep_freed_memory

from .size import share

N_USERS, N_ITEMS, N_PAIRS = (int(share(0.04) * n) for n in (19_445, 7_050, 160_792))
BATCH = 2048


@functools.cache
def interactions(n_users=N_USERS, n_items=N_ITEMS, n_pairs=N_PAIRS, seed=0):
    """Distinct pairs with a long tail on both sides: users and items, int64 (n_pairs,) each, and held-out lists."""
    random = np.random.default_rng(seed)
    weights = [1 / np.arange(10, n + 10) ** 0.7 for n in (n_users, n_items)]
    codes = np.empty(0, dtype=np.int64)
    while len(codes) < n_pairs:
        users, items = (random.choice(len(w), 2 * n_pairs, p=w / w.sum()) for w in weights)
        codes = np.unique(np.concatenate([codes, users * n_items + items]))
    users, items = np.divmod(random.permutation(codes)[:n_pairs], n_items)
    held = random.integers(0, n_items, n_users)
    return users, items, ItemLists.of(np.arange(n_users), held, n_users)


@functools.cache
def distinct_items(n_batches=20):
    """How many items a batch has to project, of its own and of as many drawn from the catalogue, on average."""
    _, items, _ = interactions()
    random = np.random.default_rng(0)
    batches = (
        np.concatenate([random.choice(items, BATCH), random.integers(0, N_ITEMS, BATCH)]) for _ in range(n_batches)
    )
    return float(np.mean([len(np.unique(batch)) for batch in batches]))


def features(dimension, n_items=N_ITEMS, seed=0):
    return np.random.default_rng(seed).standard_normal((n_items, dimension), dtype=np.float32)


def build(recommender, content=(), sizes=(N_USERS, N_ITEMS, N_PAIRS), **changes):
    """A model of a recommender, with its batches and a trainer: what `fit` makes."""
    import torch

    from recclaims.recommenders._recbole.bridge import TrainDataset, make_config, pad, quiet_recbole
    from recclaims.recommenders._recbole.sampling import make_batches
    from recclaims.recommenders._recbole.trainer import CellTrainer
    from recclaims.recommenders.spec import TRAINING

    keep_freed_memory()  # it stays so for all that this process measures afterwards
    users, items, _ = interactions(*sizes)
    model_class = recommender()
    settings = {**TRAINING, **recommender.parameters, "train_batch_size": BATCH, **changes}
    with quiet_recbole():
        torch.manual_seed(0)
        config = make_config(model_class, settings, 0, "cpu")
        matrices = tuple((name, pad(matrix)) for name, matrix in content)
        dataset = TrainDataset(config, users, items, *sizes[:2], matrices)
        model = config.model_class(config, dataset)
        batches = make_batches(recommender.sampler, users + 1, items + 1, sizes[1], settings["train_batch_size"], 0)
        trainer = None if recommender.training_free else CellTrainer(config, model, lambda: 0.0)
    return model, batches, trainer


def epoch_of(recommender, content=(), **changes):
    """A function that trains one epoch of this library."""
    _, batches, trainer = build(recommender, content, **changes)
    return lambda: trainer._train_epoch(batches, 0)


def stock_epoch_of(recommender, content=(), **changes):
    """A function that trains one epoch with RecBole 1.2.1's own loader, sampler and trainer."""
    from recbole.data.dataloader import TrainDataLoader
    from recbole.sampler import Sampler
    from recbole.trainer import Trainer

    from recclaims.recommenders._recbole.bridge import TrainDataset

    model, _, trainer = build(recommender, content, stock=True, **changes)
    users, items, _ = interactions()
    with quietly():
        dataset = TrainDataset(trainer.config, users, items, N_USERS, N_ITEMS)
        sampler = Sampler("train", dataset, "uniform").set_phase("train")
        loader = TrainDataLoader(trainer.config, dataset, sampler, shuffle=True)
        stock = Trainer(trainer.config, model)

    def epoch():
        with quietly():
            return stock._train_epoch(loader, 0)

    return epoch


def evaluation(n_users=N_USERS, n_items=N_ITEMS, n_pairs=N_PAIRS):
    """A function that ranks all items for all users of this library."""
    from recclaims.evaluation.ranking import evaluate
    from recclaims.recommenders._recbole.fit import _scorer
    from recclaims.recommenders.builtin import BPR
    from recclaims.recommenders.model_spec import model_spec

    model, _, _ = build(BPR, sizes=(n_users, n_items, n_pairs))
    model.eval()
    users, items, held = interactions(n_users, n_items, n_pairs)
    seen = ItemLists.of(users, items, n_users)
    return lambda: evaluate(_scorer(model, model_spec(model, False), n_items, "cpu"), held, seen)


def scores_of(recommender, content=(), n_users=N_USERS, **changes):
    """A function that builds a recommender without training and gives the first users' scores of all items."""
    from recclaims.recommenders._recbole.fit import _scorer
    from recclaims.recommenders.model_spec import model_spec

    def score():
        model, _, _ = build(recommender, content, **changes)
        model.eval()
        scorer = _scorer(model, model_spec(model, False), model.n_items - 1, "cpu")
        for start in range(0, n_users, 128):
            scorer(np.arange(start, min(start + 128, n_users)))
        return model

    return score


def stock_evaluation(users_at_once):
    """The same by RecBole 1.2.1's Trainer, whose batches are counted in scores."""
    from recbole.data.dataloader import FullSortEvalDataLoader
    from recbole.sampler import Sampler
    from recbole.trainer import Trainer

    from recclaims.recommenders._recbole.bridge import TrainDataset
    from recclaims.recommenders.builtin import BPR

    settings = {
        "eval_batch_size": users_at_once * (N_ITEMS + 1),
        "metrics": ["Recall", "NDCG", "Hit"],
        "topk": [10, 20],
    }
    model, _, trainer = build(BPR, **settings)
    users, items, held = interactions()
    counts = np.diff(held.offsets)
    with quietly():
        train = TrainDataset(trainer.config, users, items, N_USERS, N_ITEMS)
        test = TrainDataset(trainer.config, np.repeat(np.arange(N_USERS), counts), held.items, N_USERS, N_ITEMS)
        sampler = Sampler(["train", "test"], [train, test], "uniform").set_phase("test")
        loader = FullSortEvalDataLoader(trainer.config, test, sampler)
        stock = Trainer(trainer.config, model)

    def evaluate():
        with quietly():
            return stock.evaluate(loader, load_best_model=False)

    return evaluate


@contextlib.contextmanager
def quietly():
    """RecBole warns of its age wherever it is used."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
