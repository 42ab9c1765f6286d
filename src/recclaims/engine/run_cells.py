"""Bring cells to results: from the store where they may, else encoders first, then cells, by an executor."""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from recclaims._model.cell import Cell
from recclaims.engine.cell import CellResult
from recclaims.engine.execute.executor import Executor, Failure, InProcess
from recclaims.engine.pipeline import Pipeline
from recclaims.engine.settings import LOCAL, Reuse
from recclaims.errors import RecclaimsError, StorageError
from recclaims.required import check_recbole

#: How long what another machine wrote may take to be seen in a shared folder: NFS looks anew after a minute at most.
SECONDS_UNTIL_SHARED = 70.0


@dataclass(frozen=True)
class Progress:
    """How far a run is: `advance` more of this stage's `total` are done, the last of them `what`.

    The total grows when undecided cases go on to another look.
    """

    stage: str
    total: int
    what: str = ""
    advance: int = 1


class _Stages:
    """Tells how far each stage is, over all batches of a run."""

    def __init__(self, tell: Callable[[Progress], None]) -> None:
        self._tell = tell
        self._done: Counter[str] = Counter()
        self._totals: dict[str, int] = {}

    def begin(self, stage: str, count: int) -> None:
        """There are so many more to do."""
        self._totals[stage] = self._done[stage] + count
        self._tell(Progress(stage, self._totals[stage], advance=0))

    def done(self, stage: str, what: str) -> None:
        """One of them is done."""
        self._done[stage] += 1
        self._tell(Progress(stage, self._totals[stage], what))


@dataclass
class Outcome:
    """Every cell's result, or why it has none.

    Attributes:
        results, failures: by cell, one or the other.
        computed: how many results were computed for this run.
        machines: what computed them, see Executor; empty: this machine.
    """

    results: dict[Cell, CellResult] = field(default_factory=dict)
    failures: dict[Cell, Failure] = field(default_factory=dict)
    computed: int = 0
    machines: list[dict[str, str | None]] = field(default_factory=list)

    @property
    def reused(self) -> int:
        """How many results were found: before the run, or where another run computed them meanwhile."""
        return len(self.results) - self.computed

    def as_json(self) -> dict[str, Any]:
        """What another process needs to find the same in the store, see `recalled`."""
        return {
            "cells": [asdict(cell) for cell in self.results],
            "failures": [{"cell": asdict(cell), **asdict(failure)} for cell, failure in self.failures.items()],
            "computed": self.computed,
            "machines": self.machines,
        }


def recalled(pipeline: Pipeline, document: Mapping[str, Any]) -> Outcome:
    """The outcome that another process had, its results read from the store they share."""
    outcome = Outcome(computed=document["computed"], machines=document["machines"])
    for entry in document["failures"]:
        outcome.failures[Cell(**entry["cell"])] = Failure(entry["reason"], entry["missing"])
    for entry in document["cells"]:
        cell = Cell(**entry)
        found = pipeline.find(cell)
        if found:
            outcome.results[cell] = found
        else:
            outcome.failures[cell] = Failure("the store has lost it since it was computed")
    return outcome


class CellRunner:
    """Brings cells to results, batch after batch, on one executor; use it as a context.

    A cell that fails does not stop the others. Ctrl-C stops at once; what was finished stays in the store.

    Args:
        pipeline: what finds and computes.
        tell: told how far it is.
        until: when to begin no further cell, by time.monotonic(); None: never. What was not begun has no result.

    Attributes:
        outcome: of all batches so far.

    Raises:
        NotAvailableError: RecBole, which trains them, is not installed.
    """

    def __init__(
        self, pipeline: Pipeline, tell: Callable[[Progress], None] = lambda _: None, until: float | None = None
    ) -> None:
        check_recbole()  # one line before anything is read or trained, not a failure of each cell
        self._pipeline, self._stages, self._until = pipeline, _Stages(tell), until
        self._stack = contextlib.ExitStack()
        self._executor: Executor | None = None
        self.outcome = Outcome()

    def __enter__(self) -> CellRunner:
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    @property
    def out_of_time(self) -> bool:
        """Whether no further cell is begun."""
        return self._until is not None and time.monotonic() >= self._until

    def run(self, cells: Iterable[Cell]) -> None:
        """Bring every cell to a result: from the store where it may, by training where it must.

        Raises:
            RecclaimsError: the executor cannot be had, or is lost.
            StorageError: results cannot be kept.
        """
        outcome, pipeline = self.outcome, self._pipeline
        wanted = [cell for cell in dict.fromkeys(cells) if cell not in outcome.results and cell not in outcome.failures]
        missing = self._found(wanted)
        if missing and not self.out_of_time:
            if self._executor is None:
                self._executor = self._stack.enter_context(_executor(pipeline, len(missing)))
                outcome.machines = self._executor.machines
            self._compute(missing, self._executor)
        # In the order they were asked for, whichever was done first.
        done = {cell: outcome.results.pop(cell) for cell in wanted if cell in outcome.results}
        outcome.results.update(done)

    def _found(self, wanted: Sequence[Cell]) -> list[Cell]:
        """Take what the store has; return the rest."""
        outcome, pipeline = self.outcome, self._pipeline
        reuse = pipeline.settings.reuse
        missing: list[Cell] = []
        for cell in wanted:
            try:
                found = None if reuse is Reuse.NEVER else pipeline.find(cell)
            except RecclaimsError as error:
                outcome.failures[cell] = _finding(Failure.of(error))
                continue
            if found:
                outcome.results[cell] = found
            elif reuse is Reuse.ALWAYS:
                outcome.failures[cell] = Failure("not in the store (--claims-reuse always)", missing=True)
            else:
                missing.append(cell)
        return missing

    def _compute(self, cells: list[Cell], executor: Executor) -> None:
        outcome, pipeline, stages = self.outcome, self._pipeline, self._stages
        missing = _encode(pipeline, cells, executor, outcome, stages)
        if missing:
            stages.begin("cells", len(missing))
        for (_, cell), answer in executor.perform([("train", cell) for cell in missing]):
            stored = _stored(pipeline, answer) if isinstance(answer, CellResult) else answer
            if isinstance(stored, CellResult):
                outcome.results[cell] = stored
                outcome.computed += stored.fresh
            else:
                outcome.failures[cell] = _finding(stored or Failure("no result"))
            stages.done("cells", str(cell))
            if self.out_of_time:
                return


