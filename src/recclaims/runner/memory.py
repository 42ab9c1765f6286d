"""Peak memory of this process, measured anew for each cell."""

from __future__ import annotations

import contextlib
import resource
from pathlib import Path

_PROC = Path("/proc/self")


def reset_peak() -> None:
    """Start a new measurement where the system can (Linux); elsewhere the peak is that of the process."""
    # Not on Linux, or not allowed: peak_mb() then never falls, which is what it says it is.
    with contextlib.suppress(OSError):
        (_PROC / "clear_refs").write_text("5")


def peak_mb() -> float:
    """Peak resident set in MB since reset_peak(), or since the process began."""
    try:
        for line in (_PROC / "status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    except OSError:
        pass  # not Linux
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
