import gzip
import zlib

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from recclaims.amazon2023 import faults as kinds
from recclaims.amazon2023.faults import Faults
from recclaims.amazon2023.lines import read_blocks
from recclaims.errors import DatasetError


def read(path, block=64, longest=32):
    faults = Faults(10)
    found = list(read_blocks(path, faults, block, longest))
    return found, {kind: (count, faults.first[name, kind]) for (name, kind), count in faults.counts.items()}


@given(
    st.lists(st.binary(max_size=60).map(lambda line: line.replace(b"\n", b"")), max_size=30),
    st.integers(1, 80),
    st.booleans(),
    st.booleans(),
)
def test_the_lines_are_the_same_in_blocks_of_any_size(tmp_path_factory, lines, block, zipped, ended):
    content = b"\n".join(lines) + (b"\n" if ended else b"")
    assume(zipped or not content.startswith(b"\x1f\x8b"))  # which is gzip
    path = tmp_path_factory.mktemp("lines") / "x"
    path.write_bytes(gzip.compress(content) if zipped else content)
    found, bad = read(path, block)
    kept = content.split(b"\n")
    got = [line for _, data in found for line in data.split(b"\n")[:-1]]
    expected = [line if len(line) <= 32 else b"" for line in kept]
    # A last line that is empty, or was left out, need not be there.
    assert got + [b""] * (len(expected) - len(got)) == expected
    assert bad.get(kinds.TOO_LONG, (0,))[0] == sum(len(line) > 32 for line in kept)
    number = 1
    for first, data in found:
        assert first == number
        assert data.endswith(b"\n")
        assert len(data) <= block + 32 + 1
        number += data.count(b"\n")


def test_members_of_gzip_are_read_one_after_the_other_and_padding_is_none(tmp_path):
    path = tmp_path / "x.gz"
    path.write_bytes(gzip.compress(b"a\nb") + gzip.compress(b"c\nd\n") + b"\0" * 7)
    found, bad = read(path)
    assert b"".join(data for _, data in found) == b"a\nbc\nd\n"
    assert bad == {}


@pytest.mark.parametrize("cut", [1, 4, 8, 9, 200])
def test_of_truncated_gzip_the_whole_lines_before_are_read(tmp_path, cut):
    content = b"".join(b"line %d\n" % i for i in range(1000))
    path = tmp_path / "x.gz"
    path.write_bytes(gzip.compress(content)[:-cut])
    found, bad = read(path, block=1 << 20)
    got = b"".join(data for _, data in found)
    assert content.startswith(got)
    assert len(got) > 5000
    assert got.endswith(b"\n")
    assert list(bad) == [kinds.TRUNCATED]
    assert bad[kinds.TRUNCATED][0] == 1


def test_a_wrong_checksum_and_rubbish_are_corrupt_gzip(tmp_path):
    whole = gzip.compress(b"a\n" * 1000)
    (tmp_path / "sum.gz").write_bytes(whole[:-8] + bytes([whole[-8] ^ 1]) + whole[-7:])
    (tmp_path / "rubbish.gz").write_bytes(whole + b"rubbish")
    assert list(read(tmp_path / "sum.gz")[1]) == [kinds.BROKEN_GZIP]
    found, bad = read(tmp_path / "rubbish.gz")
    assert list(bad) == [kinds.BROKEN_GZIP]
    assert b"".join(data for _, data in found) == b"a\n" * 1000


def test_a_gzip_bomb_is_one_line_that_is_too_long(tmp_path):
    import tracemalloc

    packer = zlib.compressobj(9, zlib.DEFLATED, zlib.MAX_WBITS | 16)
    path = tmp_path / "bomb.gz"
    zeros = b"x" * (1 << 20)
    path.write_bytes(
        packer.compress(b"first\n")
        + b"".join(packer.compress(zeros) for _ in range(60))
        + packer.compress(b"\nlast\n")
        + packer.flush()
    )
    assert path.stat().st_size < 100_000
    tracemalloc.start()
    found, bad = read(path, block=1 << 20, longest=1 << 20)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert [line for _, data in found for line in data.split(b"\n") if line] == [b"first", b"last"]
    assert bad == {kinds.TOO_LONG: (1, "line 2")}
    assert found[-1][0] + found[-1][1].split(b"\n").index(b"last") == 3
    assert peak < 20 << 20


def test_a_file_that_is_not_there_is_one_line(tmp_path):
    with pytest.raises(DatasetError, match="nowhere: cannot be read: No such file"):
        list(read_blocks(tmp_path / "nowhere", Faults(0)))
