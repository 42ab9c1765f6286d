"""Cells trained together on a GPU, measured by one command: python -m tests.benchmarks.gpu (or tox -e gpu).

Prints a table as it goes: whether a GPU comes to what a CPU comes to; an epoch by recommender and number of cells, at
the size of ML-100K and of Amazon Baby, on interactions with a long tail and random features; whole trainings with early
stopping. What fails costs its own row.
"""

from __future__ import annotations

import argparse
import dataclasses
import functools
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch

from recclaims.evaluation.ranking import ItemLists
from recclaims.recommenders import builtin
from recclaims.recommenders._recbole.fit import Prepared, TrainingData, fit, prepare
from recclaims.recommenders._recbole.trainer import CellTrainer
from recclaims.recommenders.batched.families import FAMILIES
from recclaims.recommenders.batched.trainer import Together
from recclaims.recommenders.spec import Recommender

from .shape import features, interactions


@dataclasses.dataclass(frozen=True)
class Size:
    """A dataset's size, the batch it is trained with, and the widths of its features by modality."""

    users: int
    items: int
    pairs: int
    batch: int
    widths: dict[str, int]


SIZES = {
    "small": Size(300, 200, 6_000, 1_024, {"visual": 48, "textual": 32}),
    "ml-100k": Size(943, 1_682, 80_000, 4_096, {"textual": 384}),
    "baby": Size(19_445, 7_050, 160_792, 2_048, {"visual": 4_096, "textual": 384}),
}
#: Seconds an epoch by MMRec e775373 on one H200, Baby's size.
MMREC = {"bpr": 0.33, "lightgcn": 0.70, "vbpr": 0.61, "bm3": 0.41, "freedom": 0.67, "lattice": 0.87}
#: Those that have a batched form.
RECOMMENDERS = [r for r in vars(builtin).values() if isinstance(r, Recommender) and r.model in FAMILIES]


_features = functools.lru_cache(8)(features)


def data(size: Size, recommender: Recommender, seed: int) -> TrainingData:
    """A cell's data: one of three sets of interactions, one of two of features."""
    users, items, held = interactions(size.users, size.items, size.pairs, seed % 3)
    content = {}
    if recommender.content:
        content = {name: _features(width, size.items, seed % 2) for name, width in size.widths.items()}
    # The held-out items must not be among those seen, as evaluation asks.
    seen = set((users * size.items + items).tolist())
    kept = np.array([user * size.items + int(item) not in seen for user, item in enumerate(held.items)])
    valid = ItemLists.of(np.flatnonzero(kept), held.items[kept], size.users)
    return TrainingData(users, items, size.users, size.items, valid, content)


def ready(size: Size, recommender: Recommender, n: int, device: torch.device, **changes: Any) -> list[Prepared]:
    """Cells that are ready to be trained."""
    known = {"train_batch_size": size.batch, **changes}
    return [prepare(recommender, known, data(size, recommender, seed), seed, str(device)) for seed in range(n)]


def wait(device: torch.device) -> None:
    """Wait for what was launched."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def seconds(device: torch.device, call: Callable[[], Any], least: float = 0.3) -> float:
    """The least of some calls' wall-clock times, for at least `least` seconds and three calls."""
    times: list[float] = []
    while len(times) < 3 or (sum(times) < least and len(times) < 20):
        wait(device)
        started = time.perf_counter()
        call()
        wait(device)
        times.append(time.perf_counter() - started)
    return min(times)


def memory(device: torch.device) -> float:
    """Peak memory in GB since the last reset."""
    return torch.cuda.max_memory_allocated(device) / 2**30 if device.type == "cuda" else float("nan")


