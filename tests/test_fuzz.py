"""A few hundred inputs of every kind that tests/fuzz.py makes, and 100,000 in the long form."""

import pytest

from .fuzz import main, run
from .fuzz_readers import READERS
from .long_form import LONG

#: Fewer where an input takes long: drawing, or the disk.
FEWER = {"results": 100, "store": 100}
#: Into as many the inputs of a reader are cut, so that processes of xdist share them.
PARTS = 4 if LONG else 1


def inputs(reader, part):
    if not LONG:
        return range(FEWER.get(reader.__name__, 300))
    n = -(-100_000 * READERS[reader] // (sum(READERS.values()) * PARTS))
    return range(part * n, (part + 1) * n)


@pytest.mark.soak
@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.__name__)
def test_broken_input_is_read_or_refused(reader, part, tmp_path):
    counts, stumbles = run(reader, inputs(reader, part), 0, tmp_path)
    assert not stumbles
    # Inputs are damaged little enough to be read now and then, and much enough to be refused.
    assert counts["result"] >= 10
    assert counts["refused"] >= 10 or reader.__name__ == "keywords"


def test_a_stumble_is_told_and_can_be_made_again(tmp_path, capsys, monkeypatch):
    def broken(random, place):
        if random.random() < 0.1:
            raise KeyError("x")

    monkeypatch.setattr("tests.fuzz.READERS", {broken: 1})
    assert main(["--inputs", "50"]) == 1
    output = capsys.readouterr().out
    number = int(output.splitlines()[1].split(":")[0])
    assert "KeyError: 'x' (test_fuzz.py:" in output
    assert main(["--inputs", "1", "--first", str(number)]) == 1
