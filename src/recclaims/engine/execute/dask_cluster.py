"""The Dask executor: every cell and every encoding is a task for the workers of a scheduler.

Workers bring their results into the store, which all of them see at the same path. A task's key is that of its
artefact, so that the scheduler runs it once, whoever asks for it and however often; when a worker is lost, the
scheduler gives its tasks to others. The store's lock holds beside it, where the file system keeps locks.
"""

from __future__ import annotations

import contextlib
import threading
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from recclaims.engine.cell import CellResult
from recclaims.engine.execute.dask_probe import stranger
from recclaims.engine.execute.executor import Answer, Failure, Performed, Task, perform, without_values
from recclaims.engine.machine import hardware, installation
from recclaims.engine.pipeline import Pipeline
from recclaims.engine.settings import LOCAL, Settings
from recclaims.errors import RecclaimsError, one_line
from recclaims.features.resolve import known_encoder
from recclaims.features.spec import spec_of
from recclaims.own_objects import with_own
from recclaims.plugin_manager import registry
from recclaims.store import Store, canonical, key_of

if TYPE_CHECKING:
    from distributed import Client, Future, Worker

#: How long a scheduler may take to answer, and to have a worker.
SECONDS_TO_CONNECT, SECONDS_FOR_WORKERS = 10, 30
#: How often a run looks for workers that have joined since, to share an encoding with them.
SECONDS_BETWEEN_LOOKS = 5.0
#: What a worker declares that has a GPU to give: `dask worker --resources "GPU=1"`.
GPU = "GPU"


class WorkerRefusedError(RecclaimsError):
    """A worker that would compute something else than this process, or could not share it."""


@dataclass(frozen=True)
class Common:
    """What all tasks of a run have in common.

    Attributes:
        settings: what was asked for.
        store: the store, at the path where every worker must see it.
        folder: where references to folders start from.
        installation: what must be installed on a worker just as it is here.
        token: a file in the store; its text is the name of the run.
        run: the name of the run.
        own: a file in the store with what this program brought beside what is installed, packed.
    """

    settings: Settings
    store: Store
    folder: Path
    installation: Mapping[str, str]
    token: Path
    run: str
    own: Path | None = None


@dataclass(frozen=True)
class Inspection:
    """What a worker says of itself; `trouble`: why it cannot take part."""

    trouble: str | None
    threads: int
    gpus: float
    hardware: dict[str, str | None]


@dataclass
class Asked:
    """What the scheduler was asked for, and has not answered.

    Attributes:
        tasks: those that this answers.
        recipe: of the artefact that they bring.
        shared: whether several workers may be at it: an encoding in chunks, of which each takes what nobody is at.
        copies: what was submitted and has neither failed nor been answered; one, unless it is shared.
        n_submitted: how many were ever submitted.
    """

    tasks: list[Task]
    recipe: Mapping[str, Any]
    shared: bool
    copies: list[Future] = field(default_factory=list)
    n_submitted: int = 0


@contextlib.contextmanager
def open_cluster(pipeline: Pipeline) -> Iterator[Cluster]:
    """Connect to the scheduler that the settings name, and inspect its workers.

    Raises:
        RecclaimsError: Dask is not installed, no scheduler or worker answers, or a worker is unfit.
    """
    settings = replace(pipeline.settings, executor=LOCAL, workers=0)
    with pipeline.store.scratch() as place, _connected(pipeline.settings.executor) as client:
        run = uuid.uuid4().hex
        (place / "token").write_text(run, encoding="utf-8")
        own = place / "own" if pipeline.registry.own else None
        if own and pipeline.registry.own:
            own.write_bytes(pipeline.registry.own.packed())
        common = Common(settings, pipeline.store, Path.cwd(), installation(), place / "token", run, own)
        yield Cluster(client, pipeline, common)


@contextlib.contextmanager
def _connected(executor: str) -> Iterator[Client]:
    try:
        import dask
        from distributed import Client
    except ImportError as error:
        raise RecclaimsError(f"--claims-executor {executor} needs Dask: pip install 'recclaims[dask]'") from error
    url = urlsplit(executor)
    # Where the configuration asks for encryption, Dask refuses anything else.
    scheme = "tls" if dask.config.get("distributed.comm.require-encryption") else "tcp"
    address = f"{scheme}://{url.netloc}"
    if scheme == "tcp" and url.hostname and url.port:
        fault = stranger(url.hostname, url.port, SECONDS_TO_CONNECT)
        if fault:
            raise RecclaimsError(
                f"the process listening at {address} {fault}: use the address that `dask scheduler` prints"
            )
    try:
        with dask.config.set({"distributed.comm.timeouts.connect": SECONDS_TO_CONNECT}):
            client = Client(address, timeout=SECONDS_TO_CONNECT, set_as_default=False)
    except (OSError, TimeoutError) as error:
        raise RecclaimsError(
            f"no Dask scheduler answers at {address}: start one with `dask scheduler --port {url.port}`, and workers "
            f"with `dask worker {address} --nthreads 1`"
        ) from error
    except Exception as error:  # certificates that do not fit; a peer that does not speak as Dask does
        raise RecclaimsError(f"cannot talk to the Dask scheduler at {address}: {one_line(error)}") from error
    try:
        yield client
    finally:
        client.close()