def empty(device: torch.device) -> None:
    """Give back what was freed and begin to measure memory anew."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(device)


def equality(recommender: Recommender, device: torch.device, capture: bool) -> Iterator[str]:
    """Three cells on the device beside the same cells on the CPU, together and by the pool's loop."""
    size = SIZES["small"]
    known = {"epochs": 6, "eval_step": 2, "learning_rate": 0.01}
    here = Together(ready(size, recommender, 3, device, **known), device, capture=capture)
    results = here.run()
    on_cpu = Together(ready(size, recommender, 3, torch.device("cpu"), **known), torch.device("cpu")).run()
    everyone = np.arange(size.users)
    for seed, (one, other) in enumerate(zip(results, on_cpu, strict=True)):
        if isinstance(one, Exception) or isinstance(other, Exception):
            yield f"seed {seed}: {one} | {other}"
            continue
        alone = fit(recommender, {"train_batch_size": size.batch, **known}, data(size, recommender, seed), seed)
        scores = [part.score(everyone).detach().cpu().numpy() for part in (one, other, alone)]
        spread = np.abs(scores[2]).max()
        yield (
            f"seed {seed}: largest difference of scores, to the CPU {np.abs(scores[0] - scores[1]).max() / spread:.1e},"
            f" to the pool {np.abs(scores[0] - scores[2]).max() / spread:.1e} of the largest; validation"
            f" {one.valid_score:.5f} {other.valid_score:.5f} {alone.valid_score:.5f};"
            f" captured: {here.captured}"
        )
    again = Together(ready(size, recommender, 3, device, **known), device, capture=capture).run()
    same = [
        bool(torch.equal(a.score(everyone), b.score(everyone)))
        for a, b in zip(results, again, strict=True)
        if not isinstance(a, Exception) and not isinstance(b, Exception)
    ]
    yield f"the same bits when run again: {same}"


def epochs(
    name: str, recommender: Recommender, counts: Sequence[int], device: torch.device, capture: bool, **changes: Any
) -> Iterator[str]:
    """An epoch and a validation by number of cells."""
    size = SIZES[name]
    for n in counts:
        empty(device)
        started = time.perf_counter()
        cells = ready(size, recommender, n, device, **changes)
        wait(device)
        built = time.perf_counter() - started
        started = time.perf_counter()
        together = Together(cells, device, capture=capture)
        numbers = iter(range(1_000_000))
        together.train_epoch(next(numbers))
        wait(device)
        first = time.perf_counter() - started
        if device.type == "cuda" and not together.captured:  # an epoch of fewer steps than the warm-up
            together.train_epoch(next(numbers))
            together.train_epoch(next(numbers))
        epoch = seconds(device, lambda t=together, k=numbers: t.train_epoch(next(k)))
        drawing = seconds(device, lambda t=together: t._batches.draw_epoch(0))
        begun = seconds(device, lambda t=together: t._model.begin_epoch(0))
        with torch.no_grad():
            final = together._model.final_embeddings()
            valid = seconds(device, lambda t=together, f=final: t._validation(*f))
        ratio = f" MMRec/this {MMREC[recommender.name] / epoch * n:5.1f}" if recommender.name in MMREC else ""
        yield (
            f"{n:3d} cells: epoch {1e3 * epoch / n:8.2f} ms a cell (of it batches {1e3 * drawing / n:.2f}, begin"
            f" {1e3 * begun / n:.2f}); step {1e3 * epoch / together._batches.steps:7.3f} ms; validation"
            f" {1e3 * valid / n:.2f} ms a cell; built in {1e3 * built / n:.0f} ms a cell; first epoch {first:.2f} s;"
            f" {memory(device):.2f} GB; captured: {together.captured}" + (ratio if name == "baby" else "")
        )
        del together, cells, final


def alone(name: str, recommender: Recommender, device: torch.device) -> Iterator[str]:
    """An epoch of the pool's loop, one cell, on this device."""
    (cell,) = ready(SIZES[name], recommender, 1, device)
    trainer = CellTrainer(cell.config, cell.model, lambda: 0.0)
    trainer._train_epoch(cell.batches, 0)
    epoch = seconds(device, lambda: trainer._train_epoch(cell.batches, 0))
    yield f"  1 cell alone, pool's loop on {device}: {1e3 * epoch:8.2f} ms an epoch"


