"""How time and memory grow with a dataset of 1, 4 and 16 times as many items, users and interactions.

The whole, where 4x is the shape of Amazon Baby and 16x is 77,780 users and 28,200 items, by `RECCLAIMS_SCALE=1 pytest
tests/benchmarks/test_growth.py`. Memory is a step's own: what its peak adds to the process.
Each size has a process of its own, and every step of it a measurement of its own.
"""

import json

import numpy as np
import pytest

from . import summary
from .apart import run_apart
from .shape import N_ITEMS, N_PAIRS, N_USERS

TIMES = (1, 4, 16)
SCRIPT = """
import contextlib, gc, json, sys, time, warnings
from pathlib import Path
warnings.simplefilter("ignore")
import numpy as np
import torch
from recclaims.calibration.intervals import behrens_fisher_interval, crossed_bootstrap_interval
from recclaims.data.reference import open_source
from recclaims.data.splits import make_split
from recclaims.plugin_manager import registry
from recclaims.recommenders import builtin
from recclaims.engine.memory import peak_mb, reset_peak
from tests.benchmarks import shape

folder, *sizes = json.loads(sys.argv[1])
n_users, n_items, n_pairs = sizes
facts = {}

@contextlib.contextmanager
def step(name):
    gc.collect()
    reset_peak()
    before, started = peak_mb(), time.perf_counter()
    yield
    facts[name] = [time.perf_counter() - started, peak_mb() - before]

content = [(m, shape.features(384, n_items, seed)) for seed, m in enumerate(("visual", "textual"))]
users, items, held = shape.interactions(*sizes)
shape.build(builtin.BPR, sizes=(20, 20, 40))  # RecBole is imported once
with step("reading a folder"):
    dataset = open_source(folder, registry()).load()
with step("drawing a split"):
    make_split(dataset, 0)
for name in ("BPR", "LIGHTGCN", "FREEDOM"):
    recommender = getattr(builtin, name)
    changes = {"train_features": False} if recommender.content else {}
    with step("FREEDOM: graphs" if recommender.content else f"{name}: model"):
        epoch = shape.epoch_of(recommender, content if recommender.content else (), sizes=sizes, **changes)
    with step(f"{name}: one epoch"):
        epoch()
    del epoch
rank = shape.evaluation(*sizes)
with step("ranking all items for all users"):
    rank()
differences = np.random.default_rng(0).normal(0.01, 0.2, size=(n_users, 5))
with step("the suite's interval, 5 replicates"):
    behrens_fisher_interval(differences)
with step("bootstrap, 10,000 resamples"):
    crossed_bootstrap_interval(differences, n_resamples=10_000)
print(json.dumps(facts))
"""


def write_folder(folder, users, items, n_items):
    """A dataset as a folder, with titles and attributes."""
    folder.mkdir(parents=True)
    (folder / "dataset.toml").write_text('name = "grown"\n')
    with (folder / "items.jsonl").open("w") as file:
        for item in range(n_items):
            entry = {"item_id": f"i{item}", "title": f"thing number {item}", "attributes": {"kind": [f"k{item % 50}"]}}
            file.write(json.dumps(entry) + "\n")
    with (folder / "interactions.tsv").open("w") as file:
        file.write("user_id\titem_id\n")
        file.writelines(f"u{user}\ti{item}\n" for user, item in zip(users.tolist(), items.tolist(), strict=True))


def measure(folder, times):
    from .shape import interactions

    sizes = [times * n // 4 for n in (N_USERS, N_ITEMS, N_PAIRS)]
    users, items, _ = interactions(*sizes)
    write_folder(folder, users, items, sizes[1])
    return run_apart(SCRIPT, json.dumps([str(folder), *sizes]))


def exponent(values):
    """Slope of log value over log size, least squares; None where something is too small to be measured."""
    if min(values) <= 0:
        return None
    return float(np.polyfit(np.log(TIMES), np.log(values), 1)[0])


def test_growth(benchmark, tmp_path):
    benchmark.group = f"1x, 4x, 16x of {N_USERS // 4:,} users and {N_ITEMS // 4:,} items"
    found = benchmark.pedantic(lambda: [measure(tmp_path / str(times), times) for times in TIMES], rounds=1)
    rows = []
    for step in found[0]:
        seconds, memory = zip(*(facts[step] for facts in found), strict=True)
        rows.append([step, *seconds, exponent(seconds), *memory, exponent(memory)])
    header = ["step", *(f"s, {t}x" for t in TIMES), "exponent", *(f"MB, {t}x" for t in TIMES), "exponent"]
    benchmark.extra_info["growth"] = rows
    summary.add(benchmark.group, header, rows)
    assert len(rows) == 11


@pytest.mark.parametrize(("power", "values"), [(0, [3, 3, 3]), (1, [1, 4, 16]), (2, [1, 16, 256])])
def test_an_exponent_is_that_of_the_power(power, values):
    assert exponent(values) == pytest.approx(power)
