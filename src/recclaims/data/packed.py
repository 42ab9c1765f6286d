"""Tables that polars would unpack by itself, however large what is in them."""

from __future__ import annotations

from typing import BinaryIO

#: How they begin: gzip, zlib, zstd.
_BEGINNINGS = (b"\x1f\x8b", b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda", b"\x28\xb5\x2f\xfd")
#: What to say of them.
PACKED = "is compressed; unpack it, so that its size is known"


def is_packed(file: BinaryIO) -> bool:
    """Whether a file, at its beginning and left there, begins as a compressed one; OSError where it cannot be read."""
    beginning = file.read(4)
    file.seek(0)
    return beginning.startswith(_BEGINNINGS)