def whole(recommender: Recommender, n: int, device: torch.device, capture: bool) -> Iterator[str]:
    """Whole trainings, early stopping and all, as the profile quick asks of ML-100K."""
    empty(device)
    started = time.perf_counter()
    cells = ready(SIZES["ml-100k"], recommender, n, device, epochs=50, eval_step=5, stopping_step=2)
    wait(device)
    built = time.perf_counter() - started
    started = time.perf_counter()
    results = Together(cells, device, capture=capture).run()
    wait(device)
    trained = time.perf_counter() - started
    done = [result for result in results if not isinstance(result, Exception)]
    total = sum(result.epochs for result in done)
    yield (
        f"{n:3d} cells: {total} epochs, built in {built:.2f} s, trained in {trained:.2f} s,"
        f" {1e3 * trained / max(total, 1):.2f} ms an epoch with validation; failed: {n - len(done)}"
    )


def profile(name: str, recommender: Recommender, n: int, device: torch.device) -> Iterator[str]:
    """The kernels of an epoch that is launched one by one."""
    together = Together(ready(SIZES[name], recommender, n, device), device, capture=False)
    together.train_epoch(0)
    wait(device)
    with torch.profiler.profile() as found:
        together.train_epoch(1)
        wait(device)
    key = "self_device_time_total" if device.type == "cuda" else "self_cpu_time_total"
    yield "\n" + found.key_averages().table(sort_by=key, row_limit=25, max_name_column_width=70)


def show(title: str, rows: Iterator[str]) -> None:
    """Print rows as they come; an error is one of them."""
    print(f"\n{title}", flush=True)
    try:
        for row in rows:
            print(f"  {row}", flush=True)
    except Exception as error:  # a table with a hole says more than none
        print(f"  FAILED {type(error).__name__}: {error}", flush=True)
        traceback.print_exc()


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--recommender", action="append", help="only these (default: all that have a batched form)")
    parser.add_argument("--part", action="append", choices=["equality", "ml-100k", "whole", "baby", "profile"])
    parser.add_argument("--cells", type=int, nargs="+", default=[1, 5, 20, 60], help="at ML-100K's size")
    parser.add_argument("--baby-cells", type=int, nargs="+", default=[1, 4])
    parser.add_argument("--eager", action="store_true", help="launch every kernel by itself")
    parser.add_argument("--budget", type=float, default=480, help="seconds after which nothing new is begun")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    device, capture = torch.device(arguments.device), not arguments.eager
    if device.type == "cuda":
        device = torch.device("cuda", device.index or 0)
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU, one thread"
    print(f"{name}; torch {torch.__version__}; tf32 {torch.backends.cuda.matmul.allow_tf32}", flush=True)
    chosen = [r for r in RECOMMENDERS if not arguments.recommender or r.name in arguments.recommender]
    parts = arguments.part or ["equality", "ml-100k", "whole", "baby"]
    started = time.perf_counter()
    for part in parts:
        for recommender in chosen:
            if time.perf_counter() - started > arguments.budget:
                print(f"\nleft out for want of time: {part} {recommender.name}", flush=True)
                continue
            title = f"{part}: {recommender.name}"
            if part == "equality":
                show(title, equality(recommender, device, capture))
            elif part == "ml-100k":
                show(title, epochs(part, recommender, arguments.cells, device, capture))
                show(title, alone(part, recommender, device))
                if device.type != "cpu":
                    show(title, alone(part, recommender, torch.device("cpu")))
            elif part == "whole":
                show(title, whole(recommender, max(arguments.cells), device, capture))
            elif part == "baby":
                show(title, epochs(part, recommender, arguments.baby_cells, device, capture))
            else:
                show(title, profile("ml-100k", recommender, max(arguments.cells), device))
    print(f"\n{time.perf_counter() - started:.0f} s in all", flush=True)


if __name__ == "__main__":
    main()
