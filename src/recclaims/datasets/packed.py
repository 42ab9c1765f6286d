"""Tables that polars would unpack by itself, however large what is in them."""

from __future__ import annotations

from pathlib import Path

#: How they begin: gzip, zlib, zstd.
_BEGINNINGS = (b"\x1f\x8b", b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda", b"\x28\xb5\x2f\xfd")
#: What to say of them.
PACKED = "is compressed; unpack it, so that its size is known"


def is_packed(path: Path) -> bool:
    """Whether a file begins as a compressed one; OSError where it cannot be read."""
    with path.open("rb") as file:
        return file.read(4).startswith(_BEGINNINGS)
