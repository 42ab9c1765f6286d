"""What the files of a catalogue hold, as digests: what features depend on."""

from __future__ import annotations

import hashlib
from pathlib import Path

from recclaims.regular_file import open_content

#: Stands for the digest of a file that nobody decodes, so that a sparse terabyte is not read for one.
TOO_LARGE = "too large"


def content_of(path: Path | None, most: int) -> str | None:
    """SHA-256 of a file's bytes.

    Args:
        path: the file.
        most: the largest size that is read; of a larger file the answer is TOO_LARGE.

    Returns:
        The hexadecimal digest; None where there is no regular file that can be read.
    """
    if path is None:
        return None
    try:
        with open_content(path) as file:
            content = file.read(most + 1)
    except (OSError, ValueError):  # ValueError: a name that no file can have
        return None
    return hashlib.sha256(content).hexdigest() if len(content) <= most else TOO_LARGE
