"""The Dask executor: every cell and every encoding is a task for the workers of a scheduler.

Workers bring their results into the store, which all of them see at the same path. A task's key is that of its
artefact, so that the scheduler runs it once, whoever asks for it and however often; when a worker is lost, the
scheduler gives its tasks to others. The store's lock holds beside it, where the file system keeps locks.
"""

from __future__ import annotations

import contextlib
import threading
import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from recclaims.encoders.language import trust
from recclaims.encoders.resolve import make_encoder
from recclaims.errors import RecclaimsError, one_line
from recclaims.plugin_manager import registry
from recclaims.runner.cell import CellResult
from recclaims.runner.executor import Answer, Failure, Performed, Task, perform
from recclaims.runner.machine import hardware, installation
from recclaims.runner.pipeline import Pipeline
from recclaims.runner.settings import LOCAL, Settings
from recclaims.store import Store, canonical, key_of

if TYPE_CHECKING:
    from distributed import Client, Future, Worker

#: How long a scheduler may take to answer, and to have a worker.
SECONDS_TO_CONNECT, SECONDS_FOR_WORKERS = 10, 30
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
    """

    settings: Settings
    store: Store
    folder: Path
    installation: Mapping[str, str]
    token: Path
    run: str


@dataclass(frozen=True)
class Inspection:
    """What a worker says of itself; `trouble`: why it cannot take part."""

    trouble: str | None
    threads: int
    gpus: float
    hardware: dict[str, str | None]


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
        common = Common(settings, pipeline.store, Path.cwd(), installation(), place / "token", run)
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
    try:
        client = Client(address, timeout=SECONDS_TO_CONNECT, set_as_default=False)
    except (OSError, TimeoutError) as error:
        raise RecclaimsError(
            f"no Dask scheduler answers at {address}: start one with `dask scheduler --port {url.port}`, and workers "
            f"with `dask worker {address} --nthreads 1`"
        ) from error
    except (RuntimeError, TypeError, ValueError) as error:  # certificates that are missing or do not fit
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
                    f"worker {worker} has {inspection.threads} threads, and a cell needs a process with one: start it "
                    f"with `dask worker {address} --nthreads 1 --nworkers {inspection.threads}`"
                )
            if not self._resources or inspection.gpus >= 1:
                fit.append(inspection.hardware)
        if not fit:
            raise RecclaimsError(
                f"--claims-device {self._common.settings.device}: no worker at {address} has a GPU to give; start some "
                f'with `dask worker {address} --nthreads 1 --resources "{GPU}=1"`'
            )
        return fit

    def perform(self, tasks: Iterable[Task]) -> Performed:
        """See Executor."""
        from distributed import as_completed

        copies: dict[str, list[Future]] = {}
        wanted: dict[str, list[Task]] = {}
        try:
            for task in tasks:
                kind, recipe = _recipe(self._pipeline, task)
                key = f"recclaims-{kind}-{key_of(kind, recipe)}"
                wanted.setdefault(key, []).append(task)
                if key not in copies:
                    copies[key] = [
                        self._client.submit(
                            work, self._common, task, recipe, key=name, resources=self._resources, pure=False
                        )
                        for name in self._names(key, task)
                    ]
            key_by_name = {future.key: key for key, futures in copies.items() for future in futures}
            for future in as_completed(
                [future for futures in copies.values() for future in futures], loop=self._client.loop
            ):
                key = key_by_name[future.key]
                if key not in wanted:
                    continue  # a copy has answered already
                answer = self._answer(future)
                copies[key].remove(future)
                if isinstance(answer, Failure) and copies[key]:
                    continue  # another copy may do better
                if others := copies.pop(key):
                    self._client.cancel(others)
                for task in wanted.pop(key):
                    yield task, replace(answer, cell=task[1]) if isinstance(answer, CellResult) else answer
        finally:
            if copies:
                self._client.cancel([future for futures in copies.values() for future in futures])

    def _names(self, key: str, task: Task) -> list[str]:
        """One name; for an encoding in chunks, as many as there are workers, which then share its chunks."""
        if task[0] == "encode" and getattr(make_encoder(task[2], self._pipeline.registry), "chunk", 0):
            return [f"{key}-{number}" for number in range(len(self.machines))]
        return [key]

    def _answer(self, future: Future) -> Answer:
        from distributed import KilledWorker

        if future.status == "finished":
            answer: Answer = future.result()
            return answer
        if future.status != "error":
            raise RecclaimsError(
                f"the Dask scheduler at {self._address} is lost; what was finished is in the store, "
                "and the same command goes on from there"
            )
        error = future.exception()
        if isinstance(error, KilledWorker):
            return Failure(
                f"{error.allowed_failures + 1} workers died one after the other at it (out of memory?), the last at "
                f"{error.last_worker.address}"
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
        return f"{'; '.join(unequal)}: install the same on both sides, and start the worker anew"
    try:
        seen = common.token.read_text(encoding="utf-8") == common.run
        common.token.with_name(uuid.uuid4().hex).touch()
    except OSError:
        seen = False
    if not seen:
        return f"cannot read and write the store {common.store.root}: all machines need that folder at that path"
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
        return perform(pipeline, task)


def _new_pipeline(common: Common) -> Pipeline:
    trouble = _trouble(common)  # a worker that joined after the inspection
    if trouble:
        raise _refusal(trouble)
    while len(_pipelines) > 1:
        del _pipelines[next(iter(_pipelines))]
    trust.remote_code = common.settings.trust_remote_code
    _pipelines[common.run] = Pipeline(common.settings, registry(), common.store, folder=common.folder)
    return _pipelines[common.run]


def _refusal(trouble: str) -> WorkerRefusedError:
    from distributed import get_worker

    return WorkerRefusedError(f"worker {get_worker().address}: {trouble}")
