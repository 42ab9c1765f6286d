"""Open what a person's folder names: regular files alone, by exactly the path that is given.

Libraries that open paths themselves take `[1]` and `*` for patterns, and wait for ever at a pipe.
"""

from __future__ import annotations

import io
import os
import stat
from pathlib import Path
from typing import TextIO

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


def open_regular(path: Path) -> io.BufferedReader:
    """Open a file whose content is meant, for reading bytes.

    Raises:
        OSError: as open_content does; or the file is a pointer of Git LFS.
    """
    file = open_content(path)
    if file.peek(len(_POINTER)).startswith(_POINTER):
        file.close()
        raise OSError("is a pointer of Git LFS; get the file itself: git lfs pull")
    return file


def open_text(path: Path) -> TextIO:
    """Open a file of text, which is UTF-8 and may begin with a byte order mark; raises OSError as open_regular does."""
    return io.TextIOWrapper(open_regular(path), encoding="utf-8-sig")
