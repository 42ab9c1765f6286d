"""What a process frees it keeps, until it is asked to give it back."""

import subprocess
import sys

import pytest

SCRIPT = """
import resource
import numpy as np
from recclaims.recommenders.allocator import keep_freed_memory
from recclaims.runner.memory import peak_mb, reset_peak

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(50):
        blocks = [np.ones(500_000) for _ in range(10)]
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

keep_freed_memory()
faults()
kept = faults()
reset_peak()
low = peak_mb()
blocks = [np.ones(500_000) for _ in range(10)]
print(kept, low, peak_mb())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's")
def test_what_is_freed_is_kept_and_counts_as_no_ones_peak():
    run = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True)
    faults, low, high = map(float, run.stdout.split())
    assert faults < 1_000  # of 50 x 10 blocks of a thousand pages
    assert 35 < high - low < 80  # ten blocks of 4 MB
