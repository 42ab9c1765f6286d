"""What this machine could do at best: its measured gemm speed and memory bandwidth, and the work of each benchmark.

A limit is max(flops / gemm speed, bytes / bandwidth): as if everything overlapped and nothing else were to be done. The
counts name what cannot be avoided by an implementation that follows the same equations in the same types of numbers.
"""

import functools
import time

import torch

from .shape import N_ITEMS, N_USERS

#: Adam reads weight, gradient and both moments, and writes weight and moments; the gradient was zeroed and added to.
ADAM_PASSES = 9


def seconds(moved=0, **flops):
    """The least time for so many bytes and floating-point operations, these by the kind of product (see `gemms`)."""
    return max(sum(amount / gemms()[kind] for kind, amount in flops.items()), moved / bandwidth())


@functools.cache
def gemms():
    """Flops a second of a product of embeddings, and of a projection of wide features in float32 and in bfloat16."""
    users, items = torch.randn(512, 64), torch.randn(N_ITEMS, 64)
    rows, weight = torch.randn(2_700, 2_432), torch.randn(64, 2_432)
    halves = rows.bfloat16(), weight.bfloat16()
    wide = 2 * 2_700 * 2_432 * 64
    return {
        "flops": 2 * 512 * 64 * N_ITEMS / _best(lambda: users @ items.T),
        "float32": wide / _best(lambda: rows @ weight.T),
        "bfloat16": wide / _best(lambda: halves[0] @ halves[1].T),
    }


@functools.cache
def bandwidth():
    """Bytes a second of a copy of all embeddings, read and written: a shared last-level cache may hold them."""
    source, target = torch.randn(N_USERS + N_ITEMS, 64), torch.empty(N_USERS + N_ITEMS, 64)
    return 2 * 4 * source.numel() / _best(lambda: target.copy_(source), rounds=50)


def _best(work, rounds=7):
    times = []
    for _ in range(rounds):
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return min(times)


def ranking(n_users, n_items, size):
    """Every score once."""
    return {"flops": 2 * n_users * n_items * size}


def embeddings_epoch(n_users, n_items, size, n_pairs, batch):
    """BPR: dense Adam over all embeddings in every step."""
    steps = -(-n_pairs // batch)
    return {"moved": steps * ADAM_PASSES * 4 * (n_users + n_items) * size}


def propagating_epoch(n_users, n_items, size, n_pairs, batch, layers, kept=1.0):
    """LightGCN: besides, every edge (FREEDOM: every one kept) moves a row twice a layer, forward and backward."""
    steps = -(-n_pairs // batch)
    propagated = steps * 2 * layers * 2 * kept * n_pairs * 4 * size
    return {"moved": propagated + embeddings_epoch(n_users, n_items, size, n_pairs, batch)["moved"]}


def projection(rows, dimension, size, n_pairs, batch, dtype="float32"):
    """What projecting the features of a step's `rows` items adds to an epoch, and the gradient of the projection."""
    steps = -(-n_pairs // batch)
    width = {"float32": 4, "bfloat16": 2}[dtype]
    return {dtype: steps * 2 * 2 * rows * dimension * size, "moved": steps * 2 * width * rows * dimension}


def together(*works):
    """One after the other."""
    return {name: sum(work.get(name, 0) for work in works) for work in works for name in work}
