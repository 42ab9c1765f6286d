"""Processes of this machine that perform tasks, each on one thread: what every pool of this library is made of.

`in_processes` is all that most need. Why not loky, which is installed with joblib: it ends a worker that has grown by
300 MB, and ours grow by design, as what a worker has read it keeps; its workers outlive a parent that is killed; and
when a worker dies, it too gives up the whole pool, so that the care for the suspects would be ours all the same.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import multiprocessing.connection
import os
import signal
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.context import SpawnContext, SpawnProcess
from multiprocessing.process import BaseProcess
from typing import Any, Generic, TypeVar

from recclaims.engine.execute.executor import Failure
from recclaims.errors import RecclaimsError

T = TypeVar("T")
A = TypeVar("A")

#: Set in workers before they start: two OpenMP pools that spin on the same cores collapse.
WORKER_ENVIRONMENT = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE"}


def in_processes(
    perform: Callable[[T], A], tasks: Iterable[T], workers: int, done: Callable[[T, A], None] = lambda *_: None
) -> list[A]:
    """Perform every task in processes of one thread each, and return the answers in the order of the tasks.

    Nothing is left running when it returns or raises, Ctrl-C included; workers end with this process, however it ends.
    A task whose worker dies is performed once more.

    Args:
        perform: a function of a module, or a partial of one; it, its tasks and its answers have to be picklable.
        tasks: what to call it with, one argument each.
        workers: how many processes, at most one a task; 0: this one.
        done: called in this process with a task and its answer, in the order in which they are done.

    Raises:
        RecclaimsError: a task failed, or its worker died twice; its cause is what the worker raised. No further task
            is begun.
    """
    waiting = list(tasks)
    answers: dict[int, A] = {}
    telling = _Telling(perform)
    with contextlib.ExitStack() as open_things:
        count = min(workers, len(waiting))
        each = open_things.enter_context(open_workers(telling, count)).each if count else telling.each
        for (index, task), answer in each(enumerate(waiting)):
            if isinstance(answer, Failure):
                raise RecclaimsError(answer.reason)
            answers[index] = answer
            done(task, answer)
    return [answers[index] for index in range(len(waiting))]


class _Telling(Generic[T, A]):
    """Performs a task that has a number; whatever it raises is a RecclaimsError that says where."""

    def __init__(self, perform: Callable[[T], A]) -> None:
        self._perform = perform

    def __call__(self, numbered: tuple[int, T]) -> A:
        try:
            return self._perform(numbered[1])
        except RecclaimsError:
            raise
        except Exception as error:
            raise RecclaimsError(Failure.of(error).reason) from error

    def each(self, tasks: Iterable[tuple[int, T]]) -> Iterator[tuple[tuple[int, T], A | Failure]]:
        """Perform them here, one after the other."""
        return ((task, self(task)) for task in tasks)


@contextlib.contextmanager
def open_workers(
    perform: Callable[[T], A], count: int, begin: Callable[..., None] | None = None, given: tuple[Any, ...] = ()
) -> Iterator[Workers[T, A]]:
    """Give so many processes; they are gone afterwards, at once where something was raised.

    Args:
        perform: what is called with each task, see in_processes.
        count: how many processes; at least one.
        begin: called in each of them before its first task, with what is `given`.
        given: picklable.
    """
    with environment(WORKER_ENVIRONMENT):
        workers = Workers(perform, count, begin, given)
        try:
            yield workers
        except BaseException:
            workers.terminate()  # shutdown alone would wait for what they are at
            raise
        finally:
            workers.shutdown()


class Workers(Generic[T, A]):
    """Performs tasks in processes, see open_workers.

    When one of them dies, the whole pool is broken (concurrent.futures knows no better), and every task in flight
    may have been the cause. A new pool is started, these suspects run again one at a time, and one whose worker
    dies again fails with that reason. A task waits here until a worker is free, so that no others are in flight.
    """

    def __init__(
        self, perform: Callable[[T], A], count: int, begin: Callable[..., None] | None, given: tuple[Any, ...]
    ) -> None:
        self._perform, self._count, self._begin, self._given = perform, count, begin, given
        self._pool = started(count, begin, given)

    def each(self, tasks: Iterable[T]) -> Iterator[tuple[T, A | Failure]]:
        """Yield every task with its answer, as it is done; a Failure where its worker died twice.

        Raises:
            BaseException: what a task raised in its worker.
        """
        waiting, suspects = deque(tasks), deque[T]()
        flying: dict[Future[A], T] = {}
        while waiting or suspects or flying:
            alone = bool(suspects)
            self._submit(suspects if alone else waiting, 1 if alone else self._count, flying)
            lost: list[T] = []
            finished, _ = wait(flying, return_when=FIRST_COMPLETED)
            for job in finished:
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

    def _submit(self, tasks: deque[T], room: int, flying: dict[Future[A], T]) -> None:
        while tasks and len(flying) < room:
            try:
                flying[self._pool.submit(self._perform, tasks[0])] = tasks[0]
            except BrokenProcessPool:  # an idle worker has died
                if flying:
                    return
                self._renew()
            else:
                tasks.popleft()

    def _renew(self) -> str:
        """Replace a broken pool by a new one; say how its worker died."""
        processes = list((self._pool._processes or {}).values())
        self.shutdown()
        self._pool = started(self._count, self._begin, self._given)
        return how_died({process.exitcode for process in processes})

    def terminate(self) -> None:
        """End the processes, whatever they are at."""
        terminate(self._pool)

    def shutdown(self) -> None:
        """Wait for the processes to end; drop what has not begun."""
        self._pool.shutdown(wait=True, cancel_futures=True)


def started(count: int, begin: Callable[..., None] | None = None, given: tuple[Any, ...] = ()) -> ProcessPoolExecutor:
    """So many processes, as they are first needed; see open_workers."""
    return ProcessPoolExecutor(count, mp_context=SpawnWithoutMain(), initializer=_begin_worker, initargs=(begin, given))


def terminate(pool: ProcessPoolExecutor) -> None:
    """End its processes, whatever they are at."""
    for process in list((pool._processes or {}).values()):
        process.terminate()


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
    """Starts such processes; what they perform is of a module, and a program's own objects come packed."""

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


def _begin_worker(begin: Callable[..., None] | None, given: tuple[Any, ...]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides what Ctrl-C means
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    threading.Thread(target=_die_with_parent, daemon=True).start()
    if begin is not None:
        begin(*given)


def _die_with_parent() -> None:
    """End this worker when its parent is killed: it would wait for tasks for ever, or finish its cell unheard."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        multiprocessing.connection.wait([parent.sentinel])
        os._exit(1)
