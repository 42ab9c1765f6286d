"""Batches of as many items as memory bears, on a GPU that is made up: tests have none."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from recclaims import NotAvailableError
from recclaims.lvlm import batch_size
from recclaims.lvlm.batch_size import FIRST, GROWTH, SHARE, BatchSize
from recclaims.lvlm.generation import Question

WEIGHTS = 1_000


class Gpu:
    """Memory of which weights take a part, each row of a batch some more; `asked` has the sizes of all batches."""

    def __init__(self, total, row, loading=0):
        self.total, self.row, self.asked = total, row, []
        self.peak = WEIGHTS + loading

    def run(self, questions):
        self.asked.append(len(questions))
        taken = WEIGHTS + sum(self.row * max(1, len(one.prompt)) for one in questions)
        if taken > self.total:
            raise torch.OutOfMemoryError("CUDA out of memory")
        self.peak = max(self.peak, taken)
        return [one.prompt for one in questions]

    def memory_allocated(self, device):
        return WEIGHTS

    def memory_reserved(self, device):
        return WEIGHTS + 50

    def mem_get_info(self, device):
        return self.total - WEIGHTS - 50, self.total

    def max_memory_allocated(self, device):
        return self.peak


@pytest.fixture
def on(monkeypatch):
    def made(*gpus):
        monkeypatch.setattr(batch_size, "_gpus", lambda: list(enumerate(gpus)))
        return gpus[0]

    return made


def asked(n):
    return [Question("", None, seed) for seed in range(n)]


def test_without_a_gpu_there_are_eight_or_as_many_as_were_asked_for():
    for wanted, sizes in ((None, [8, 8, 4]), (3, [3] * 6 + [2]), (50, [20])):
        machine = Gpu(10**9, 1)
        assert len(list(BatchSize(wanted).replies(asked(20), machine.run))) == 20
        assert machine.asked == sizes


def test_on_a_gpu_they_grow_to_half_of_what_is_free(on):
    gpu = on(Gpu(total=WEIGHTS + 200 * 10, row=10))
    size = BatchSize(None)
    list(size.replies(asked(500), gpu.run))
    assert gpu.asked[:3] == [FIRST, FIRST * GROWTH, int(200 * SHARE)]
    assert set(gpu.asked[2:-1]) == {int(200 * SHARE)}
    # And stay so for the items that come next.
    list(size.replies(asked(150), gpu.run))
    assert gpu.asked[-2:] == [100, 50]


def test_the_smaller_of_two_gpus_decides(on):
    small = Gpu(total=WEIGHTS + 40 * 10, row=10)
    large = on(Gpu(total=WEIGHTS + 4000 * 10, row=10), small)
    list(BatchSize(None).replies(asked(200), lambda part: small.run(part) and large.run(part)))
    assert max(large.asked) == 20


def test_a_number_that_was_asked_for_is_not_exceeded(on):
    gpu = on(Gpu(total=10**9, row=1))
    list(BatchSize(16).replies(asked(100), gpu.run))
    assert max(gpu.asked) == 16


def test_a_peak_from_before_makes_batches_smaller_and_never_larger(on):
    """Loading weights may take more than a batch does."""
    gpu = on(Gpu(total=WEIGHTS + 2000, row=10, loading=500))
    list(BatchSize(None).replies(asked(400), gpu.run))
    assert gpu.asked[0] < max(gpu.asked) <= 100


def test_what_did_not_fit_is_not_tried_again(on):
    gpu = on(Gpu(total=WEIGHTS + 100, row=10))  # ten rows
    size = BatchSize(None)
    list(size.replies(asked(8), gpu.run))
    longer = [Question("xxx", None, 0)] * 40  # three rows
    assert list(size.replies(longer, gpu.run)) == ["xxx"] * 40
    assert gpu.asked[:4] == [8, 8, 4, 2]
    assert set(gpu.asked[4:]) == {2}
    assert size.most == 2


def test_one_that_does_not_fit_is_said():
    with pytest.raises(NotAvailableError, match="not enough memory for a single item"):
        list(BatchSize(None).replies(asked(3), Gpu(total=WEIGHTS, row=1).run))


@given(
    lengths=st.lists(st.integers(0, 30), max_size=200),
    room=st.integers(30, 2000),
    wanted=st.none() | st.integers(1, 64),
)
def test_every_question_is_answered_once_and_in_order(lengths, room, wanted):
    gpu = Gpu(total=WEIGHTS + room, row=1)
    questions = [Question(f"{i:>{length}}"[-length:] if length else "", None, i) for i, length in enumerate(lengths)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(batch_size, "_gpus", lambda: [(0, gpu)])
        replies = list(BatchSize(wanted).replies(questions, gpu.run))
    assert replies == [one.prompt for one in questions]
    assert max(gpu.asked, default=0) <= (wanted or len(questions))


def test_what_measures_it_on_a_gpu_runs_without_one(capsys):
    from tests.benchmarks.gpu_answers import main

    main(["--device", "cpu", "--size", "tiny", "--items", "9", "--tokens", "2", "--batch", "4", "--batch", "auto"])
    told = capsys.readouterr().out
    assert "FAILED" not in told
    assert [line.split("median ")[1][:5] for line in told.splitlines() if line.startswith("  batch")] == ["1.000"] * 2
    assert "cpu: batches of 4 (8), 1 (1)" in told
    assert "cpu: batches of 8 (8), 1 (1)" in told
