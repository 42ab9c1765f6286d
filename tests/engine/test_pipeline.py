import dataclasses
import errno
import shutil
import time
from pathlib import Path

import numpy as np
import pytest

from recclaims._model.cell import Cell
from recclaims.engine import run_cells as runner
from recclaims.engine.execute.executor import Failure
from recclaims.engine.pipeline import Pipeline
from recclaims.engine.profile import Profile
from recclaims.engine.settings import Mask, Reuse
from recclaims.engine.tuning import Search
from recclaims.errors import NotAvailableError, StorageError, StoreError
from recclaims.evaluation.metrics import METRICS
from recclaims.features.controls.noise import NOISE
from recclaims.features.resolve import make_encoder
from recclaims.recommenders.spec import Recommender
from recclaims.store import Store, key_of

from .. import warm
from ..patience import PATIENCE
from ..toy import N_USERS
from .conftest import SETTINGS, TINY


def with_settings(pipeline, **changes):
    return Pipeline(dataclasses.replace(pipeline.settings, **changes), pipeline.registry, pipeline.store)


def test_a_cell_is_trained_once_and_then_found(pipeline, data):
    cell = Cell(data, "vbpr", "attributes")
    assert pipeline.find(cell) is None
    trained = pipeline.train(cell)
    assert trained.epochs == 2
    assert trained.seconds > 0
    assert trained.peak_mb > 10
    found = pipeline.find(cell)
    assert found.key == trained.key
    assert set(found.per_user) == set(METRICS)
    for metric in METRICS:
        np.testing.assert_array_equal(found.per_user[metric], trained.per_user[metric])
        assert found.per_user[metric].shape == (N_USERS,)


class Counting:
    """Says how often it was made, and where it encoded."""

    name, modality, version = "counting", "textual", "1"
    made, encoded = 0, ()

    def __init__(self):
        type(self).made += 1

    def encode(self, items):
        type(self).encoded += (id(self),)
        return np.array([[len(item.title), 1] for item in items], dtype=np.float32)


def test_an_encoder_is_made_once_to_be_asked_and_to_encode(pipeline, data):
    pipeline.registry.encoders["counting"] = Counting
    pipeline.registry.origin["encoders", "counting"] = "a test"
    for _ in range(3):
        assert pipeline.obstacle(data, "counting") is None
        pipeline.features_recipe(data, "counting")
    assert Counting.made == 1
    (asked,) = (id(one) for one in pipeline._encoders.values())
    pipeline.encode(data, "counting")
    # Once more, to see whether files changed while they were read.
    assert Counting.made == 2
    assert Counting.encoded == (asked,)
    pipeline.obstacle(data, "counting")
    pipeline.features_recipe(data, "counting")
    assert Counting.made == 2
    assert id(*pipeline._encoders.values()) != asked  # which may have loaded weights


VARIANTS = {
    "seed": lambda p, c: p.cell_recipe(dataclasses.replace(c, seed=1)),
    "features": lambda p, c: p.cell_recipe(dataclasses.replace(c, features="sbert")),
    "control": lambda p, c: p.cell_recipe(dataclasses.replace(c, control="permuted")),
    "another control": lambda p, c: p.cell_recipe(dataclasses.replace(c, control="gaussian")),
    "control that reads categories": lambda p, c: p.cell_recipe(
        dataclasses.replace(c, control="permuted_within_category")
    ),
    "twin": lambda p, c: p.cell_recipe(dataclasses.replace(c, features=None, twin="twin")),
    "recommender": lambda p, c: p.cell_recipe(dataclasses.replace(c, recommender="freedom")),
    "split": lambda p, c: p.cell_recipe(dataclasses.replace(c, dataset=c.dataset + "?split=temporal")),
    "split that holds items out": lambda p, c: p.cell_recipe(dataclasses.replace(c, dataset=c.dataset + "?split=cold")),
    "relevance": lambda p, c: p.cell_recipe(dataclasses.replace(c, dataset=c.dataset + "?relevance=3")),
    "device": lambda p, c: with_settings(p, device="cuda").cell_recipe(c),
    "hyper-parameters": lambda p, c: with_settings(
        p, profile=Profile("tiny", training={**TINY, "epochs": 3})
    ).cell_recipe(c),
    "search": lambda p, c: with_settings(
        p, profile=Profile("tiny", training=TINY, searches=(Search(("vbpr",), "tpe", 2, {"k": [1]}),))
    ).cell_recipe(c),
}


