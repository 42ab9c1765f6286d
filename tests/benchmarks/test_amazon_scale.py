"""Preparing Amazon Reviews 2023: seconds and peak memory, in a process of its own.

In CI a hundredth of it; the whole, 5,000,000 reviews and 200,000 products, by
`RECCLAIMS_SCALE=1 pytest tests/benchmarks/test_amazon_scale.py`: less than three minutes and 4 GB on two cores.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from .amazon_files import CATEGORY, write_raw

SHARE = float(os.environ.get("RECCLAIMS_SCALE", "0.01"))
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
    command = [sys.executable, "-c", script, f"amazon2023:{CATEGORY}", str(raw), str(data)]
    root = Path(__file__).parents[2]
    env = {**os.environ, "RECCLAIMS_DATA_DIR": str(data)}

    def run():
        done = subprocess.run(command, cwd=root, env=env, capture_output=True, text=True, check=True)
        return json.loads(done.stdout.splitlines()[-1])

    benchmark.group = f"{N_REVIEWS:,} reviews, {N_PRODUCTS:,} products"
    facts = benchmark.pedantic(run, rounds=1)
    benchmark.extra_info.update(facts)
    print(facts)
    assert facts["code"] == 0
    assert facts["kept"] > 0
