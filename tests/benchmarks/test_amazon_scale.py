"""Preparing Amazon Reviews 2023: seconds and peak memory, in a process of its own.

The whole, 5,000,000 reviews and 200,000 products, by `RECCLAIMS_SCALE=1 pytest tests/benchmarks/test_amazon_scale.py`:
less than three minutes and 4 GB on two cores.
"""

import pytest

from .amazon_files import CATEGORY, write_raw
from .apart import run_apart
from .size import share

SHARE = share(0.004)
N_REVIEWS, N_PRODUCTS = int(SHARE * 5_000_000), int(SHARE * 200_000)
SCRIPT = """
import json, sys, time
from recclaims.cli import main
from recclaims.data.reference import open_source
from recclaims.plugin_manager import registry
from recclaims.engine.memory import peak_mb

started = time.perf_counter()
code = main(["prepare", sys.argv[1], "--from", sys.argv[2], "--to", sys.argv[3]])
prepared, peak = time.perf_counter(), peak_mb()
n = len(open_source(sys.argv[1], registry()).load().interactions)
print(json.dumps({"code": code, "kept": n, "prepare": prepared - started, "peak_mb": peak,
                  "open": time.perf_counter() - prepared}))
"""


@pytest.mark.parametrize("corrupt", [False, True], ids=["sound", "a corrupt line in every block"])
def test_prepare(benchmark, tmp_path, corrupt):
    raw, data = tmp_path / "raw", tmp_path / "data"
    write_raw(raw, N_REVIEWS, N_PRODUCTS, corrupt_every=3_000 if corrupt else 0)
    script = SCRIPT.replace("sys.argv[3]]", 'sys.argv[3], "--max-bad", "1000000"]')
    asked = (script, f"amazon2023:{CATEGORY}", str(raw), str(data))
    benchmark.group = f"{N_REVIEWS:,} reviews, {N_PRODUCTS:,} products"
    facts = benchmark.pedantic(run_apart, asked, {"RECCLAIMS_DATA_DIR": str(data)}, rounds=1)
    benchmark.extra_info.update(facts)
    print(facts)
    assert facts["code"] == 0
    assert facts["kept"] > 0
