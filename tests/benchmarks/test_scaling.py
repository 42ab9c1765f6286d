"""The same cold cells by one and two local processes, and by one and two Dask workers; times are reported.

A few small cells; larger ones by `RECCLAIMS_SCALE=1 pytest tests/benchmarks/test_scaling.py`.
Local processes start with the run, which counts; Dask workers have begun before, as they do.
"""

from dataclasses import replace

import numpy as np
import pytest

from recclaims._model.cell import Cell
from recclaims.engine import run_cells as runner
from recclaims.engine.pipeline import Pipeline
from recclaims.engine.profile import Profile
from recclaims.engine.settings import Settings
from recclaims.plugin_manager import registry
from recclaims.store import Store

pytest.importorskip("distributed")

from ..cluster.place import Place, wait_for
from .size import WHOLE

DATA = "emoji?users=2000" if WHOLE else "emoji?items=60&users=100"
SEEDS = range(3 if WHOLE else 1)
CELLS = [
    Cell(DATA, recommender, features, seed=seed)
    for recommender, features in (("vbpr", "attributes"), ("freedom", "attributes"), ("bpr", None), ("lightgcn", None))
    for seed in SEEDS
]
SETTINGS = Settings(Profile.named("smoke"), replicates=len(SEEDS))
first = {}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    found = Place(tmp_path_factory.mktemp("dask"), plugin=False)
    yield found
    found.end()


def run(store, **changes):
    return runner.run_cells(Pipeline(replace(SETTINGS, **changes), registry(), Store(store)), CELLS)


@pytest.mark.parametrize("workers", [1, 2] if WHOLE else [2])
@pytest.mark.parametrize("where", ["local", "dask"])
def test_cold_cells(benchmark, where, workers, place, tmp_path):
    changes = {"workers": workers}
    if where == "dask":
        changes = {"executor": place.executor}
        for _ in range(workers - place.workers()):
            place.worker()
        warm = [Cell("emoji?items=40&users=60", "bpr", seed=seed) for seed in range(4)]
        pipeline = Pipeline(replace(SETTINGS, **changes), registry(), Store(tmp_path / "warm"))
        wait_for(lambda: place.workers() == workers)
        runner.run_cells(pipeline, warm)
    benchmark.group = f"{len(CELLS)} cold cells on {DATA}"
    outcome = benchmark.pedantic(run, (tmp_path / "store",), changes, rounds=1)
    assert outcome.computed == len(CELLS)
    if benchmark.enabled:
        seconds = benchmark.stats.stats.mean
        gain = first.setdefault("the first", seconds) / seconds
        benchmark.extra_info.update({"speed-up": gain, "efficiency": gain / workers})
        print(f"{where}, {workers}: {seconds:.1f} s, speed-up {gain:.2f}, efficiency {gain / workers:.2f}")
    for cell, result in outcome.results.items():  # wherever it was computed
        expected = first.setdefault(cell, result.per_user["recall@20"])
        np.testing.assert_array_equal(result.per_user["recall@20"], expected)
