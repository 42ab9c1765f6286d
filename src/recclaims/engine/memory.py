"""Peak memory of this process, measured anew for each cell and each encoding."""

from __future__ import annotations

import contextlib
import resource
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recclaims.recommenders._kernels.allocator import release_freed_memory

_PROC = Path("/proc/self")


@dataclass(frozen=True)
class Memory:
    """Peak memory in MB: resident, and of all GPUs together as torch allocated it; None where none was used."""

    peak_mb: float | None
    gpu_peak_mb: float | None

    @classmethod
    def now(cls) -> Memory:
        """Read the peaks since reset_peak()."""
        return cls(peak_mb(), gpu_peak_mb())

    def most(self, others: Iterable[Mapping[str, Any]]) -> Memory:
        """The larger of this and others, each with some of these keys: of work that was done one after the other."""
        found = [vars(self), *others]

        def largest(key: str) -> float | None:
            return max((entry[key] for entry in found if entry.get(key) is not None), default=None)

        return Memory(largest("peak_mb"), largest("gpu_peak_mb"))


def reset_peak() -> None:
    """Start a new measurement where the system can (Linux); elsewhere the peak is that of the process."""
    release_freed_memory()  # else what the cell before has freed would count
    # Not on Linux, or not allowed: peak_mb() then never falls, which is what it says it is.
    with contextlib.suppress(OSError):
        (_PROC / "clear_refs").write_text("5")
    for device, cuda in _gpus():
        cuda.reset_peak_memory_stats(device)


def peak_mb() -> float:
    """Peak resident set in MB since reset_peak(), or since the process began."""
    try:
        for line in (_PROC / "status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    except OSError:
        pass  # not Linux
    per_mb = 2**20 if sys.platform == "darwin" else 2**10  # macOS counts in bytes, others in kB
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / per_mb


def gpu_peak_mb() -> float | None:
    """Peak memory that torch allocated on all GPUs since reset_peak(), in MB; None where it has used none."""
    peaks = [cuda.max_memory_allocated(device) / 2**20 for device, cuda in _gpus()]
    return sum(peaks) or None


def _gpus() -> list[tuple[int, Any]]:
    """Every GPU with torch's interface to it; none before torch has used one, and torch is not imported to ask."""
    torch: Any = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_initialized():
        return []
    return [(device, torch.cuda) for device in range(torch.cuda.device_count())]
