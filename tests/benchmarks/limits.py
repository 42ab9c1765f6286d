"""What this machine could do at best: its measured gemm speed and memory bandwidth, and the work of each benchmark.

A limit is max(flops / gemm speed, bytes / bandwidth): as if everything overlapped and nothing else were to be done. The
counts name what cannot be avoided by an implementation that computes in float32 and follows the same equations.
"""

import functools
import time

import torch

#: Adam reads weight, gradient and both moments, and writes weight and moments; the gradient was zeroed and added to.
ADAM_PASSES = 9


def seconds(flops=0, moved=0):
    """The least time for so many floating-point operations and bytes."""
    gemm, bandwidth = machine()
    return max(flops / gemm, moved / bandwidth)


@functools.cache
def machine():
    """Flops and bytes a second: a gemm of embeddings' shape, and a copy that no cache holds."""
    users, items = torch.randn(512, 64), torch.randn(7_050, 64)
    source, target = torch.randn(32_000_000), torch.empty(32_000_000)
    gemm = 2 * 512 * 64 * 7_050 / _best(lambda: users @ items.T)
    bandwidth = 2 * 4 * len(source) / _best(lambda: target.copy_(source))
    return gemm, bandwidth


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


def projection(rows, dimension, size, n_pairs, batch, bytes_each=4, speed=1.0):
    """What projecting the features of a step's `rows` items adds to an epoch, and the gradient of the projection.

    `speed` is that of a product in the features' type, relative to one in float32.
    """
    steps = -(-n_pairs // batch)
    return {
        "flops": steps * 2 * 2 * rows * dimension * size / speed,
        "moved": steps * 2 * bytes_each * rows * dimension,
    }


def together(*works):
    """One after the other."""
    return {name: sum(work.get(name, 0) for work in works) for name in ("flops", "moved")}


@functools.cache
def speed_of_bfloat16():
    """How many times as fast as in float32 a wide projection is in bfloat16: below 1 without instructions for it."""
    rows, weight = torch.randn(4096, 2048), torch.randn(64, 2048)
    halves = rows.bfloat16(), weight.bfloat16()
    return _best(lambda: rows @ weight.T) / _best(lambda: halves[0] @ halves[1].T)
