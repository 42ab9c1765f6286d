import subprocess
import sys
from types import SimpleNamespace

from recclaims.engine import memory
from recclaims.engine.memory import Memory, gpu_peak_mb
from recclaims.engine.settings import default_workers

GROWTH = """
from recclaims.engine.memory import peak_mb, reset_peak
reset_peak(); before = peak_mb()
block = bytearray(80_000_000); block[::4096] = b"x" * len(block[::4096]); grown = peak_mb()
del block; reset_peak()
print(before, grown, peak_mb())
"""


def test_the_peak_is_of_what_came_since():
    """In a process of its own, where nothing else takes or gives memory."""
    done = subprocess.run([sys.executable, "-c", GROWTH], capture_output=True, text=True, check=True)
    before, grown, after = map(float, done.stdout.split())
    assert grown - before > 60
    assert after < grown - 60


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


def test_macos_has_neither_proc_nor_affinity(monkeypatch, tmp_path):
    monkeypatch.delattr("os.sched_getaffinity", raising=False)
    monkeypatch.setattr("os.cpu_count", lambda: 6)
    assert default_workers() == 6
    monkeypatch.setattr(memory, "_PROC", tmp_path / "absent")
    kilobytes = memory.peak_mb()
    monkeypatch.setattr(sys, "platform", "darwin")
    assert memory.peak_mb() * 1000 < kilobytes  # the same number, read as bytes
    memory.reset_peak()
