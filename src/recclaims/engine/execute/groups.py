"""Groups of cells that are trained as one model, in this process."""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from filelock import Timeout

from recclaims._model.cell import Cell
from recclaims.engine.data import deterministic
from recclaims.engine.execute.executor import Answer, Failure, Performed, perform
from recclaims.engine.execute.known_state import known_state
from recclaims.engine.memory import reset_peak
from recclaims.engine.pipeline import Given, Pipeline
from recclaims.engine.settings import Reuse
from recclaims.errors import CellError

if TYPE_CHECKING:
    from recclaims.recommenders._recbole.fit import Fitted, Prepared


def grouped(pipeline: Pipeline, cells: Sequence[Cell]) -> list[list[Cell]]:
    """Cells that are likely to be of one shape, as far as their coordinates say so."""
    groups: dict[Any, list[Cell]] = {}
    for cell in cells:
        parameters = repr(sorted(pipeline.parameters(cell).items()))
        groups.setdefault((cell.dataset, cell.recommender, cell.features, cell.twin, parameters), []).append(cell)
    return list(groups.values())


class Groups:
    """Trains groups of cells on the device that the settings name.

    Args:
        pipeline: of this process.
    """

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline

    def trained(self, cells: Sequence[Cell]) -> Performed:
        """Train cells, as many at once as fit; those that another run is at come last, one by one."""
        busy: list[Cell] = []
        for group in grouped(self._pipeline, cells):
            for cell, answer in self.free(group):
                if answer is None:
                    busy.append(cell)
                else:
                    yield ("train", cell), answer
        for cell in busy:
            yield ("train", cell), perform(self._pipeline, ("train", cell))

    def free(self, group: Sequence[Cell]) -> Iterator[tuple[Cell, Answer]]:
        """Train the cells of a group; None where another run is at one."""
        waiting = deque(group)
        while waiting:
            yield from self._chunk(waiting)

    def _chunk(self, waiting: deque[Cell]) -> list[tuple[Cell, Answer]]:
        """Take as many cells as fit into memory, and train them."""
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
            prepared = pipeline.prepared(cell, given)
            # Features of many cells would fill the memory of the machine; the models have copies on the device.
            return _Ready(cell, recipe, replace(given, data=prepared.data), prepared)
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
            return self._pipeline.result(ready.cell, kept, fresh=True)
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
