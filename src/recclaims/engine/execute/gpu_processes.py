"""Several GPUs: a process for each, which trains one group of cells after the other."""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace

from recclaims._model.cell import Cell
from recclaims.engine.execute import processes
from recclaims.engine.execute.executor import Answer, Failure, Performed, perform, without_values
from recclaims.engine.execute.groups import Groups, grouped
from recclaims.engine.execute.pool import given_to_worker, pipeline_of_worker, start_worker
from recclaims.engine.pipeline import Pipeline

#: Cells of a group that goes to one GPU, at most, so that all have something to do.
AT_ONCE = 32


@contextlib.contextmanager
def open_gpus(pipeline: Pipeline, devices: Sequence[str]) -> Iterator[Gpus]:
    """Give a process a device; they are gone afterwards, at once where something was raised."""
    with processes.environment(processes.WORKER_ENVIRONMENT):
        gpus = Gpus(pipeline, devices)
        try:
            yield gpus
        except BaseException:
            gpus.terminate()
            raise
        finally:
            gpus.shutdown()


class Gpus:
    """Trains groups of cells, each on the device that is free.

    Args:
        pipeline: of this process.
        devices: as torch names them.
    """

    def __init__(self, pipeline: Pipeline, devices: Sequence[str]) -> None:
        self._pipeline = pipeline
        self._processes = [
            processes.started(
                1,
                start_worker,
                given_to_worker(pipeline, replace(pipeline.settings, device=device, workers=0)),
            )
            for device in devices
        ]

    def trained(self, cells: Sequence[Cell]) -> Performed:
        """See Groups.trained; the cells of a process that dies have failed, and the others go on."""
        parts = [
            group[start : start + AT_ONCE]
            for group in grouped(self._pipeline, cells)
            for start in range(0, len(group), AT_ONCE)
        ]
        waiting = deque(sorted(parts, key=len, reverse=True))
        idle = list(self._processes)
        flying: dict[Future[list[tuple[Cell, Answer]]], tuple[ProcessPoolExecutor, list[Cell]]] = {}
        busy: list[Cell] = []
        while waiting or flying:
            while waiting and idle:
                process, part = idle.pop(), waiting.popleft()
                flying[process.submit(_train_in_worker, part)] = process, part
            if not flying:
                break
            for done in wait(flying, return_when=FIRST_COMPLETED).done:
                process, part = flying.pop(done)
                try:
                    answers = done.result()
                    idle.append(process)
                except BrokenProcessPool:
                    answers = [(cell, Failure("the process of its GPU died")) for cell in part]
                for cell, answer in answers:
                    if answer is None:
                        busy.append(cell)
                    else:
                        yield ("train", cell), answer
        for cell in (cell for part in waiting for cell in part):
            yield ("train", cell), Failure("the processes of all GPUs died")
        for cell in busy:
            yield ("train", cell), perform(self._pipeline, ("train", cell))

    def terminate(self) -> None:
        """End the processes, whatever they are at."""
        for pool in self._processes:
            processes.terminate(pool)

    def shutdown(self) -> None:
        """Wait for the processes to end."""
        for pool in self._processes:
            pool.shutdown(wait=True, cancel_futures=True)


def _train_in_worker(part: Sequence[Cell]) -> list[tuple[Cell, Answer]]:
    return [(cell, without_values(answer)) for cell, answer in Groups(pipeline_of_worker()).free(part)]
