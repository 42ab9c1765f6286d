"""The lines of a .jsonl or .jsonl.gz file in blocks of bounded size, whatever is in the file."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from recclaims.datasets.amazon.faults import BROKEN_GZIP, TOO_LONG, TRUNCATED, Faults
from recclaims.errors import DatasetError

#: Bytes read, or inflated, at once.
BLOCK = 16 << 20
#: The longest line, in bytes: the longest reviews and products take some 100 kB. A gzip bomb is one long line.
LONGEST = 4 << 20
#: How many times its size a gzip file may unpack to, once it has given ALLOWED bytes: reviews and products take five to
#: ten times theirs, the most that gzip can do is 1,032.
RATIO, ALLOWED = 100, 1 << 30
_GZIP = b"\x1f\x8b"
_COMPRESSED = 2 << 20


def read_blocks(path: Path, faults: Faults, block: int = BLOCK, longest: int = LONGEST) -> Iterator[tuple[int, bytes]]:
    """Yield the number of a block's first line, from 1, and the block: whole lines, at most `block + longest` bytes.

    A line that is too long is replaced by an empty one. Where gzip is truncated or corrupt, the
    whole lines before are yielded.

    Args:
        path: the file; gzip is told by its first bytes.
        faults: is told of lines that are too long and of broken gzip.
        block, longest: see BLOCK and LONGEST.

    Raises:
        DatasetError: the file cannot be read, or unpacks to far more than reviews would.
    """
    ahead = 1
    try:
        for number, data in _blocks(path, faults, block, longest):
            ahead = number + data.count(b"\n")
            yield number, data
    except EOFError:
        faults.add(path, TRUNCATED, ahead)
    except zlib.error as error:
        faults.add(path, BROKEN_GZIP, ahead, str(error))
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read: {error.strerror or error}") from error


def _blocks(path: Path, faults: Faults, block: int, longest: int) -> Iterator[tuple[int, bytes]]:
    number, rest, skipping = 1, b"", False
    for data in _pieces(path, block):
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


def _pieces(path: Path, block: int) -> Iterator[bytes]:
    with path.open("rb") as file:
        zipped = file.read(len(_GZIP)) == _GZIP
        file.seek(0)
        if zipped:
            given = 0
            for data in _inflate(file, block):
                given += len(data)
                if given > max(ALLOWED, RATIO * file.tell()):
                    raise DatasetError(f"{path}: unpacks to more than {RATIO} times its size, as no reviews do")
                yield data
        else:
            while data := file.read(block):
                yield data


def _inflate(file: BinaryIO, block: int) -> Iterator[bytes]:
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