@pytest.mark.parametrize("variant", VARIANTS.values(), ids=VARIANTS)
def test_whatever_changes_a_result_changes_its_key(pipeline, data, variant):
    cell = Cell(data, "vbpr", "attributes")
    assert key_of("cells", variant(pipeline, cell)) != key_of("cells", pipeline.cell_recipe(cell))


def test_versions_of_encoder_recommender_and_libraries_are_in_the_key(pipeline, data, monkeypatch):
    cell = Cell(data, "vbpr", "attributes")
    before = key_of("cells", pipeline.cell_recipe(cell))
    monkeypatch.setattr("recclaims.features.encoders.attributes.Attributes.version", "2")
    assert key_of("cells", pipeline.cell_recipe(cell)) != before
    monkeypatch.undo()
    monkeypatch.setattr("recclaims.engine.data.library_version", lambda name: "0")
    assert key_of("cells", pipeline.cell_recipe(cell)) != before


def test_the_category_slot_is_in_the_key_of_the_control_that_reads_it(pipeline, data):
    cells = [Cell(data, "vbpr", "attributes", control) for control in ("permuted_within_category", "permuted")]
    before = [key_of("cells", pipeline.cell_recipe(cell)) for cell in cells]
    pipeline._datasets[data] = dataclasses.replace(pipeline.dataset(data), category="another")
    after = [key_of("cells", pipeline.cell_recipe(cell)) for cell in cells]
    assert before[0] != after[0]
    assert before[1] == after[1]


def test_controls_get_what_they_need(pipeline):
    """With 40 emoji whose pictures and categories are known, every control gives another result."""
    if unavailable := make_encoder("efficientnet-lite0", pipeline.registry).unavailable():
        pytest.skip(unavailable)
    data, encoder = "emoji?items=40&users=60&dose=1", "late_fusion:efficientnet-lite0+attributes"
    made = {
        control: pipeline.train(Cell(data, "content-knn", encoder, control))
        for control in (None, *(one.name for one in NOISE))
    }
    assert len({result.per_user["ndcg@20"].tobytes() for result in made.values()}) == len(NOISE) + 1


def test_a_control_that_does_not_apply_is_not_run(pipeline, data):
    cell = Cell(data, "vbpr", "attributes", "permuted_per_modality")
    failure = runner.run_cells(pipeline, [cell]).failures[cell]
    assert failure.missing
    assert failure.reason == "control 'permuted_per_modality' needs features of at least two modalities side by side"


def test_what_does_not_matter_is_not_in_the_key(pipeline, data):
    cell = Cell(data, "vbpr", "attributes")
    other = with_settings(pipeline, workers=7, replicates=9, reuse=Reuse.NEVER, mask=Mask.TRAIN)
    assert other.cell_recipe(cell) == pipeline.cell_recipe(cell)


def test_where_a_class_lies_is_in_the_key_of_what_others_bring_alone(pipeline, data):
    usual = pipeline.recommender(Cell(data, "bpr"))
    for origin, differ in (("recclaims", False), ("somebody's 1.0", True)):
        pipeline.registry.origin["recommenders", "bpr"] = origin
        recipes = []
        for model in ("here:Bpr", "there:Bpr"):
            pipeline.registry.recommenders["bpr"] = dataclasses.replace(usual, model=model)
            recipes.append(pipeline.cell_recipe(Cell(data, "bpr")))
        assert (recipes[0] != recipes[1]) is differ


def test_another_text_or_image_is_another_key_but_the_split_stays(pipeline, data):
    cell = Cell(data, "vbpr", "attributes")
    before = pipeline.cell_recipe(cell)
    path = Path(data) / "items.jsonl"
    path.write_text(path.read_text().replace("red thing", "crimson thing", 1))
    after = Pipeline(SETTINGS, pipeline.registry, pipeline.store).cell_recipe(cell)
    assert after["features"] != before["features"]
    assert after["split"] == before["split"]


def test_the_split_is_kept(pipeline, data):
    drawn = pipeline.split(data, 0)
    again = Pipeline(SETTINGS, pipeline.registry, pipeline.store).split(data, 0)
    np.testing.assert_array_equal(drawn.labels, again.labels)
    assert list((pipeline.store.root / "splits").rglob("labels.npy"))


