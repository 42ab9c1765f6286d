"""What files and folders are known by, their content and not their names or times; and what decides by lot of ids."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from recclaims.regular_file import open_content

#: Bytes from which a digest is kept: 15 GB of weights take a minute.
LARGE = 100_000_000
#: Seconds without a change after which a file's times can tell the next one: file systems count in steps.
SETTLED = 5
#: Path, size, inode, and the times of the last change to content and to content or facts, which no program can set.
Facts = tuple[Path, int, int, int, int]
_kept: dict[tuple[Path, tuple[Facts, ...]], str] = {}


def digest_of(path: Path) -> str:
    """SHA-256, shortened, of a file's content, or of names and contents of all files in a folder.

    That of many bytes is kept for the process while the files' facts stay; see `forget`.
    """
    files = sorted(one for one in path.rglob("*") if one.is_file()) if path.is_dir() else [path]
    facts = tuple(map(_facts, files))
    if (path, facts) in _kept:
        return _kept[path, facts]
    began = time.time_ns()
    digest = _digest(path, files)
    latest = max((max(times) for _, _, _, *times in facts), default=0)
    settled = latest < began - SETTLED * 10**9 and tuple(map(_facts, files)) == facts
    if settled and sum(size for _, size, *_ in facts) > LARGE:
        _kept[path, facts] = digest
    return digest


def forget() -> None:
    """Read all files again when they are next asked for: a file that is mapped changes without a sign for a while."""
    _kept.clear()


def _facts(path: Path) -> Facts:
    found = path.stat()
    return path, found.st_size, found.st_ino, found.st_mtime_ns, found.st_ctime_ns


def _digest(root: Path, files: Sequence[Path]) -> str:
    digest = hashlib.sha256()
    for path in files:
        with open_content(path) as file:
            content = hashlib.file_digest(file, "sha256").hexdigest()
        name = path.relative_to(root) if path != root else ""
        digest.update(f"{name}\0{content}\n".encode(errors="surrogatepass"))
    return digest.hexdigest()[:16]


def id_keys(ids: Sequence[str]) -> NDArray[np.uint64]:
    """Sixty-four bits of every id, that nothing else decides: uint64 (n,)."""
    digests = (hashlib.blake2b(name.encode(), digest_size=8).digest() for name in ids)
    return np.frombuffer(b"".join(digests), dtype="<u8").astype(np.uint64)
