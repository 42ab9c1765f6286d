import sys
from types import SimpleNamespace

import numpy as np

from recclaims.runner.memory import Memory, gpu_peak_mb, peak_mb, reset_peak


def test_the_peak_is_of_what_came_since():
    reset_peak()
    before = peak_mb()
    block = np.ones(40_000_000 // 8)
    assert block.sum() == len(block)
    grown = peak_mb()
    assert grown - before > 30
    del block
    reset_peak()
    assert peak_mb() < grown - 20


def test_work_done_one_after_the_other_needs_the_largest_of_its_parts():
    assert Memory(100.0, None).most([{"peak_mb": 300.0}, {"peak_mb": None, "gpu_peak_mb": 7.0}, {}]) == Memory(
        300.0, 7.0
    )
    assert Memory(100.0, None).most([]) == Memory(100.0, None)


def test_gpus_are_asked_only_where_torch_has_used_them(monkeypatch):
    cuda = SimpleNamespace(
        is_initialized=lambda: used,
        device_count=lambda: 2,
        max_memory_allocated=lambda device: (device + 1) * 2**20,
    )
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(cuda=cuda))
    used = False
    assert gpu_peak_mb() is None
    used = True
    assert gpu_peak_mb() == 3.0
    monkeypatch.delitem(sys.modules, "torch")
    assert gpu_peak_mb() is None
