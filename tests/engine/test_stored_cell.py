"""What lies in the store is judged, and only what a cell's result can be; any metric comes from it."""

import contextlib
import copy
import gc
import json
import pickle
import tracemalloc
import weakref
from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from recclaims._model.arm import Arm
from recclaims._model.case import Case
from recclaims._model.cell import Cell
from recclaims.engine import run_cells as runner
from recclaims.engine.cell import CellResult
from recclaims.engine.execute.executor import InProcess, without_values
from recclaims.engine.pipeline import Pipeline
from recclaims.engine.settings import Mask
from recclaims.engine.stored_cell import StoredRankings, StoredValues
from recclaims.errors import RecclaimsError, StoreError, UnknownNameError
from recclaims.evaluation.metrics import METRICS
from recclaims.evaluation.ranking import evaluate
from recclaims.judging.run_cases import Run
from recclaims.packed import Packed
from recclaims.planning.builtin import NOISE
from recclaims.plugin_manager import registry
from recclaims.reporting import per_user
from recclaims.store import Store

from .conftest import SETTINGS


def rewritten(pipeline, cell, change):
    """The cell's artefact as somebody may have written it, whole and with its checksums."""
    recipe = pipeline.cell_recipe(cell)
    found = pipeline.store.find("cells", recipe)
    with np.load(found.path / "rankings.npz") as packed:
        arrays = dict(packed)
    facts = dict(found.json("facts"))
    change(arrays, facts)
    pipeline.store.save("cells", recipe, {"rankings": Packed(arrays), "facts": facts})


def array(name, change):
    def changed(arrays, _):
        arrays[name] = np.asarray(change(arrays[name]))

    return changed


def put(value, *place):
    def changed(values):
        values[place] = value
        return values

    return changed


def swapped(values):
    values[:, [0, 1]] = values[:, [1, 0]]
    return values


def fact(**change):
    return lambda _, facts: facts.update(change)