def run_cells(pipeline: Pipeline, cells: Iterable[Cell], tell: Callable[[Progress], None] = lambda _: None) -> Outcome:
    """Bring cells to results, see CellRunner."""
    with CellRunner(pipeline, tell) as runner:
        runner.run(cells)
    return runner.outcome


def _stored(pipeline: Pipeline, answer: CellResult) -> CellResult | Failure:
    """What the store holds of a cell that was computed, whatever else the answer says: verdicts follow from it."""
    patience = time.monotonic() + (0 if pipeline.settings.executor == LOCAL else SECONDS_UNTIL_SHARED)
    while True:
        try:
            found = pipeline.find(answer.cell)
        except RecclaimsError as error:
            return Failure.of(error)
        if found is not None:
            return replace(found, fresh=answer.fresh)
        if time.monotonic() >= patience:
            return Failure("it was computed but is not in the store")
        time.sleep(0.2)


def _finding(failure: Failure) -> Failure:
    """The failure, where it says something of a cell; a disk that is full does not, and the rest would fail alike."""
    if failure.storage:
        raise StorageError(
            f"{failure.reason}; finished results are in the store: fix this and run the same command again"
        )
    return failure


def _encode(
    pipeline: Pipeline,
    cells: Sequence[Cell],
    executor: Executor,
    outcome: Outcome,
    stages: _Stages,
) -> list[Cell]:
    """Compute the features that cells need; return the cells whose features are there."""
    needed = dict.fromkeys((cell.dataset, cell.features) for cell in cells if cell.features)
    tasks = [
        ("examine", reference, encoder)
        for reference, encoder in needed
        if pipeline.store.find("features", pipeline.features_recipe(reference, encoder)) is None
    ]
    # Fusions last: whoever is at one waits for its parts, which others encode meanwhile.
    tasks.sort(key=lambda task: pipeline.is_fused(*task[1:]))
    if tasks:
        stages.begin("encoders", len(tasks))
    broken: dict[tuple[str, str], Failure] = {}
    for (_, reference, encoder), answer in executor.perform(tasks):
        if isinstance(answer, Failure):
            broken[reference, encoder] = _finding(answer)
        stages.done("encoders", f"{encoder} on {reference}")
    for cell in cells:
        if cell.features and (cell.dataset, cell.features) in broken:
            outcome.failures[cell] = broken[cell.dataset, cell.features]
    return [cell for cell in cells if cell not in outcome.failures]


@contextlib.contextmanager
def _executor(pipeline: Pipeline, n_tasks: int) -> Iterator[Executor]:
    settings = pipeline.settings
    if settings.executor != LOCAL:
        from recclaims.engine.execute.dask_cluster import open_cluster

        with open_cluster(pipeline) as cluster:
            yield cluster
    elif settings.trains_together:
        from recclaims.engine.execute.gpu import open_together

        with open_together(pipeline) as together:
            yield together
    elif workers := min(settings.workers, n_tasks):
        from recclaims.engine.execute.pool import open_pool

        with open_pool(pipeline, workers) as pool:
            yield pool
    else:
        yield InProcess(pipeline)
