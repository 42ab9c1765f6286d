"""What an executor is: it performs tasks somewhere and gives each back with its answer as it is done.

Three exist: in this process (here), in processes of this machine (pool.py), on a Dask cluster (dask_cluster.py).
"""

from __future__ import annotations

import errno
import traceback
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from recclaims.engine.cell import CellResult
from recclaims.engine.execute.known_state import known_state
from recclaims.engine.pipeline import Pipeline
from recclaims.errors import NotAvailableError, RecclaimsError, StorageError, is_order, one_line

#: A disk or quota that is full, or a place that has become read-only or broken, whoever writes there.
STORAGE = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO}


@dataclass(frozen=True)
class Failure:
    """Why a cell or an encoding has no result.

    Attributes:
        reason: in one line.
        missing: it could not be run here, which is no fault.
        storage: what would have kept the result cannot: that says nothing of what was asked.
    """

    reason: str
    missing: bool = False
    storage: bool = False

    @classmethod
    def of(cls, error: BaseException) -> Failure:
        """What a person is told of an error."""
        if isinstance(error, RecclaimsError):
            return cls(str(error), isinstance(error, NotAvailableError), isinstance(error, StorageError))
        # Not one of ours: the last frame says more than the message alone.
        frames = traceback.extract_tb(error.__traceback__)
        place = f" ({Path(frames[-1].filename).name}:{frames[-1].lineno})" if frames else ""
        return cls(f"{one_line(error)}{place}", storage=isinstance(error, OSError) and error.errno in STORAGE)


#: A method of Pipeline and its arguments, and what came of it: None where it has no result to give.
Task = tuple[Any, ...]
Answer = CellResult | Failure | None
Performed = Iterator[tuple[Task, Answer]]


class Executor(Protocol):
    """Performs tasks. One that fails does not stop the others; when the iteration ends early, the rest is dropped."""

    #: Processor and GPU of the machines that perform, as `machine.hardware` gives them; empty: this one.
    machines: list[dict[str, str | None]]

    def perform(self, tasks: Iterable[Task]) -> Performed:
        """Yield every task with its answer, as it is done.

        Raises:
            RecclaimsError: nothing more can be performed here; what was done is in the store.
        """


def perform(pipeline: Pipeline, task: Task) -> Answer:
    """Perform a task in this process, now."""
    name, *arguments = task
    try:
        with known_state():
            answer = getattr(pipeline, name)(*arguments)
    except BaseException as error:  # a plugin's encoder or recommender: it must not take the run with it
        if is_order(error):
            raise
        return Failure.of(error)
    return answer if isinstance(answer, CellResult) else None


def without_values(answer: Answer) -> Answer:
    """An answer for another process, which reads the values in the store: with them the dataset would travel, too."""
    return replace(answer, per_user={}) if isinstance(answer, CellResult) else answer


def patiently(once: Callable[[Iterable[Task]], Performed], tasks: Iterable[Task]) -> Performed:
    """Perform what is free first, then wait for cells that another run is at.

    Two runs that begin with the same cell would otherwise wait for each other's cells all the way.
    """
    tried = {("try_train", *task[1:]) if task[0] == "train" else task: task for task in tasks}
    busy: list[Task] = []
    for attempt, answer in once(tried):
        task = tried[attempt]
        if answer is None and attempt != task:
            busy.append(task)
        else:
            yield task, answer
    if busy:
        yield from once(busy)


class InProcess:
    """Performs tasks one after the other in this process."""

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline
        self.machines: list[dict[str, str | None]] = []

    def perform(self, tasks: Iterable[Task]) -> Performed:
        """See Executor."""
        return patiently(lambda some: ((task, perform(self._pipeline, task)) for task in some), tasks)
