"""The local executor: processes of this machine, each on one thread; it outlives any of them."""

from __future__ import annotations

import contextlib
import multiprocessing
import multiprocessing.connection
import os
import signal
import sys
import threading
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.context import SpawnContext, SpawnProcess
from multiprocessing.process import BaseProcess
from typing import Any

from recclaims.engine.execute.executor import Answer, Failure, Performed, Task, patiently, perform
from recclaims.engine.pipeline import Pipeline
from recclaims.engine.settings import Settings
from recclaims.own_objects import with_own
from recclaims.plugin_manager import registry
from recclaims.store import Store

#: Set in workers before they start: two OpenMP pools that spin on the same cores collapse.
WORKER_ENVIRONMENT = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE"}


@contextlib.contextmanager
def open_pool(pipeline: Pipeline, workers: int) -> Iterator[Pool]:
    """Give a pool of this many processes; they are gone afterwards, at once where something was raised."""
    with environment(WORKER_ENVIRONMENT):
        pool = Pool(pipeline, workers)
        try:
            yield pool
        except BaseException:
            pool.terminate()  # shutdown alone would wait for the cells
            raise
        finally:
            pool.shutdown()


class Pool:
    """Performs tasks in processes.

    When one of them dies, the whole pool is broken (concurrent.futures knows no better), and every task in flight
    may have been the cause. A new pool is started, these suspects run again one at a time, and one whose worker
    dies again fails with that reason. A task waits here until a worker is free, so that no others are in flight.
    """

    def __init__(self, pipeline: Pipeline, workers: int) -> None:
        self._workers, self._settings, self._store = workers, pipeline.settings, pipeline.store
        self._own = pipeline.registry.own.packed() if pipeline.registry.own else None
        self._pool = self._started()
        self.machines: list[dict[str, str | None]] = []

    def perform(self, tasks: Iterable[Task]) -> Performed:
        """See Executor."""
        return patiently(self._perform, tasks)

    def _perform(self, tasks: Iterable[Task]) -> Performed:
        waiting, suspects = deque(tasks), deque[Task]()
        flying: dict[Future[Answer], Task] = {}
        while waiting or suspects or flying:
            alone = bool(suspects)
            self._submit(suspects if alone else waiting, 1 if alone else self._workers, flying)
            lost: list[Task] = []
            done, _ = wait(flying, return_when=FIRST_COMPLETED)
            for job in done:
                task = flying.pop(job)
                try:
                    yield task, job.result()
                except BrokenProcessPool:
                    lost.append(task)
            if not lost:
                continue
            for job, task in flying.items():  # all of a broken pool end together; some may have ended well before
                try:
                    yield task, job.result()
                except BrokenProcessPool:
                    lost.append(task)
            flying.clear()
            how = self._renew()
            if alone:
                yield lost[0], Failure(f"the worker process died twice while computing it, {how}")
            else:
                suspects.extend(lost)

    def _submit(self, tasks: deque[Task], room: int, flying: dict[Future[Answer], Task]) -> None:
        while tasks and len(flying) < room:
            try:
                flying[self._pool.submit(_perform_in_worker, tasks[0])] = tasks[0]
            except BrokenProcessPool:  # an idle worker has died
                if flying:
                    return
                self._renew()
            else:
                tasks.popleft()

    def _started(self) -> ProcessPoolExecutor:
        return ProcessPoolExecutor(
            self._workers,
            mp_context=SpawnWithoutMain(),
            initializer=start_worker,
            initargs=(self._settings, self._store, self._own),
        )

    def _renew(self) -> str:
        """Replace a broken pool by a new one; say how its worker died."""
        processes = list((self._pool._processes or {}).values())
        self.shutdown()
        self._pool = self._started()
        return how_died({process.exitcode for process in processes})

    def terminate(self) -> None:
        """End the processes, whatever they are at."""
        for process in list((self._pool._processes or {}).values()):
            process.terminate()

    def shutdown(self) -> None:
        """Wait for the processes to end; drop what has not begun."""
        self._pool.shutdown(wait=True, cancel_futures=True)


class _ProcessWithoutMain(SpawnProcess):
    """A process that does not run its parent's program again: a script needs no `if __name__ == "__main__":`."""

    @staticmethod
    def _Popen(process_obj: BaseProcess) -> Any:  # noqa: N802 - the name that multiprocessing calls
        main = sys.modules["__main__"].__dict__
        before: dict[str, Any] = {name: main[name] for name in ("__spec__", "__file__") if name in main}
        main.pop("__file__", None)
        main["__spec__"] = None
        try:
            return SpawnProcess._Popen(process_obj)
        finally:
            del main["__spec__"]
            main.update(before)


class SpawnWithoutMain(SpawnContext):
    """Starts such processes; what they perform is of this package, and a program's own objects come packed."""

    Process = _ProcessWithoutMain


def how_died(codes: Iterable[int | None]) -> str:
    """What the exit codes of a broken pool's processes say of the one that died."""
    # The others were ended by the pool itself, with SIGTERM.
    told = {code for code in codes if code not in (None, 0, -signal.SIGTERM)}
    if -signal.SIGKILL in told:
        return "killed by SIGKILL, as when memory runs out"
    names = [signal.Signals(-code).name if code < 0 else f"exit code {code}" for code in told if code is not None]
    return ", ".join(sorted(names)) or "out of memory?"


@contextlib.contextmanager
def environment(variables: Mapping[str, str]) -> Iterator[None]:
    """Set variables of the environment, and put back what they were."""
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


def start_worker(settings: Settings, store: Store, own: bytes | None = None) -> None:
    """Begin a process that performs tasks."""
    global _worker_pipeline  # noqa: PLW0603 - one pipeline a process, so that what it has read is read once
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides what Ctrl-C means
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    threading.Thread(target=_die_with_parent, daemon=True).start()
    _worker_pipeline = Pipeline(settings, with_own(registry(), own), store)


def _die_with_parent() -> None:
    """End this worker when its parent is killed: it would wait for tasks for ever, or finish its cell unheard."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        multiprocessing.connection.wait([parent.sentinel])
        os._exit(1)


def pipeline_of_worker() -> Pipeline:
    """The pipeline of a process that start_worker has begun."""
    assert _worker_pipeline is not None  # noqa: S101 - the initializer has run
    return _worker_pipeline


def _perform_in_worker(task: Task) -> Answer:
    return perform(pipeline_of_worker(), task)
