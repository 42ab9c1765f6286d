import dataclasses
import itertools
import json

import pytest

from recclaims._model.cell import Cell
from recclaims.engine.pipeline import Pipeline
from recclaims.engine.profile import Profile, profile_names
from recclaims.engine.settings import Reuse, Settings
from recclaims.engine.tuning import Search, tune
from recclaims.errors import CellError, RecclaimsError
from recclaims.plugin_manager import load
from recclaims.store import Store

from ..toy import write_toy

GRID = Search(("vbpr",), "grid", 30, {"a": [1, 2, 3], "b": [10, 20]})
TPE = Search(("vbpr",), "tpe", 25, {"x": {"low": -5.0, "high": 5.0}, "n": {"low": 1, "high": 9}, "c": ["p", "q"]})


def hill(parameters):
    return -((parameters["x"] - 2) ** 2) - abs(parameters["n"] - 4) + (parameters["c"] == "q")


def test_a_grid_is_tried_whole_and_once():
    seen = []
    tuned = tune(GRID, lambda p: seen.append(dict(p)) or p["a"] * p["b"], seed=0)
    assert sorted(map(tuple, (p.values() for p in seen))) == sorted(itertools.product([1, 2, 3], [10, 20]))
    assert tuned.parameters == {"a": 3, "b": 20}
    assert (tuned.trials, tuned.failed) == (6, 0)


def test_a_part_of_a_grid_is_tried_where_the_budget_is_smaller():
    seen = []
    tune(dataclasses.replace(GRID, trials=4), lambda p: seen.append(tuple(p.values())) or 1.0, seed=0)
    assert len(set(seen)) == 4


def test_tpe_finds_the_hill_better_than_its_first_draws():
    scores = []
    tuned = tune(TPE, lambda p: scores.append(hill(p)) or scores[-1], seed=1)
    assert hill(tuned.parameters) == max(scores) > max(scores[:10])
    assert type(tuned.parameters["n"]) is int


def test_a_resumed_study_asks_for_the_same_trials():
    seen = []

    def stops(parameters):
        if len(seen) == 12:
            raise KeyboardInterrupt
        seen.append(dict(parameters))
        return hill(parameters)

    with pytest.raises(KeyboardInterrupt):
        tune(TPE, stops, seed=3)
    again, whole = [], []
    one = tune(TPE, lambda p: again.append(dict(p)) or hill(p), seed=3)
    other = tune(TPE, lambda p: whole.append(dict(p)) or hill(p), seed=4)
    assert again[:12] == seen
    assert one.trials == len(again) == 25
    assert whole != again
    assert other.parameters != one.parameters


def test_failed_trials_spend_the_budget_and_are_counted():
    def fails(parameters):
        if parameters["a"] != 2:
            raise CellError("diverged")
        return float("nan") if parameters["b"] == 10 else 1.0

    tuned = tune(GRID, fails, seed=0)
    assert (tuned.parameters, tuned.trials, tuned.failed) == ({"a": 2, "b": 20}, 6, 5)


def test_where_every_trial_fails_the_reason_is_given():
    def fails(parameters):
        raise CellError("diverged")

    with pytest.raises(CellError, match="none of 6 trials could be trained; the last: diverged"):
        tune(GRID, fails, seed=0)


@pytest.mark.parametrize(
    ("change", "message"),
    [({"sampler": "gird"}, "sampler 'gird'"), ({"trails": 3}, "trails"), ({"space": None}, "space")],
)
def test_a_wrong_search_is_refused(change, message):
    table = {"recommenders": ["vbpr"], "sampler": "grid", "trials": 3, "space": {}, **change}
    if change.get("space", 0) is None:
        del table["space"]
    with pytest.raises(RecclaimsError, match=message):
        Search.of(table)


@pytest.mark.parametrize("end", [10**400, -(10**400), float("inf"), float("nan"), "1", None])
def test_a_range_has_ends_that_can_be_drawn_between(end):
    for limits in ({"low": 1, "high": end}, {"low": end, "high": 1}):
        table = {"recommenders": ["vbpr"], "sampler": "tpe", "trials": 3, "space": {"embedding_size": limits}}
        with pytest.raises(RecclaimsError, match="embedding_size"):
            Search.of(table)


def test_every_profile_can_be_read():
    assert {name: bool(Profile.named(name).searches) for name in profile_names()} == {
        "smoke": False,
        "quick": False,
        "paper": True,
    }


@pytest.fixture
def tuned(tmp_path):
    data = str(write_toy(tmp_path / "data"))
    search = Search(("vbpr", "bpr"), "grid", 9, {"learning_rate": [0.001, 0.05], "embedding_size": [2, 8]})
    profile = Profile("tiny", training={"epochs": 2, "train_batch_size": 256}, searches=(search,))
    return Pipeline(Settings(profile, replicates=1), load(), Store(tmp_path / "store")), Cell(
        data, "vbpr", "attributes"
    )


def trials_in(pipeline):
    return sorted(pipeline.store.root.glob("trials/*/*/manifest.json"))


def test_a_cell_is_tuned_on_validation_and_says_so(tuned):
    pipeline, cell = tuned
    result = pipeline.train(cell)
    assert result.trials == 4
    assert set(result.tuned) == {"learning_rate", "embedding_size"}
    assert len(trials_in(pipeline)) == 4
    # The best validation score of all trials is the cell's own.
    scores = [json.loads((path.parent / "outcome.json").read_text())["score"] for path in trials_in(pipeline)]
    assert result.valid_score == max(scores)


def test_trials_are_not_repeated_and_both_arms_get_the_same_number(tuned):
    pipeline, cell = tuned
    result = pipeline.train(cell)
    before = {path: path.stat().st_mtime_ns for path in trials_in(pipeline)}
    again = Pipeline(dataclasses.replace(pipeline.settings, reuse=Reuse.NEVER), pipeline.registry, pipeline.store)
    assert again.train(cell).tuned == result.tuned
    assert {path: path.stat().st_mtime_ns for path in trials_in(pipeline)} == before
    twin = pipeline.train(Cell(cell.dataset, "vbpr", twin="twin"))
    assert twin.trials == result.trials
