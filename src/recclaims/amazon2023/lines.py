"""The lines of a .jsonl or .jsonl.gz file in blocks of bounded size, whatever is in the file."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from io import BufferedReader
from pathlib import Path
from typing import TYPE_CHECKING

from recclaims import DatasetError
from recclaims.amazon2023.faults import BROKEN_GZIP, TOO_LONG, TRUNCATED, Faults
from recclaims.regular_file import open_content

if TYPE_CHECKING:
    from hashlib import _Hash

#: Bytes read, or inflated, at once.
BLOCK = 16 << 20
#: The longest line, in bytes: the longest reviews and products take some 100 kB. A gzip bomb is one long line.
LONGEST = 4 << 20
#: How many times its size a gzip file may unpack to, once it has given ALLOWED bytes: reviews and products take five to
#: ten times theirs, the most that gzip can do is 1,032.
RATIO, ALLOWED = 100, 1 << 30
_GZIP = b"\x1f\x8b"
_COMPRESSED = 2 << 20


@dataclass
class Digest:
    """What a file was when it was read: whoever asks the file again may find another.

    Attributes:
        size: bytes that were read.
        content: SHA-256 of them.
    """

    size: int = 0
    content: _Hash = field(default_factory=hashlib.sha256)

    def add(self, data: bytes) -> bytes:
        """Count bytes that were read; they are returned."""
        self.size += len(data)
        self.content.update(data)
        return data

    def facts(self) -> dict[str, object]:
        """The size and the hexadecimal digest, as a record keeps them."""
        return {"bytes": self.size, "sha256": self.content.hexdigest()}


def read_blocks(
    path: Path, faults: Faults, block: int = BLOCK, longest: int = LONGEST, digest: Digest | None = None
) -> Iterator[tuple[int, bytes]]:
    """Yield the number of a block's first line, from 1, and the block: whole lines, at most `block + longest` bytes.

    A line that is too long is replaced by an empty one. Where gzip is truncated or corrupt, the
    whole lines before are yielded.

    Args:
        path: the file; gzip is told by its first bytes.
        faults: is told of lines that are too long and of broken gzip.
        block, longest: see BLOCK and LONGEST.
        digest: is given the bytes of the file, as they are on disk, all of them once the last block was taken.

    Raises:
        DatasetError: the file cannot be read, or unpacks to far more than reviews would.
    """
    ahead = 1
    try:
        with open_content(path) as file:
            source = _Source(file, digest or Digest())
            try:
                for number, data in _blocks(source, path, faults, block, longest):
                    ahead = number + data.count(b"\n")
                    yield number, data
            except EOFError:
                faults.add(path, TRUNCATED, ahead)
            except zlib.error as error:
                faults.add(path, BROKEN_GZIP, ahead, str(error))
            while source.read(block):  # what lies behind broken gzip is of the file, too
                pass
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read: {error.strerror or error}") from error


@dataclass(frozen=True)
class _Source:
    """A file that is read once, from its beginning, and digested meanwhile."""

    file: BufferedReader
    digest: Digest

    def read(self, size: int) -> bytes:
        return self.digest.add(self.file.read(size))


def _blocks(source: _Source, path: Path, faults: Faults, block: int, longest: int) -> Iterator[tuple[int, bytes]]:
    number, rest, skipping = 1, b"", False
    for data in _pieces(source, path, block):
        if skipping:
            end = data.find(b"\n")
            if end < 0:
                continue
            # Its newline stays: an empty line in its place keeps the others' numbers.
            data, skipping = data[end:], False  # noqa: PLW2901
        end = data.rfind(b"\n") + 1
        whole, rest = (rest + data[:end], data[end:]) if end else (b"", rest + data)
        if whole:
            yield number, _without_long(whole, path, number, faults, longest)
            number += whole.count(b"\n")
        if len(rest) > longest:
            faults.add(path, TOO_LONG, number)
            rest, skipping = b"", True
    if rest:
        yield number, rest + b"\n"


def _without_long(block: bytes, path: Path, number: int, faults: Faults, longest: int) -> bytes:
    lines = block.split(b"\n")
    if max(map(len, lines)) <= longest:
        return block
    for i, line in enumerate(lines):
        if len(line) > longest:
            faults.add(path, TOO_LONG, number + i)
            lines[i] = b""
    return b"\n".join(lines)


def _pieces(source: _Source, path: Path, block: int) -> Iterator[bytes]:
    if source.file.peek(len(_GZIP)).startswith(_GZIP):
        given = 0
        for data in _inflate(source, block):
            given += len(data)
            if given > max(ALLOWED, RATIO * source.digest.size):
                raise DatasetError(f"{path}: unpacks to more than {RATIO} times its size, unlike any real reviews")
            yield data
    else:
        while data := source.read(block):
            yield data


def _inflate(file: _Source, block: int) -> Iterator[bytes]:
    """What all members of a gzip file hold; EOFError where the last one has no end."""
    pending = file.read(_COMPRESSED)
    while pending:
        member = zlib.decompressobj(zlib.MAX_WBITS | 16)
        while not member.eof:
            pending = pending or file.read(_COMPRESSED)
            data = member.decompress(pending, block) if pending else member.flush()
            if data:
                yield data
            if not pending and not member.eof:
                raise EOFError
            pending = member.unconsumed_tail
        pending = member.unused_data
        # Members may be padded with zeros.
        while not (pending := pending.lstrip(b"\0")) and (pending := file.read(_COMPRESSED)):
            pass
