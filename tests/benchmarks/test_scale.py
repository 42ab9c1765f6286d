"""FREEDOM and LATTICE at the size of Amazon Clothing: item graphs and one epoch, with the memory they took.

The whole, 75,627 items with two modalities of 1,024 dimensions, by `RECCLAIMS_SCALE=1 pytest
tests/benchmarks/test_scale.py`. A process of its own for each, for its peak memory.
"""

import json

import pytest

from .apart import run_apart
from .size import share

N_ITEMS, N_USERS, N_PAIRS = (int(share(0.01) * n) for n in (75_627, 150_000, 1_000_000))
SCRIPT = """
import json, sys, time, warnings
warnings.simplefilter("ignore")
import torch
from recclaims.recommenders import builtin
from recclaims.engine.memory import peak_mb
from tests.benchmarks import shape

name, *sizes = json.loads(sys.argv[1])
content = [(m, shape.features(1024, sizes[1], seed)) for seed, m in enumerate(("visual", "textual"))]
started = time.perf_counter()
epoch = shape.epoch_of(
    getattr(builtin, name), content, sizes=sizes, train_features=False, train_batch_size=8192
)
built = time.perf_counter()
loss = epoch()
done = time.perf_counter()
print(json.dumps({"graph": built - started, "epoch": done - built, "peak_mb": peak_mb(), "loss": loss}))
"""


@pytest.mark.parametrize("name", ["FREEDOM", "LATTICE"])
def test_item_graph_and_one_epoch(benchmark, name):
    benchmark.group = f"{N_ITEMS:,} items, 2 x 1,024 dimensions, {N_PAIRS:,} pairs"
    facts = benchmark.pedantic(run_apart, (SCRIPT, json.dumps([name, N_USERS, N_ITEMS, N_PAIRS])), rounds=1)
    benchmark.extra_info.update(facts)
    print(f"{name}: {facts}")
    assert facts["loss"] > 0
