"""Keep freed memory: a training step frees a hundred matrices of a megabyte, and the next asks for as many again."""

from __future__ import annotations

import contextlib
import ctypes
import functools

#: From glibc's malloc.h: the least block that is mapped and unmapped by itself, how much that is free at the end of the
#: heap is kept, and how much more than needed is asked for: addresses, which take no memory before they are written to.
_MMAP_THRESHOLD, _TRIM_THRESHOLD, _TOP_PAD = -3, -1, -2
#: Bytes. glibc begins with 128 kB and twice as much; then a step may have to be given a thousand pages anew, each a
#: trip into the kernel: a tenth to a quarter of its time.
LARGEST, KEPT = 32 << 20, 512 << 20


@functools.cache
def keep_freed_memory() -> None:
    """Let this process keep what it frees, up to KEPT bytes; without glibc nothing happens."""
    with contextlib.suppress(OSError, AttributeError):
        glibc = ctypes.CDLL(None)
        glibc.mallopt(_MMAP_THRESHOLD, LARGEST)
        glibc.mallopt(_TRIM_THRESHOLD, KEPT)
        # A larger block, as the features of a batch are, is mapped by itself each time, unless the heap's end has room
        # for it: that grows now.
        glibc.mallopt(_TOP_PAD, KEPT)
        glibc.malloc.restype = ctypes.c_void_p
        glibc.free(ctypes.c_void_p(glibc.malloc(ctypes.c_size_t(LARGEST // 2))))


def release_freed_memory() -> None:
    """Give all that is kept back to the system; without glibc nothing happens."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
