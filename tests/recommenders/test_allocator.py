"""What a process frees it keeps, until it is asked to give it back."""

import subprocess
import sys

import pytest

SCRIPT = """
import resource, sys
import numpy as np
from recclaims.recommenders._kernels.allocator import keep_freed_memory
from recclaims.engine.memory import peak_mb, reset_peak

n, size = map(int, sys.argv[1:])

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(50):
        blocks = [np.ones(size) for _ in range(n)]
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

keep_freed_memory()
faults()
kept = faults()
reset_peak()
low = peak_mb()
blocks = [np.ones(size) for _ in range(n)]
print(kept, low, peak_mb())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's")
@pytest.mark.parametrize(("n", "size"), [(10, 500_000), (1, 5_000_000)], ids=["ten of 4 MB", "one of 40 MB"])
def test_what_is_freed_is_kept_and_counts_as_no_ones_peak(n, size):
    arguments = [sys.executable, "-c", SCRIPT, str(n), str(size)]
    run = subprocess.run(arguments, capture_output=True, text=True, check=True)
    faults, low, high = map(float, run.stdout.split())
    assert faults < 1_000  # of 50 times ten thousand pages
    assert 35 < high - low < 80  # 40 MB
