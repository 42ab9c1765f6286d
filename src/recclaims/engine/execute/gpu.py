"""The executor of a GPU: cells of one shape are trained as one model there; what cannot be, by the CPU beside it."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterable, Iterator, Sequence
from queue import SimpleQueue

from recclaims._model.cell import Cell
from recclaims.engine.device import devices_of
from recclaims.engine.execute.executor import Answer, Executor, InProcess, Performed, Task, perform
from recclaims.engine.execute.gpu_processes import Gpus, open_gpus
from recclaims.engine.execute.groups import Groups
from recclaims.engine.pipeline import Pipeline


@contextlib.contextmanager
def open_together(pipeline: Pipeline) -> Iterator[Together]:
    """Give the executor; its processes, if it has started any, are gone afterwards."""
    with contextlib.ExitStack() as open_things:
        devices = devices_of(pipeline.settings.device)
        groups = open_things.enter_context(open_gpus(pipeline, devices)) if len(devices) > 1 else Groups(pipeline)
        yield Together(pipeline, groups, open_things)


class Together:
    """Performs encodings in this process, groups of cells here or in a process a GPU, and the other cells in a pool.

    Args:
        pipeline: of this process.
        groups: trains groups of cells.
        open_things: closed when the run is over.
    """

    def __init__(self, pipeline: Pipeline, groups: Groups | Gpus, open_things: contextlib.ExitStack) -> None:
        self._pipeline, self._groups, self._open_things = pipeline, groups, open_things
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
            yield from self._groups.trained(cells)
            yield from self._apart(len(apart)).perform(apart) if apart else ()
            return
        yield from self._beside(cells, apart)

    def _beside(self, cells: Sequence[Cell], apart: Sequence[Task]) -> Performed:
        """Train cells here while a pool is at the others."""
        pool, answers = self._apart(len(apart)), SimpleQueue[tuple[Task, Answer] | BaseException | None]()

        def listen() -> None:
            try:
                for pair in pool.perform(apart):
                    answers.put(pair)
                answers.put(None)
            except BaseException as error:  # raised where the run waits
                answers.put(error)

        threading.Thread(target=listen, daemon=True).start()
        at_work = True
        trained = self._groups.trained(cells)
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

    def _apart(self, n_tasks: int) -> Executor:
        if self._others is None:
            workers = min(self._pipeline.settings.workers, n_tasks)
            if workers:
                from recclaims.engine.execute.pool import open_pool

                self._others = self._open_things.enter_context(open_pool(self._pipeline, workers))
            else:
                self._others = InProcess(self._pipeline)
        return self._others
