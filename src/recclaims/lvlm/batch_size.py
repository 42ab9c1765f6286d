"""How many items a model is asked about at once: a number that was asked for, or what the memory of GPUs bears."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from recclaims import NotAvailableError
from recclaims.lvlm.generation import Question, Reply

#: What is tried before anything is known, and kept where there is no GPU.
FIRST = 8
#: A batch grows at most by this: what a few rows needed says little about many.
GROWTH = 4
#: Of the memory within reach; the rest is for rows that are longer, and for what else the GPU does.
SHARE = 0.5


class BatchSize:
    """How many at once, as far as is known.

    A decoding step reads all weights, whatever the number of rows: on a GPU, many rows cost little more than few. So
    without a number, batches grow there to what would take half of the memory, judged by what the last one took.
    Everywhere, one that did not fit is halved, and none is larger from then on.

    Args:
        asked: a number of rows that is not exceeded; None: by memory.

    Attributes:
        rows: of the next batch.
        most: known not to be exceeded; None while nothing is known.
    """

    def __init__(self, asked: int | None) -> None:
        self.rows = asked or FIRST
        self.most = asked

    def replies(
        self, questions: Sequence[Question], run: Callable[[Sequence[Question]], list[Reply | str]]
    ) -> Iterator[Reply | str]:
        """Run over batches of the questions; a reply to each, in their order.

        Raises:
            NotAvailableError: memory does not suffice for one.
        """
        import torch

        start = 0
        while start < len(questions):
            part = questions[start : start + self.rows]
            before = within_reach()
            try:
                replies = run(part)
            except torch.OutOfMemoryError:
                replies = []
            # Here and not above: inside `except` the traceback still holds the batch's tensors.
            if not replies:
                self._halve(len(part))
                continue
            self._grow(len(part), before)
            yield from replies
            start += len(part)

    def _halve(self, rows: int) -> None:
        import torch

        if rows == 1:
            raise NotAvailableError("not enough memory for a single item: use a smaller model, or dtype=int4")
        self.rows = self.most = rows // 2
        if torch.cuda.is_available():
            torch.cuda.empty_cache()

    def _grow(self, rows: int, before: dict[int, tuple[int, int]]) -> None:
        """Take more at once where the last batch, of so many rows, left room."""
        # The peak may be older than this batch, which then took less: too small a batch is no error.
        took = {device: peak - before[device][0] for device, peak in peaks().items() if device in before}
        fits = [int(rows * SHARE * before[device][1] / bytes_) for device, bytes_ in took.items() if bytes_ > 0]
        if not fits:
            return
        limits = [*fits, rows * GROWTH, *([self.most] if self.most else [])]
        self.rows = max(self.rows, min(limits))


def within_reach() -> dict[int, tuple[int, int]]:
    """Of every GPU that torch has used: bytes that tensors take, and bytes that more could take."""
    found = {}
    for device, cuda in _gpus():
        taken = cuda.memory_allocated(device)
        free, _ = cuda.mem_get_info(device)
        found[device] = taken, free + cuda.memory_reserved(device) - taken
    return found


def peaks() -> dict[int, int]:
    """Of every GPU that torch has used: the most bytes that tensors took at once."""
    return {device: cuda.max_memory_allocated(device) for device, cuda in _gpus()}


def _gpus() -> list[tuple[int, Any]]:
    import torch

    cuda: Any = torch.cuda
    if not cuda.is_initialized():
        return []
    return [(device, cuda) for device in range(cuda.device_count())]
