"""The local executor: processes of this machine, each with a pipeline of its own; it outlives any of them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator

from recclaims.engine.execute.executor import Answer, Performed, Task, patiently, perform, without_values
from recclaims.engine.execute.processes import Workers, open_workers
from recclaims.engine.pipeline import Pipeline
from recclaims.engine.settings import Settings
from recclaims.own_objects import with_own
from recclaims.plugin_manager import registry
from recclaims.store import Store


@contextlib.contextmanager
def open_pool(pipeline: Pipeline, workers: int) -> Iterator[Pool]:
    """Give a pool of this many processes; they are gone afterwards, at once where something was raised."""
    with open_workers(perform_in_worker, workers, start_worker, given_to_worker(pipeline)) as processes:
        yield Pool(processes)


class Pool:
    """Performs tasks in processes."""

    def __init__(self, processes: Workers[Task, Answer]) -> None:
        self._processes = processes
        self.machines: list[dict[str, str | None]] = []

    def perform(self, tasks: Iterable[Task]) -> Performed:
        """See Executor."""
        return patiently(self._processes.each, tasks)


_worker_pipeline: Pipeline | None = None


def given_to_worker(pipeline: Pipeline, settings: Settings | None = None) -> tuple[Settings, Store, bytes | None]:
    """What start_worker takes to make the same pipeline in another process, or one with other settings."""
    own = pipeline.registry.own.packed() if pipeline.registry.own else None
    return settings or pipeline.settings, pipeline.store, own


def start_worker(settings: Settings, store: Store, own: bytes | None = None) -> None:
    """Begin a process that performs tasks."""
    global _worker_pipeline  # noqa: PLW0603 - one pipeline a process, so that what it has read is read once
    _worker_pipeline = Pipeline(settings, with_own(registry(), own), store)


def pipeline_of_worker() -> Pipeline:
    """The pipeline of a process that start_worker has begun."""
    assert _worker_pipeline is not None  # noqa: S101 - the initializer has run
    return _worker_pipeline


def perform_in_worker(task: Task) -> Answer:
    """Perform a task in such a process."""
    return without_values(perform(pipeline_of_worker(), task))