def test_nothing_reads_the_test_part_before_scoring(pipeline, data, monkeypatch):
    """Training with other test interactions gives the same recommender: the same validation score and epoch."""
    cell = Cell(data, "vbpr", "attributes")
    one = pipeline.train(cell)
    split = pipeline.split(data, 0)
    labels = split.labels.copy()
    dropped = split.test[::2]
    dataset = pipeline.dataset(data)
    keep = np.setdiff1d(np.arange(len(labels)), dropped)
    columns = {name: column[keep] for name, column in dataset.interactions.columns()}
    less = dataclasses.replace(
        dataset, interactions=type(dataset.interactions)(**columns), given_split=labels[keep].astype(np.int8)
    )
    other = Pipeline(SETTINGS, pipeline.registry, pipeline.store)
    other._datasets[data] = less
    two = other.train(cell)
    assert two.key != one.key
    assert two.valid_score == one.valid_score


def test_masks_differ_in_what_can_be_recommended(pipeline, data):
    cell = Cell(data, "bpr")
    known = pipeline.train(cell)
    seen = with_settings(pipeline, mask=Mask.TRAIN).train(cell)
    assert known.valid_score == seen.valid_score
    # Validation items take places away from test items, never the other way.
    difference = known.per_user["recall@20"] - seen.per_user["recall@20"]
    assert np.nanmin(difference) >= 0
    assert np.nanmax(difference) > 0


def test_a_failing_cell_does_not_stop_the_others(pipeline, data):
    pipeline.registry.recommenders["ghost"] = Recommender("ghost", "1", "no.such:Model")
    pipeline.registry.origin["recommenders", "ghost"] = "test"
    good, bad = Cell(data, "bpr"), Cell(data, "ghost", "attributes")
    outcome = runner.run_cells(pipeline, [bad, good])
    assert set(outcome.results) == {good}
    assert "cannot import no.such:Model" in outcome.failures[bad].reason
    assert not outcome.failures[bad].missing


