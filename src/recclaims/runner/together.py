"""The executor of a GPU: cells of one shape are trained as one model there; what cannot be, by the CPU beside it."""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

from filelock import Timeout

from recclaims.errors import CellError
from recclaims.runner.cell import Cell
from recclaims.runner.data import deterministic
from recclaims.runner.executor import Answer, Executor, Failure, InProcess, Performed, Task, perform
from recclaims.runner.known_state import known_state
from recclaims.runner.memory import reset_peak
from recclaims.runner.pipeline import Given, Pipeline, result
from recclaims.runner.settings import Reuse

if TYPE_CHECKING:
    from recclaims.recommenders.fit import Fitted, Prepared


@contextlib.contextmanager
def open_together(pipeline: Pipeline, n_tasks: int) -> Iterator[Together]:
    """Give the executor; its processes, if it has started any, are gone afterwards."""
    with contextlib.ExitStack() as open_things:
        yield Together(pipeline, n_tasks, open_things)


class Together:
    """Performs encodings and groups of cells in this process, and the other cells in a pool of processes.

    Args:
        pipeline: of this process.
        n_tasks: as many processes are enough.
        open_things: closed when the run is over.
    """

    def __init__(self, pipeline: Pipeline, n_tasks: int, open_things: contextlib.ExitStack) -> None:
        self._pipeline, self._n_tasks, self._open_things = pipeline, n_tasks, open_things
        self._others: Executor | None = None
        self.machines: list[dict[str, str | None]] = []

    def perform(self, tasks: Iterable[Task]) -> Performed:
        """See Executor."""
        cells: list[Cell] = []
        apart: list[Task] = []
        for task in tasks:
            if task[0] != "train":
                yield task, perform(self._pipeline, task)
            elif self._pipeline.trains_together(task[1]):
                cells.append(task[1])
            else:
                apart.append(task)
        if not (apart and self._pipeline.settings.workers and cells):
            yield from self._trained(cells)
            yield from self._apart().perform(apart) if apart else ()
            return
        yield from self._beside(cells, apart)

    def _beside(self, cells: Sequence[Cell], apart: Sequence[Task]) -> Performed:
        """Train cells here while a pool is at the others."""
        pool, answers = self._apart(), SimpleQueue[tuple[Task, Answer] | BaseException | None]()

        def listen() -> None:
            try:
                for pair in pool.perform(apart):
                    answers.put(pair)
                answers.put(None)
            except BaseException as error:  # raised where the run waits
                answers.put(error)

        threading.Thread(target=listen, daemon=True).start()
        at_work = True
        trained = self._trained(cells)
        while True:
            pair = next(trained, None)
            if pair is not None:
                yield pair
            while at_work and (pair is None or not answers.empty()):
                answer = answers.get()
                if isinstance(answer, BaseException):
                    raise answer
                at_work = answer is not None
                if answer is not None:
                    yield answer
            if pair is None:
                return

    def _apart(self) -> Executor:
        if self._others is None:
            workers = min(self._pipeline.settings.workers, self._n_tasks)
            if workers:
                from recclaims.runner.local import open_pool

                self._others = self._open_things.enter_context(open_pool(self._pipeline, workers))
            else:
                self._others = InProcess(self._pipeline)
        return self._others

    def _trained(self, cells: Sequence[Cell]) -> Performed:
        """Train cells in groups; those that another run is at come last, one by one."""
        groups: dict[Any, list[Cell]] = {}
        for cell in cells:
            parameters = repr(sorted(self._pipeline.parameters(cell).items()))
            groups.setdefault((cell.dataset, cell.recommender, cell.features, cell.twin, parameters), []).append(cell)
        busy: list[Cell] = []
        for group in groups.values():
            waiting = deque(group)
            while waiting:
                for cell, answer in self._chunk(waiting):
                    if answer is None:
                        busy.append(cell)
                    else:
                        yield ("train", cell), answer
        for cell in busy:
            yield ("train", cell), perform(self._pipeline, ("train", cell))

    def _chunk(self, waiting: deque[Cell]) -> list[tuple[Cell, Answer]]:
        """Take as many cells as fit into memory and train them; None where another run is at a cell."""
        with contextlib.ExitStack() as locks, known_state(), deterministic(self._pipeline.settings.device):
            reset_peak()
            ready: list[_Ready] = []
            answers: list[tuple[Cell, Answer]] = []
            most: int | None = None
            while waiting and (most is None or len(ready) < most):
                cell = waiting.popleft()
                begun = self._begin(cell, locks)
                if not isinstance(begun, _Ready):
                    answers.append((cell, begun))
                    continue
                ready.append(begun)
                if most is None:
                    most = _evenly(_fitting(begun.prepared), len(waiting) + 1)
            for group in _by_shape(ready):
                answers += self._finished(group)
            return answers

    def _begin(self, cell: Cell, locks: contextlib.ExitStack) -> _Ready | Answer:
        pipeline = self._pipeline
        recipe = pipeline.cell_recipe(cell)
        lock = pipeline.store.lock("cells", recipe)
        try:
            locks.enter_context(lock.acquire(timeout=0))
            found = None if pipeline.settings.reuse is Reuse.NEVER else pipeline.find(cell)
            if found:
                return found
            given = pipeline.given(cell)
            return _Ready(cell, recipe, given, pipeline.prepared(cell, given))
        except Timeout:
            return None
        except Exception as error:  # as of executor.perform: one cell must not take the others with it
            return Failure.of(error)

    def _finished(self, group: Sequence[_Ready]) -> Iterator[tuple[Cell, Answer]]:
        from recclaims.recommenders.batched.trainer import train_together

        try:
            found: Sequence[Fitted | Exception] = train_together([ready.prepared for ready in group])
        except Exception as error:
            found = [error] * len(group)
        for ready, fitted in zip(group, found, strict=True):
            yield ready.cell, self._kept(ready, fitted)

    def _kept(self, ready: _Ready, fitted: Fitted | Exception) -> Answer:
        if isinstance(fitted, CellError):
            fitted = CellError(f"{ready.cell.recommender}: {fitted}")
        if isinstance(fitted, Exception):
            return Failure.of(fitted)
        try:
            kept = self._pipeline.keep(ready.cell, ready.recipe, ready.given, fitted)
            return result(ready.cell, kept, fresh=True)
        except Exception as error:
            return Failure.of(error)


@dataclass(frozen=True)
class _Ready:
    """A cell whose lock is held and whose model is built."""

    cell: Cell
    recipe: Mapping[str, Any]
    given: Given
    prepared: Prepared


def _fitting(cell: Prepared) -> int:
    from recclaims.recommenders.batched.trainer import fitting

    return fitting(cell)


def _evenly(most: int, n: int) -> int:
    """The size of groups of at most `most`, of which as few as can be make n."""
    return -(-n // -(-n // most))


def _by_shape(ready: Sequence[_Ready]) -> Iterator[Sequence[_Ready]]:
    from recclaims.recommenders.batched.trainer import shape

    groups: dict[Any, list[_Ready]] = {}
    for one in ready:
        groups.setdefault(shape(one.prepared), []).append(one)
    yield from groups.values()
