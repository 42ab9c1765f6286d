"""What files and folders are known by: their content, not their names or times."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

from recclaims.regular_file import open_content

#: Bytes from which a digest is kept: 15 GB of weights take a minute.
LARGE = 100_000_000


def digest_of(path: Path) -> str:
    """SHA-256, shortened, of a file's content, or of names and contents of all files in a folder.

    That of many bytes is kept for the process while sizes and times stay.
    """
    files = sorted(one for one in path.rglob("*") if one.is_file()) if path.is_dir() else [path]
    facts = tuple((one, one.stat().st_size, one.stat().st_mtime_ns) for one in files)
    # Times are coarse: two writes can bear the same one, so that what is read quickly is read again.
    return (_kept if sum(size for _, size, _ in facts) > LARGE else _digest)(path, facts)


@cache
def _kept(root: Path, files: tuple[tuple[Path, int, int], ...]) -> str:
    return _digest(root, files)


def _digest(root: Path, files: tuple[tuple[Path, int, int], ...]) -> str:
    digest = hashlib.sha256()
    for path, _, _ in files:
        with open_content(path) as file:
            content = hashlib.file_digest(file, "sha256").hexdigest()
        name = path.relative_to(root) if path != root else ""
        digest.update(f"{name}\0{content}\n".encode(errors="surrogatepass"))
    return digest.hexdigest()[:16]