def test_an_unforeseen_error_is_one_line_with_its_place(pipeline, data, monkeypatch):
    monkeypatch.setattr(Pipeline, "_train", lambda self, cell, recipe: 1 // 0)
    outcome = runner.run_cells(pipeline, [Cell(data, "bpr")])
    (failure,) = outcome.failures.values()
    assert failure.reason.startswith("ZeroDivisionError: ")
    assert "test_pipeline.py:" in failure.reason


def test_absent_weights_are_no_fault(pipeline, data, monkeypatch, tmp_path):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.delenv("RECCLAIMS_ALLOW_DOWNLOADS", raising=False)
    with pytest.raises(NotAvailableError):
        pipeline.encode(data, "sbert:all-mpnet-base-v2")
    cell = Cell(data, "vbpr", "sbert:all-mpnet-base-v2")
    failure = runner.run_cells(pipeline, [cell]).failures[cell]
    assert failure.missing
    assert "all-mpnet-base-v2" in failure.reason


def test_progress_is_told(pipeline, data):
    told = []
    runner.run_cells(pipeline, [Cell(data, "bpr"), Cell(data, "vbpr", "attributes")], told.append)
    assert {p.stage for p in told} == {"encoders", "cells"}
    assert sum(p.advance for p in told if p.stage == "cells") == 2
    assert all(p.total == 2 for p in told if p.stage == "cells")


SCRIPT = """
import sys
from pathlib import Path
from recclaims.engine import run_cells as runner
from recclaims._model.cell import Cell
from tests.engine.conftest import SETTINGS, Pipeline, Store, load
pipeline = Pipeline(SETTINGS, load(), Store(Path(sys.argv[1])))
cells = [Cell(sys.argv[2], "vbpr", "attributes", seed=seed) for seed in range(40)]
print("ready", flush=True)
runner.run_cells(pipeline, cells)
"""


class Again(Counting):
    """Another of the same."""

    name = "again"


def test_what_is_fused_is_encoded_after_its_parts_and_examined_where_it_was_made(pipeline, data, monkeypatch):
    for made in (Counting, Again):
        monkeypatch.setitem(pipeline.registry.encoders, made.name, made)
        monkeypatch.setitem(pipeline.registry.origin, ("encoders", made.name), "a test")
    names = ["late_fusion:again+counting", "attributes", "counting", "again"]
    told = []
    outcome = runner.run_cells(pipeline, [Cell(data, "content-knn", name) for name in names], told.append)
    assert not outcome.failures
    encoded = [p.what for p in told if p.stage == "encoders" and p.advance]
    assert encoded == [f"{name} on {data}" for name in [*names[1:], names[0]]]
    assert {name for _, name in pipeline._leakage} == {*names}


def test_a_killed_run_goes_on_where_it_stopped(pipeline, data, tmp_path):
    process = warm.begin(SCRIPT, tmp_path, pipeline.store.root, data)
    cells = pipeline.store.root / "cells"
    deadline = time.monotonic() + PATIENCE
    while len(list(cells.glob("*/*/manifest.json"))) < 3 and time.monotonic() < deadline:
        time.sleep(0.01)
    process.kill()
    process.wait()
    wanted = [Cell(data, "vbpr", "attributes", seed=seed) for seed in range(6)]
    finished = sum(pipeline.find(cell) is not None for cell in wanted)
    assert finished >= 3
    outcome = runner.run_cells(pipeline, wanted)
    assert (outcome.reused, outcome.computed) == (finished, len(wanted) - finished)
    undisturbed = Pipeline(SETTINGS, pipeline.registry, Store(tmp_path / "other"))
    for cell, result in runner.run_cells(undisturbed, wanted).results.items():
        np.testing.assert_array_equal(result.per_user["recall@20"], outcome.results[cell].per_user["recall@20"])


@pytest.mark.parametrize(
    ("training", "improving"),
    [
        ({"epochs": 1, "eval_step": 1}, True),
        # Looked at after epochs 3, 6 and 7.
        ({"epochs": 7, "eval_step": 3, "learning_rate": 0.01}, True),
        # It stops because nothing got better.
        ({"epochs": 200, "eval_step": 1, "stopping_step": 2, "learning_rate": 0.05}, False),
    ],
)
def test_a_cell_that_was_still_improving_is_noticed(pipeline, data, training, improving):
    mine = with_settings(pipeline, profile=Profile("tiny", training={**TINY, **training}))
    result = mine.train(Cell(data, "bpr"))
    assert mine.ended_improving(result) is improving
    assert not mine.ended_improving(mine.train(Cell(data, "mostpop")))


def test_the_last_epoch_is_validated_too(pipeline, data):
    """With validations after every third of seven epochs, the seventh had been trained for nothing."""
    profiles = {step: Profile("tiny", training={**TINY, "epochs": 7, "eval_step": step}) for step in (1, 3, 7)}
    cell = Cell(data, "bpr")
    found = {step: with_settings(pipeline, profile=profile).train(cell) for step, profile in profiles.items()}
    assert found[1].best_epoch == 7
    assert {result.best_epoch for result in found.values()} == {7}
    for result in found.values():
        np.testing.assert_array_equal(result.per_user["recall@20"], found[1].per_user["recall@20"])


def test_of_a_class_that_trains_itself_nobody_knows_whether_more_would_help(pipeline, data, monkeypatch):
    mine = with_settings(pipeline, profile=Profile("tiny", training={**TINY, "epochs": 1, "eval_step": 1}))
    result = mine.train(Cell(data, "bpr"))
    itself = dataclasses.replace(mine.recommender(result.cell), trains_itself=True)
    monkeypatch.setitem(mine.registry.recommenders, "bpr", itself)
    assert not mine.ended_improving(result)


@pytest.mark.parametrize("kind", ["cells", "features", "splits"])
def test_storage_that_fails_in_the_middle_ends_the_run_and_is_no_finding(pipeline, data, kind):
    """A claim is neither supported nor refuted by a full disk; what was finished stays."""
    done = Cell(data, "vbpr", "attributes")
    pipeline.train(done)
    shutil.move(pipeline.store.root / kind, pipeline.store.root / "away")
    (pipeline.store.root / kind).write_text("a file in the way")
    cells = [Cell(data, "vbpr", "attributes", seed=1 if kind != "features" else 0, control="permuted")]
    again = with_settings(pipeline)
    with pytest.raises(StorageError, match="run the same command again"):
        runner.run_cells(again, cells, lambda _: None)
    (pipeline.store.root / kind).unlink()
    shutil.move(pipeline.store.root / "away", pipeline.store.root / kind)
    outcome = runner.run_cells(with_settings(pipeline), [done, *cells], lambda _: None)
    assert not outcome.failures
    assert outcome.computed == 1


@pytest.mark.parametrize(
    ("error", "storage"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), True),
        (OSError(errno.EROFS, "Read-only file system"), True),
        (FileNotFoundError(errno.ENOENT, "none"), False),
        (ValueError("x"), False),
        (StorageError("x"), True),
        (StoreError("x: not the result of a cell"), False),
    ],
)
def test_what_a_plugin_meets_of_a_full_disk_is_known(error, storage):
    assert Failure.of(error).storage is storage