class Cluster:
    """Performs tasks on the workers of a scheduler."""

    def __init__(self, client: Client, pipeline: Pipeline, common: Common) -> None:
        self._client, self._pipeline, self._common = client, pipeline, common
        self._address: str = client.scheduler.address
        self._resources = None if common.settings.device == "cpu" else {GPU: 1}
        self.machines: list[dict[str, str | None]] = self._inspected()

    def _inspected(self) -> list[dict[str, str | None]]:
        address = self._address
        try:
            self._client.wait_for_workers(1, timeout=SECONDS_FOR_WORKERS)
        except TimeoutError as error:
            raise RecclaimsError(
                f"the Dask scheduler at {address} has no worker: start some with `dask worker {address} --nthreads 1`"
            ) from error
        found: dict[str, Inspection | BaseException] = self._client.run(inspect, self._common, on_error="return")
        fit = []
        for worker, inspection in found.items():
            if isinstance(inspection, BaseException):
                raise WorkerRefusedError(f"worker {worker} cannot run recclaims: {one_line(inspection)}")
            if inspection.trouble:
                raise WorkerRefusedError(f"worker {worker}: {inspection.trouble}")
            if inspection.threads != 1:
                raise WorkerRefusedError(
                    f"worker {worker} has {inspection.threads} threads, but a cell needs a process with one: start it "
                    f"with `dask worker {address} --nthreads 1 --nworkers {inspection.threads}`"
                )
            if self._is_fit(inspection.gpus):
                fit.append(inspection.hardware)
        if not fit:
            raise RecclaimsError(
                f"--claims-device {self._common.settings.device}: no worker at {address} offers a GPU; start some "
                f'with `dask worker {address} --nthreads 1 --resources "{GPU}=1"`'
            )
        return fit

    def _is_fit(self, gpus: float) -> bool:
        return not self._resources or gpus >= 1

    def perform(self, tasks: Iterable[Task]) -> Performed:
        """See Executor."""
        asked: dict[str, Asked] = {}
        answered: SimpleQueue[tuple[str, Future]] = SimpleQueue()
        try:
            for task in tasks:
                kind, recipe = _recipe(self._pipeline, task)
                key = f"recclaims-{kind}-{key_of(kind, recipe)}"
                if key in asked:
                    asked[key].tasks.append(task)
                    continue
                asked[key] = Asked([task], recipe, self._is_shared(task))
                self._submit(key, asked[key], len(self.machines), answered)
            looked = time.monotonic()
            while asked:
                try:
                    key, future = answered.get(timeout=max(0, looked + SECONDS_BETWEEN_LOOKS - time.monotonic()))
                except Empty:
                    self._share_with_newcomers(asked, answered)
                    looked = time.monotonic()
                    continue
                if key not in asked:
                    continue  # a copy has answered already
                answer, copies = self._answer(future), asked[key].copies
                copies.remove(future)
                if isinstance(answer, Failure) and copies:
                    continue  # another copy may do better
                self._cancel(copies)
                for task in asked.pop(key).tasks:
                    yield task, replace(answer, cell=task[1]) if isinstance(answer, CellResult) else answer
        finally:
            self._cancel([future for one in asked.values() for future in one.copies])

    def _is_shared(self, task: Task) -> bool:
        return task[0] == "examine" and spec_of(known_encoder(task[2], self._pipeline.registry)).chunk > 0

    def _submit(self, key: str, asked: Asked, n_workers: int, answered: SimpleQueue[tuple[str, Future]]) -> None:
        """Submit a task once; a shared one until there are as many copies of it as workers."""
        for number in range(asked.n_submitted, n_workers if asked.shared else 1):
            name = f"{key}-{number}" if asked.shared else key
            future = self._client.submit(
                work, self._common, asked.tasks[0], asked.recipe, key=name, resources=self._resources, pure=False
            )
            future.add_done_callback(lambda done: answered.put((key, done)))
            asked.copies.append(future)
            asked.n_submitted = number + 1

    def _share_with_newcomers(self, asked: Mapping[str, Asked], answered: SimpleQueue[tuple[str, Future]]) -> None:
        shared = {key: one for key, one in asked.items() if one.shared}
        if not shared:
            return
        try:
            workers = self._client.scheduler_info(n_workers=-1)["workers"].values()
        except OSError:
            return  # the scheduler is lost, or slow: the futures will tell
        n_fit = sum(self._is_fit(worker["resources"].get(GPU, 0)) for worker in workers)
        for key, one in shared.items():
            self._submit(key, one, n_fit, answered)

    def _cancel(self, futures: list[Future]) -> None:
        if futures:
            self._client.cancel(futures)

    def _answer(self, future: Future) -> Answer:
        from distributed import KilledWorker

        if future.status == "finished":
            answer: Answer = future.result()
            return answer
        if future.status != "error":
            raise RecclaimsError(
                f"the connection to the Dask scheduler at {self._address} is lost; finished results are in the store, "
                "and the same command continues from there"
            )
        error = future.exception()
        if isinstance(error, KilledWorker):
            return Failure(
                f"{error.allowed_failures + 1} workers died one after another while computing it (out of "
                f"memory?), the last at {error.last_worker.address}"
            )
        if isinstance(error, RecclaimsError):
            raise error
        return Failure.of(error)


