"""Do several small cells train faster together: as one model, or side by side? At the size of ML-100K.

Five cells as one are here one model of five times the users, items, pairs and batch, whose step has the same arithmetic
as five steps and a fifth of the calls: an upper bound. What a true model of five cells would need besides (five
projections instead of one, five moments at which to stop) is left out, so that it can only be slower than this. LATTICE
is not here: its item graph grows with the square of the items, so that one large model has five times the work of five
small ones.

Side by side is what the suite does: a process of one thread for each of two cores, whose cells follow one another,
beside one process that gives two threads to each cell.
"""

import contextlib
import functools
import multiprocessing
from concurrent.futures import ProcessPoolExecutor

import pytest
import torch

from recclaims.recommenders import builtin

from .shape import epoch_of, features
from .size import share

SHARE = share(0.25)
N_USERS, N_ITEMS, WIDTH = int(SHARE * 943), int(SHARE * 1_682), 384
# As dense whatever the share.
N_PAIRS, BATCH = int(SHARE**2 * 80_000), int(SHARE * 4_096)
RECOMMENDERS = {
    "bpr": builtin.BPR,
    "lightgcn": builtin.LIGHTGCN,
    "vbpr": builtin.VBPR,
    "freedom": builtin.FREEDOM,
    "bm3": builtin.BM3,
}
ROUNDS = {"rounds": 3, "warmup_rounds": 1}


def cell(name, times=1):
    recommender = RECOMMENDERS[name]
    content = (("textual", features(WIDTH, times * N_ITEMS)),) if recommender.content else ()
    sizes = times * N_USERS, times * N_ITEMS, times * N_PAIRS
    return epoch_of(recommender, content, sizes=sizes, train_batch_size=times * BATCH)


def train(cells):
    return [epoch() for epoch in cells]


@pytest.mark.parametrize("who", ["recclaims", "as one model"])
@pytest.mark.parametrize("name", RECOMMENDERS)
def test_five_cells(benchmark, name, who):
    benchmark.group = f"one epoch of 5 cells of {name}"
    cells = [cell(name) for _ in range(5)] if who == "recclaims" else [cell(name, times=5)]
    losses = benchmark.pedantic(train, (cells,), **ROUNDS)
    assert all(loss > 0 for loss in losses)


@functools.lru_cache(1)
def cells_of_this_process(name):
    torch.set_num_threads(1)
    return [cell(name) for _ in range(2)]


def train_cells_of_this_process(name):
    return train(cells_of_this_process(name))


@pytest.fixture(scope="module")
def workers():
    """Two processes, begun once: each has to import torch and RecBole."""
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=spawn) as one, ProcessPoolExecutor(1, mp_context=spawn) as other:
        yield one, other


@contextlib.contextmanager
def two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("who", ["recclaims", "one by one, two threads"])
@pytest.mark.parametrize("name", RECOMMENDERS)
def test_four_cells_on_two_cores(benchmark, workers, name, who):
    benchmark.group = f"one epoch of 4 cells of {name}, two processes"
    if who == "recclaims":

        def work():
            parts = [worker.submit(train_cells_of_this_process, name) for worker in workers]
            return [loss for part in parts for loss in part.result()]

        losses = benchmark.pedantic(work, **ROUNDS)
    else:
        with two_threads():
            losses = benchmark.pedantic(train, ([cell(name) for _ in range(4)],), **ROUNDS)
    assert len(losses) == 4
    assert all(loss > 0 for loss in losses)
