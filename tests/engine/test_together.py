"""The executor of a GPU, on a CPU: cells of one shape are trained as one model, the others beside them."""

import dataclasses

import numpy as np
import pytest

from recclaims._model.arm import Arm
from recclaims._model.case import Case
from recclaims._model.cell import Cell
from recclaims.engine.pipeline import Pipeline
from recclaims.engine.profile import Profile
from recclaims.engine.run_cells import run_cells
from recclaims.engine.settings import Settings
from recclaims.judging.run_cases import run_cases as judge
from recclaims.planning.builtin import NOISE
from recclaims.plugin_manager import load
from recclaims.recommenders.batched import trainer
from recclaims.reporting import results
from recclaims.store import Store, key_of

PROFILE = Profile("tiny", training={"epochs": 12, "embedding_size": 8, "train_batch_size": 512, "eval_step": 2})


@pytest.fixture
def pipelines(tmp_path):
    apart = Pipeline(Settings(PROFILE, replicates=2), load(), Store(tmp_path / "store"))
    settings = dataclasses.replace(apart.settings, together=True)
    return apart, Pipeline(settings, apart.registry, apart.store)


def cells(data):
    plain = [Cell(data, name, seed=seed) for name in ("bpr", "lightgcn", "mostpop") for seed in (0, 1)]
    arms = [("attributes", None, None), ("attributes", "permuted", None), (None, None, "twin")]
    return plain + [Cell(data, name, *arm, seed) for name in ("vbpr", "freedom") for arm in arms for seed in (0, 1)]


def test_the_executor_gives_what_the_pool_gives(pipelines, data):
    apart, together = (run_cells(pipeline, cells(data)) for pipeline in pipelines)
    assert not apart.failures
    assert not together.failures
    assert together.computed == len(cells(data)) - 2  # popularity is the same cell either way
    for cell, one in together.results.items():
        other = apart.results[cell]
        assert one.best_epoch == other.best_epoch, cell
        assert one.content == other.content
        for metric, values in one.per_user.items():
            np.testing.assert_allclose(values, other.per_user[metric], atol=1e-6, err_msg=f"{cell} {metric}")


def test_a_cell_does_not_depend_on_its_company(pipelines, data):
    pipeline = pipelines[1]
    wanted = Cell(data, "freedom", "attributes", seed=1)
    together = run_cells(pipeline, cells(data)).results[wanted]
    never = dataclasses.replace(pipeline.settings, reuse="never")
    alone = Pipeline(never, pipeline.registry, pipeline.store).train(wanted)
    assert alone.key == together.key
    for metric, values in alone.per_user.items():
        np.testing.assert_allclose(values, together.per_user[metric], atol=1e-6)


def test_the_key_says_that_cells_were_trained_together(pipelines, data):
    for cell, differs in ((Cell(data, "bpr"), True), (Cell(data, "mostpop"), False)):
        keys = {key_of("cells", pipeline.cell_recipe(cell)) for pipeline in pipelines}
        assert (len(keys) == 2) is differs


def test_what_has_no_batched_form_goes_to_the_pool(pipelines, data):
    pipeline = pipelines[1]
    with_pool = Pipeline(dataclasses.replace(pipeline.settings, workers=1), pipeline.registry, pipeline.store)
    asked = [Cell(data, "itemknn"), Cell(data, "mostpop"), Cell(data, "bpr")]
    outcome = run_cells(with_pool, asked)
    assert list(outcome.results) == asked


def test_cells_that_do_not_fit_are_trained_in_halves(pipelines, data, monkeypatch):
    sizes = []

    class Narrow(trainer.Together):
        def run(self):
            sizes.append(len(self._cells))
            if len(self._cells) > 2:
                raise trainer.torch.OutOfMemoryError("CUDA out of memory")
            return super().run()

    monkeypatch.setattr(trainer, "Together", Narrow)
    outcome = run_cells(pipelines[1], [Cell(data, "bpr", seed=seed) for seed in range(5)])
    assert sizes == [5, 2, 3, 1, 2]
    assert len(outcome.results) == 5


def test_what_fails_to_be_built_does_not_take_the_others_with_it(pipelines, data, monkeypatch):
    pipeline = pipelines[1]
    given = Pipeline.given

    def broken(self, cell):
        if cell.seed == 1:
            raise ValueError("no such thing")
        return given(self, cell)

    monkeypatch.setattr(Pipeline, "given", broken)
    outcome = run_cells(pipeline, [Cell(data, "bpr", seed=seed) for seed in range(3)])
    assert [cell.seed for cell in outcome.results] == [0, 2]
    assert "no such thing" in next(iter(outcome.failures.values())).reason


def test_a_cell_that_another_run_is_at_comes_last(pipelines, data):
    pipeline = pipelines[1]
    asked = [Cell(data, "bpr", seed=seed) for seed in range(3)]
    told = []
    lock = pipeline.store.lock("cells", pipeline.cell_recipe(asked[0]))
    lock.acquire()

    def tell(progress):
        told.append(progress)
        if progress.advance and lock.is_locked:
            lock.release()

    outcome = run_cells(pipeline, asked, tell)
    assert len(outcome.results) == 3
    assert told[-1].what == str(asked[0])


def test_several_devices_share_the_cells(pipelines, data, monkeypatch):
    monkeypatch.setattr("recclaims.engine.execute.gpu.devices_of", lambda device: [device, device])
    monkeypatch.setattr("recclaims.engine.execute.gpu_processes.AT_ONCE", 2)
    asked = [Cell(data, name, seed=seed) for name in ("bpr", "lightgcn") for seed in range(3)]
    shared = run_cells(pipelines[1], asked)
    assert not shared.failures
    never = dataclasses.replace(pipelines[1].settings, reuse="never")
    monkeypatch.undo()
    here = run_cells(Pipeline(never, pipelines[1].registry, pipelines[1].store), asked)
    for cell, one in shared.results.items():
        assert one.key == here.results[cell].key
        for metric, values in one.per_user.items():
            np.testing.assert_allclose(values, here.results[cell].per_user[metric], atol=1e-6)


def test_the_verdicts_are_those_of_the_pool(pipelines, data):
    cases = [
        Case(
            NOISE, data, "toy", name, "attributes", control, (Arm(name, "attributes"), Arm(name, "attributes", control))
        )
        for name in ("vbpr", "freedom", "bm3", "lattice")
        for control in ("permuted", "gaussian")
    ]
    documents = [results.build(judge(cases, pipeline)).as_json()["claims"] for pipeline in pipelines]
    for one, other in zip(*documents, strict=True):
        assert one["verdict"] == other["verdict"] != "not_run"
        # LATTICE chooses neighbours among what it has learned: rounding decides where two are as near as each other.
        within = 0.05 if one["recommender"] == "lattice" else 1e-6
        assert one["effect"] == pytest.approx(other["effect"], abs=within)