def _recipe(pipeline: Pipeline, task: Task) -> tuple[str, dict[str, Any]]:
    """Kind and recipe of the artefact that a task brings."""
    if task[0] == "train":
        return "cells", pipeline.cell_recipe(task[1])
    return "features", pipeline.features_recipe(*task[1:])


# What follows runs on the workers.

#: A cell needs its process for itself: it seeds the global generators, and sets torch's threads.
_one_at_a_time = threading.Lock()
#: By the name of a run, the latest last: what was read for one run must not be taken for another's.
_pipelines: dict[str, Pipeline] = {}


def inspect(common: Common, dask_worker: Worker) -> Inspection:
    """Say whether this worker can take part in a run."""
    gpus = dask_worker.state.total_resources.get(GPU, 0)
    device = common.settings.device if gpus else "cpu"
    return Inspection(_trouble(common), dask_worker.state.nthreads, gpus, hardware(device))


def _trouble(common: Common) -> str | None:
    here = installation()
    names = dict.fromkeys([*common.installation, *here])
    unequal = [
        f"{name} is {here.get(name, 'not installed')} there and {common.installation.get(name, 'not installed')} here"
        for name in names
        if here.get(name) != common.installation.get(name)
    ]
    if unequal:
        return f"{'; '.join(unequal)}: install the same on both sides, and restart the worker"
    try:
        seen = common.token.read_text(encoding="utf-8") == common.run
        common.token.with_name(uuid.uuid4().hex).touch()
    except OSError:
        seen = False
    if not seen:
        return f"cannot read and write the store {common.store.root}: all machines need that folder at the same path"
    return None


def work(common: Common, task: Task, recipe: Mapping[str, Any]) -> Answer:
    """Perform a task on this worker.

    Raises:
        WorkerRefusedError: it would not be the same here as where it was asked for.
    """
    with _one_at_a_time:
        pipeline = _pipelines.get(common.run) or _new_pipeline(common)
        try:
            _, mine = _recipe(pipeline, task)
        except RecclaimsError as error:
            raise _refusal(str(error)) from error
        unequal = [name for name in recipe if canonical({"": recipe[name]}) != canonical({"": mine.get(name)})]
        if unequal:
            raise _refusal(f"{', '.join(unequal)} of {task[1]} is not the same there as here")
        return without_values(perform(pipeline, task))


def _new_pipeline(common: Common) -> Pipeline:
    trouble = _trouble(common)  # a worker that joined after the inspection
    if trouble:
        raise _refusal(trouble)
    while len(_pipelines) > 1:
        del _pipelines[next(iter(_pipelines))]
    try:
        known = with_own(registry(), common.own.read_bytes() if common.own else None)
    except RecclaimsError as error:
        raise _refusal(str(error)) from error
    _pipelines[common.run] = Pipeline(common.settings, known, common.store, folder=common.folder)
    return _pipelines[common.run]


def _refusal(trouble: str) -> WorkerRefusedError:
    from distributed import get_worker

    return WorkerRefusedError(f"worker {get_worker().address}: {trouble}")