WRONG = {
    "a rank of 0": (array("ranks", put(0, 3)), "a rank of 0"),
    "a rank beyond the catalogue": (array("ranks", put(49, 3)), "a rank of 49"),
    "a rank of less than none": (array("fewer", put(200, 3)), "a rank of -"),
    "a rank of all": (array("ranks", put(17, slice(None))), "ranks"),
    "another list": (array("top", swapped), "ranks"),
    "items that are not there": (array("top", put(49, 0, 0)), "lists of items"),
    "another split": (array("candidates", lambda values: values - 1), "another split"),
    "items that nobody wants": (array("ranks", lambda values: np.pad(values, (0, 3))), "'ranks' holds values of shape"),
    "lists that are shorter": (array("top", lambda values: values[:, :-1]), "'top' holds values of shape"),
    "another type": (array("ranks", lambda values: values.astype(np.float32)), "type float32"),
    "no lists": (lambda arrays, _: arrays.pop("top"), "'top' cannot be read: KeyError"),
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
        with pytest.raises(StoreError, match="not the result of a cell: ") as caught:
            read(cell)
        assert message in str(caught.value)
    outcome = runner.run_cells(pipeline, [cell])
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
    outcome = runner.run_cells(pipeline, [cell])
    if stores:
        assert 0 < outcome.results[cell].metrics["recall@20"] < 1
        assert outcome.computed == 1
    else:
        assert outcome.failures[cell].reason.endswith("not in the store")


def test_nothing_that_was_read_outlives_its_pipeline(data, tmp_path):
    pipeline = Pipeline(SETTINGS, registry(), Store(tmp_path / "store"))
    result = pipeline.train(Cell(data, "mostpop"))
    assert result.per_user["recall@20"] is result.per_user["recall@20"]
    assert result.metrics["recall@20"] > 0
    held = weakref.ref(pipeline.held_out(data, 0))
    del pipeline, result
    gc.collect()
    assert held() is None


def test_what_a_worker_answers_is_small(pipeline, data):
    result = pipeline.train(Cell(data, "mostpop"))
    answer = pickle.dumps(without_values(result))
    assert len(answer) < 2000 < len(pickle.dumps(result))
    assert without_values(None) is None


def test_values_of_all_users_are_not_kept(pipeline, data, tmp_path, monkeypatch):
    """Reports of a hundred cells need the memory of a few."""
    cell = Cell(data, "mostpop")
    result = pipeline.train(cell)
    users = 20_000
    small = pipeline.held_out(data, 0)
    folds = users // small.n_users + 1
    held = copy.copy(small)
    held.n_users = folds * small.n_users
    held.test_users = np.concatenate([small.test_users + fold * small.n_users for fold in range(folds)])
    held.counts, held.wanted = np.tile(small.counts, folds), np.tile(small.wanted, folds)
    held.candidates = np.tile(small.candidates, folds)
    with np.load(pipeline.store.find("cells", pipeline.cell_recipe(cell)).path / "rankings.npz") as packed:
        arrays = {name: np.tile(packed[name], folds) for name in ("ranks", "fewer")}
    artefact = pipeline.store.save("cells", {"large": 1}, {"rankings": Packed(arrays), "facts": {}})
    values = StoredValues(StoredRankings(artefact, held), held, Mask.TRAIN_VALID)
    large = replace(result, per_user=values)
    users, of_all = held.n_users, 8 * held.n_users * len(METRICS)
    many = {replace(cell, seed=seed): replace(large, cell=replace(cell, seed=seed)) for seed in range(100)}
    done = Run(pipeline.settings, {}, runner.Outcome(many))
    monkeypatch.setattr(per_user, "ROWS_AT_ONCE", 50_000)
    tracemalloc.start()
    try:
        per_user.write_per_user(done, tmp_path / "per_user.parquet")
        assert tracemalloc.get_traced_memory()[1] < 15 * of_all
    finally:
        tracemalloc.stop()
    frame = pl.read_parquet(tmp_path / "per_user.parquet")
    assert frame.shape == (100 * users, 5 + len(METRICS))
    np.testing.assert_array_equal(frame["recall@20"].to_numpy()[-users:], values["recall@20"])
    assert set(frame["seed"].unique()) == set(range(100))
    assert json.loads(json.dumps(large.metrics))["recall@20"] == pytest.approx(result.metrics["recall@20"])


def test_another_metric_and_another_mask_train_nothing(pipeline, data):
    cell = Cell(data, "bpr")
    pipeline.train(cell)
    for mask in Mask:
        other = Pipeline(replace(SETTINGS, mask=mask), pipeline.registry, pipeline.store)
        outcome = runner.run_cells(other, [cell])
        assert (outcome.computed, outcome.reused) == (0, 1)
        values = outcome.results[cell].per_user
        for metric in ("ndcg@37", "map@5", "mrr", "precision@3", "smooth_recall", "aplt@10", "novelty@30"):
            assert metric in values
            assert np.isfinite(values[metric]).any()
        assert set(outcome.results[cell].metrics) == set(METRICS)
    assert len(list((pipeline.store.root / "cells").glob("*/*"))) == 1


@pytest.mark.parametrize("recommender", ["bpr", "itemknn"])
def test_what_is_stored_equals_what_is_scored_under_either_mask(pipeline, data, recommender, monkeypatch):
    """Of the same scores; those of neighbours tie."""
    fitted = []
    keep = Pipeline.keep
    monkeypatch.setattr(Pipeline, "keep", lambda *given: fitted.append(given[4]) or keep(*given))
    cell = Cell(data, recommender)
    pipeline.train(cell)
    held, split = pipeline.held_out(data, 0), pipeline.split(data, 0)
    for mask, known in ((Mask.TRAIN, split.train), (Mask.TRAIN_VALID, np.flatnonzero(split.labels < 2))):
        other = Pipeline(replace(SETTINGS, mask=mask), pipeline.registry, pipeline.store)
        values = other.find(cell).per_user
        scored = evaluate(fitted[0].score, held.test, held._lists(known), seed=0)
        for metric, expected in scored.items():
            expected[other.fixed(data, 0)[metric]] = np.nan
            np.testing.assert_array_equal(values[metric], expected, err_msg=f"{metric} {mask}")


def test_lists_are_described_without_training(pipeline, data):
    values = pipeline.train(Cell(data, "mostpop")).per_user
    lists = values.rankings.lists(Mask.TRAIN_VALID)
    assert values.of_lists("coverage@1") == len(np.unique(lists[:, 0])) / 48
    assert 0.5 < values.of_lists("gini@5") < 1
    alike = values.of_lists("ils@5", features=np.ones((48, 3)))
    np.testing.assert_allclose(alike, 1)
    with pytest.raises(RecclaimsError, match="'ils@5' compares items by their features; give them"):
        values.of_lists("ils@5")
    with pytest.raises(UnknownNameError, match="coverage@20' has no value per user"):
        values["coverage@20"]
    assert "coverage@20" not in values


def test_items_that_do_not_count_are_ranked_and_not_scored(pipeline, data):
    """Of ratings from 1 to 5, those from 4 count."""
    some, every = f"{data}?relevance=4", pipeline.train(Cell(data, "mostpop"))
    values = pipeline.train(Cell(some, "mostpop")).per_user
    held, ranks = pipeline.held_out(some, 0), values.rankings.test_ranks(Mask.TRAIN)
    assert len(ranks) == len(every.per_user.rankings.test_ranks(Mask.TRAIN)) > held.counts.sum()
    ratings = pipeline.dataset(some).interactions.ratings[pipeline.split(some, 0).test]
    assert held.wanted.sum() == (ratings >= 4).sum()
    assert (np.isfinite(values["mrr"]) == (held.wanted > 0)).all()


def test_the_values_of_users_that_a_claim_asks_for_are_written(pipeline, data, tmp_path):
    cell = Cell(data, "bpr")
    outcome = runner.run_cells(pipeline, [cell])
    arms = (Arm("bpr"), Arm("mostpop"))
    case = Case(replace(NOISE, metric="ndcg@7"), data, "toy", "bpr", "none", "mostpop", arms)
    per_user.write_per_user(Run(pipeline.settings, {case: None}, outcome), tmp_path / "per_user.parquet")
    frame = pl.read_parquet(tmp_path / "per_user.parquet")
    assert set(frame.columns[5:]) == {*METRICS, "ndcg@7"}
    values = outcome.results[cell].per_user["ndcg@7"]
    np.testing.assert_array_equal(frame["ndcg@7"].to_numpy(), values[np.isfinite(values)])
