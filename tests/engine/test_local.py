"""Processes of this machine that die, and several runs on one store."""

import pytest

from recclaims._model.cell import Cell
from recclaims.engine import run_cells as runner
from recclaims.engine.execute.executor import patiently
from recclaims.engine.execute.processes import how_died
from recclaims.engine.pipeline import Pipeline
from recclaims.engine.profile import Profile
from recclaims.engine.settings import Settings
from recclaims.plugin_manager import load
from recclaims.store import Store

from ..logged import install
from ..toy import write_toy


@pytest.fixture
def plugin(tmp_path, monkeypatch):
    """The plugin `logged` in this process and those it starts; call it to set what it does, and to get its log."""

    def installed(**settings):
        environment, log = install(tmp_path / "site", **settings)
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        monkeypatch.syspath_prepend(tmp_path / "site")
        return log

    return installed


def outcome_of(tmp_path, workers, n_cells, store="store"):
    data = tmp_path / "data"
    if not data.exists():
        write_toy(data)
    cells = [Cell(str(data), "logged", "attributes", seed=seed) for seed in range(n_cells)]
    pipeline = Pipeline(Settings(Profile("tiny"), n_cells, workers=workers), load(), Store(tmp_path / store))
    told = []
    return runner.run_cells(pipeline, cells, told.append), cells, told


def test_only_the_cell_whose_worker_dies_again_fails(plugin, tmp_path):
    log = plugin(kill="2", pause=0.2)
    outcome, cells, told = outcome_of(tmp_path, 2, 6)
    assert set(outcome.failures) == {cells[2]}
    assert outcome.failures[cells[2]].reason == (
        "the worker process died twice while computing it, killed by SIGKILL, as when memory runs out"
    )
    assert not outcome.failures[cells[2]].missing
    assert set(outcome.results) == {*cells} - {cells[2]}
    assert outcome.computed == 5
    assert sum(progress.advance for progress in told if progress.stage == "cells") == 6
    begun = {int(name.partition("-")[0]): times for name, times in log.count("begin").items()}
    assert begun[2] == 2
    assert sum(begun.values()) <= 6 + 2, "besides the culprit, at most what was in flight is run again"


def test_a_later_look_adds_to_what_there_is_to_do(plugin, tmp_path):
    plugin()
    data = str(write_toy(tmp_path / "data"))
    cells = [Cell(data, "logged", "attributes", seed=seed) for seed in range(5)]
    pipeline = Pipeline(Settings(Profile("tiny"), 5), load(), Store(tmp_path / "store"))
    told = []
    with runner.CellRunner(pipeline, told.append) as run:
        run.run(cells[:3])
        run.run(cells)
    done = 0
    for progress in (one for one in told if one.stage == "cells"):
        done += progress.advance
        assert done <= progress.total
    assert (done, progress.total) == (5, 5)


def test_a_cell_whose_worker_died_once_has_a_result(plugin, tmp_path):
    log = plugin(kill="0 once")
    outcome, cells, _ = outcome_of(tmp_path, 1, 1)
    assert set(outcome.results) == {*cells}
    assert list(log.count("begin").values()) == [2]


@pytest.mark.parametrize(
    ("codes", "said"),
    [
        ([-9, -15, None], "killed by SIGKILL, as when memory runs out"),
        ([3, -15, 0], "exit code 3"),
        ([-11, -15], "SIGSEGV"),
        ([-15, -15], "out of memory?"),
    ],
)
def test_how_a_worker_died_is_said(codes, said):
    assert how_died(codes) == said


def test_what_another_run_is_at_is_left_for_the_end():
    answers = {("try_train", "a"): None, ("try_train", "b"): "B", ("train", "a"): "A", ("encode", "x"): None}
    order = []

    def once(tasks):
        for task in tasks:
            order.append(task)
            yield task, answers[task]

    done = list(patiently(once, [("train", "a"), ("train", "b"), ("encode", "x")]))
    assert order == [("try_train", "a"), ("try_train", "b"), ("encode", "x"), ("train", "a")]
    assert done == [(("train", "b"), "B"), (("encode", "x"), None), (("train", "a"), "A")]


def test_a_cell_in_other_hands_is_not_waited_for(plugin, tmp_path):
    plugin()
    data = str(write_toy(tmp_path / "data"))
    pipeline = Pipeline(Settings(Profile("tiny"), 1), load(), Store(tmp_path / "store"))
    cell = Cell(data, "logged", "attributes")
    with pipeline.store.lock("cells", pipeline.cell_recipe(cell)):
        assert pipeline.try_train(cell) is None
    trained = pipeline.try_train(cell)
    assert trained.fresh
    assert not pipeline.try_train(cell).fresh
    assert not pipeline.find(cell).fresh
