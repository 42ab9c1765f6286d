"""Open what a person's folder names: regular files alone, by exactly the path that is given.

Libraries that open paths themselves take `[1]` and `*` for patterns, and wait for ever at a pipe.
"""

from __future__ import annotations

import io
import os
import stat
from pathlib import Path
from typing import TextIO

#: Bytes of the largest text that is read whole; a sparse file of a terabyte takes no room on a disk.
LARGEST_TEXT = 16_000_000_000
_POINTER = b"version https://git-lfs.github.com/spec/"
_KINDS = {
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFDIR: "a folder",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def open_content(path: Path) -> io.BufferedReader:
    """Open a file for reading bytes, whatever it holds.

    Raises:
        OSError: it cannot be opened, or is a pipe, a socket, a device or a folder.
    """
    # Without O_NONBLOCK to open a pipe waits for a writer. Windows knows neither.
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
    descriptor = os.open(path, flags)
    kind = stat.S_IFMT(os.fstat(descriptor).st_mode)
    if kind != stat.S_IFREG:
        os.close(descriptor)
        raise OSError(f"is {_KINDS.get(kind, 'something else')}, not a regular file")
    return open(descriptor, "rb")  # noqa: PTH123 - it has no path, but is open already


def open_regular(path: Path, most: int | None = None) -> io.BufferedReader:
    """Open a file whose content is meant, for reading bytes.

    Args:
        path: the file.
        most: the largest size, in bytes, where it is read whole.

    Raises:
        OSError: as open_content does; or the file is larger, or a pointer of Git LFS.
    """
    file = open_content(path)
    size = os.fstat(file.fileno()).st_size
    if most is not None and size > most:
        file.close()
        raise OSError(f"has {size:,} bytes; at most {most:,} are read")
    if file.peek(len(_POINTER)).startswith(_POINTER):
        file.close()
        raise OSError("is a Git LFS pointer; get the file with git lfs pull")
    return file


def open_text(path: Path, most: int | None = LARGEST_TEXT) -> TextIO:
    """Open a file of text, which is UTF-8 and may begin with a byte order mark; raises OSError as open_regular does."""
    return io.TextIOWrapper(open_regular(path, most), encoding="utf-8-sig")
