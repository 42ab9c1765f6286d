"""The local executor: encoders first, then cells, over processes that each compute on one thread."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from recclaims.encoders.language import trust
from recclaims.errors import NotAvailableError, RecclaimsError, one_line
from recclaims.plugin_manager import registry
from recclaims.runner.cell import Cell, CellResult
from recclaims.runner.pipeline import Pipeline
from recclaims.runner.settings import Reuse, Settings
from recclaims.store import Store

#: Set in workers before they start: two OpenMP pools that spin on the same cores collapse.
WORKER_ENVIRONMENT = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE"}


@dataclass(frozen=True)
class Failure:
    """Why a cell or an encoding has no result. `missing`: it could not be run here, which is no fault."""

    reason: str
    missing: bool = False


#: A method of Pipeline and its arguments; what came of it; and what performs many of them.
Task = tuple[Any, ...]
Answer = CellResult | Failure | None
Performer = Callable[[Iterable[Task]], Iterable[tuple[Task, Answer]]]


@dataclass(frozen=True)
class Progress:
    """How far a run is: `advance` more of this stage's `total` are done, the last of them `what`."""

    stage: str
    total: int
    what: str = ""
    advance: int = 1


@dataclass
class Outcome:
    """Every cell's result, or why it has none."""

    results: dict[Cell, CellResult] = field(default_factory=dict)
    failures: dict[Cell, Failure] = field(default_factory=dict)
    computed: int = 0
    reused: int = 0


def run(pipeline: Pipeline, cells: Iterable[Cell], tell: Callable[[Progress], None] = lambda _: None) -> Outcome:
    """Bring every cell to a result: from the store where it may, by training where it must.

    A cell that fails does not stop the others. Ctrl-C stops at once; what was finished stays in the store.
    """
    outcome = Outcome()
    wanted = list(dict.fromkeys(cells))
    reuse = pipeline.settings.reuse
    missing: list[Cell] = []
    for cell in wanted:
        try:
            found = None if reuse is Reuse.NEVER else pipeline.find(cell)
        except RecclaimsError as error:
            outcome.failures[cell] = _failure(error)
            continue
        if found:
            outcome.results[cell] = found
            outcome.reused += 1
        elif reuse is Reuse.ALWAYS:
            outcome.failures[cell] = Failure("not in the store (--claims-reuse always)", missing=True)
        else:
            missing.append(cell)
    with _performer(pipeline, len(missing)) as perform:
        missing = _encode(pipeline, missing, perform, outcome, tell)
        if missing:
            tell(Progress("cells", len(missing), advance=0))
        for (_, cell), answer in perform([("train", cell) for cell in missing]):
            if isinstance(answer, CellResult):
                outcome.results[cell] = answer
                outcome.computed += 1
            else:
                outcome.failures[cell] = answer or Failure("no result")
            tell(Progress("cells", len(missing), str(cell)))
    return outcome


def _encode(
    pipeline: Pipeline,
    cells: Sequence[Cell],
    perform: Performer,
    outcome: Outcome,
    tell: Callable[[Progress], None],
) -> list[Cell]:
    """Compute the features that cells need; return the cells whose features are there."""
    needed = dict.fromkeys((cell.dataset, cell.features) for cell in cells if cell.features)
    tasks = [
        ("encode", reference, encoder)
        for reference, encoder in needed
        if pipeline.store.find("features", pipeline.features_recipe(reference, encoder)) is None
    ]
    if tasks:
        tell(Progress("encoders", len(tasks), advance=0))
    broken: dict[tuple[str, str], Failure] = {}
    for (_, reference, encoder), answer in perform(tasks):
        if isinstance(answer, Failure):
            broken[reference, encoder] = answer
        tell(Progress("encoders", len(tasks), f"{encoder} on {reference}"))
    for cell in cells:
        if cell.features and (cell.dataset, cell.features) in broken:
            outcome.failures[cell] = broken[cell.dataset, cell.features]
    return [cell for cell in cells if cell not in outcome.failures]


def _failure(error: BaseException) -> Failure:
    if isinstance(error, RecclaimsError):
        return Failure(str(error), missing=isinstance(error, NotAvailableError))
    # Not one of ours: the last frame says more than the message alone.
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return Failure(f"{one_line(error)} ({Path(frame.filename).name}:{frame.lineno})")


def _perform(pipeline: Pipeline, task: Task) -> Answer:
    name, *arguments = task
    try:
        answer = getattr(pipeline, name)(*arguments)
    except Exception as error:  # a plugin's encoder or recommender: it must not take the run with it
        return _failure(error)
    return answer if isinstance(answer, CellResult) else None


@contextlib.contextmanager
def _performer(pipeline: Pipeline, n_tasks: int) -> Iterator[Performer]:
    """Give a function that performs tasks and yields each with its answer as it is done."""
    workers = min(pipeline.settings.workers, n_tasks)
    if workers == 0:
        yield lambda tasks: ((task, _perform(pipeline, task)) for task in tasks)
        return
    with _environment(WORKER_ENVIRONMENT):
        pool = ProcessPoolExecutor(
            workers,
            mp_context=multiprocessing.get_context("spawn"),
            initializer=_start_worker,
            initargs=(pipeline.settings, pipeline.store),
        )

        def perform(tasks: Iterable[Task]) -> Iterator[tuple[Task, Answer]]:
            jobs = {pool.submit(_perform_in_worker, task): task for task in tasks}
            for job in as_completed(jobs):
                try:
                    yield jobs[job], job.result()
                except BrokenProcessPool:
                    yield jobs[job], Failure("the worker process died (out of memory?)")

        try:
            yield perform
        except BaseException:
            for process in list((pool._processes or {}).values()):  # shutdown alone would wait for the cells
                process.terminate()
            raise
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


@contextlib.contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


_worker_pipeline: Pipeline | None = None


def _start_worker(settings: Settings, store: Store) -> None:
    global _worker_pipeline  # noqa: PLW0603 - one pipeline a process, so that what it has read is read once
    import signal

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides what Ctrl-C means
    trust.remote_code = settings.trust_remote_code
    _worker_pipeline = Pipeline(settings, registry(), store)


def _perform_in_worker(task: Task) -> Answer:
    assert _worker_pipeline is not None  # noqa: S101 - the initializer has run
    return _perform(_worker_pipeline, task)
