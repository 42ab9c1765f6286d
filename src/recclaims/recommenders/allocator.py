"""Keep freed memory: a training step frees a hundred matrices of a megabyte, and the next asks for as many again."""

from __future__ import annotations

import contextlib
import ctypes
import functools

#: From glibc's malloc.h: the least block that is mapped and unmapped by itself, and how much that is free at the end of
#: the heap is kept.
_MMAP_THRESHOLD, _TRIM_THRESHOLD = -3, -1
#: Bytes. glibc begins with 128 kB and twice as much; then a step may have to be given a thousand pages anew, each a
#: trip into the kernel: a tenth to a quarter of its time.
LARGEST, KEPT = 32 << 20, 512 << 20


@functools.cache
def keep_freed_memory() -> None:
    """Let this process keep what it frees, up to KEPT bytes; without glibc nothing happens."""
    with contextlib.suppress(OSError, AttributeError):
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(_MMAP_THRESHOLD, LARGEST)
        mallopt(_TRIM_THRESHOLD, KEPT)


def release_freed_memory() -> None:
    """Give all that is kept back to the system; without glibc nothing happens."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
