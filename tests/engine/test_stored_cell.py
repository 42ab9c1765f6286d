"""What lies in the store is judged, and only what a cell's result can be; arrays do not stay in memory."""

import contextlib
import json
import tracemalloc
from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from recclaims.engine import run_cells as runner
from recclaims.engine.cell import Cell, CellResult
from recclaims.engine.execute.executor import InProcess
from recclaims.engine.pipeline import Pipeline
from recclaims.errors import StoreError
from recclaims.evaluation.metrics import METRICS
from recclaims.judging.run_cases import Run
from recclaims.plugin_manager import load
from recclaims.reporting import results
from recclaims.store import Store

from ..toy import write_toy
from .test_pipeline import SETTINGS

RECALL = METRICS.index("recall@20")


@pytest.fixture
def data(tmp_path):
    return str(write_toy(tmp_path / "data"))


@pytest.fixture
def pipeline(tmp_path):
    return Pipeline(SETTINGS, load(), Store(tmp_path / "store"))


def rewritten(pipeline, cell, change):
    """The cell's artefact as somebody may have written it, whole and with its checksums."""
    recipe = pipeline.cell_recipe(cell)
    found = pipeline.store.find("cells", recipe)
    table, facts = np.array(found.array("per_user")), dict(found.json("facts"))
    table = change(table, facts)
    pipeline.store.save("cells", recipe, {"per_user": table, "facts": facts})


def seven(table, _):
    table[RECALL, np.flatnonzero(np.isfinite(table[RECALL]))[0]] = 7
    return table


def nobody(table, _):
    table[RECALL] = np.nan
    return table


def fact(**change):
    def changed(table, facts):
        facts.update(change)
        return table

    return changed


WRONG = {
    "a recall of 7": (seven, "a recall@20 of 7"),
    "users who are not there": (lambda table, _: np.pad(table, ((0, 0), (0, 3))), "values of shape"),
    "metrics that are not there": (lambda table, _: table[:-1], "values of shape"),
    "another type": (lambda table, _: table.astype(np.float32), "type float32"),
    "values of nobody": (nobody, "a recall@20 for other users than those who have a relevant test item"),
    "a negative time": (fact(seconds=-1.0), "its fact 'seconds'"),
    "epochs in words": (fact(epochs="ten"), "its fact 'epochs'"),
    "a digest that is none": (fact(content=3), "its fact 'content'"),
}


@pytest.mark.parametrize(("change", "message"), WRONG.values(), ids=WRONG)
def test_what_is_no_result_is_refused_wherever_it_is_read(pipeline, data, change, message):
    cell = Cell(data, "content-knn", "attributes")
    pipeline.train(cell)
    rewritten(pipeline, cell, change)
    for read in (pipeline.find, pipeline.train):
        with pytest.raises(StoreError, match="does not hold what a cell's result holds: ") as caught:
            read(cell)
        assert message in str(caught.value)
    outcome = runner.run(pipeline, [cell])
    assert message in outcome.failures[cell].reason


class Lying:
    """Performs tasks, and answers with more than lies in the store."""

    machines = ()

    def __init__(self, pipeline, stores):
        self._honest, self._stores = InProcess(pipeline), stores

    def perform(self, tasks):
        for task in tasks:
            if not self._stores:
                seven_of_all = {metric: np.full(150, 7.0) for metric in METRICS}
                yield task, CellResult(task[1], "key", seven_of_all, 1, 1, 1.0, 1.0, fresh=True)
                continue
            ((_, answer),) = self._honest.perform([task])
            per_user = {metric: np.full(len(answer.per_user[metric]), 7.0) for metric in METRICS}
            yield task, replace(answer, per_user=per_user)


@pytest.mark.parametrize("stores", [True, False])
def test_what_a_worker_says_beside_the_store_is_not_judged(pipeline, data, monkeypatch, stores):
    cell = Cell(data, "mostpop")
    executor = contextlib.nullcontext(Lying(pipeline, stores))
    monkeypatch.setattr("recclaims.engine.run_cells._executor", lambda *_: executor)
    outcome = runner.run(pipeline, [cell])
    if stores:
        assert 0 < outcome.results[cell].metrics["recall@20"] < 1
        assert outcome.computed == 1
    else:
        assert outcome.failures[cell].reason == "it was computed, but the store does not hold it"


def test_values_of_all_users_are_not_kept(pipeline, data, tmp_path, monkeypatch):
    """Reports of a hundred cells need the memory of a few."""
    cell = Cell(data, "mostpop")
    result = pipeline.train(cell)
    users = 20_000
    table = np.random.default_rng(0).random((len(METRICS), users))
    artefact = pipeline.store.save("cells", {"large": 1}, {"per_user": table, "facts": {}})
    large = replace(result, per_user=type(result.per_user)(artefact, {}))
    many = {replace(cell, seed=seed): replace(large, cell=replace(cell, seed=seed)) for seed in range(100)}
    done = Run(pipeline.settings, {}, runner.Outcome(many))
    monkeypatch.setattr(results, "ROWS_AT_ONCE", 50_000)
    tracemalloc.start()
    try:
        results._write_per_user(done, tmp_path / "per_user.parquet")
        assert tracemalloc.get_traced_memory()[1] < 10 * table.nbytes
    finally:
        tracemalloc.stop()
    frame = pl.read_parquet(tmp_path / "per_user.parquet")
    assert frame.shape == (100 * users, 5 + len(METRICS))
    np.testing.assert_array_equal(frame["recall@20"].to_numpy()[-users:], table[RECALL])
    assert set(frame["seed"].unique()) == set(range(100))
    assert json.loads(json.dumps(large.metrics))["recall@20"] == pytest.approx(0.5, abs=0.01)
