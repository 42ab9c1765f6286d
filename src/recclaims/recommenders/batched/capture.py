"""A step of training that is played back by a GPU: launched once a step, not once a kernel."""

from __future__ import annotations

import gc
import logging
from collections.abc import Callable
from typing import Any

import torch

from recclaims.errors import one_line

logger = logging.getLogger("recclaims.gpu")

#: Steps before the capture: libraries choose their kernels and get their memory in the first ones.
WARM_UP = 3


class Step:
    """Calls a function; on a GPU, after WARM_UP calls, the kernels that it has launched are played back instead.

    The function is always the same. It has no arguments, reads and writes tensors that stay where they are, and never
    waits for the device. It is not kept here: a circle of references would keep the memory of what it trains.

    Args:
        device: where it computes.
        capture: whether to play back at all; a CPU never does.

    Attributes:
        captured: whether it is played back.
    """

    def __init__(self, device: torch.device, capture: bool = True) -> None:
        self._wanted = capture and device.type == "cuda"
        self._graph: torch.cuda.CUDAGraph | None = None
        self._calls = 0
        self._stream: Any = torch.cuda.Stream(device) if self._wanted else None  # type: ignore[no-untyped-call]

    @property
    def captured(self) -> bool:
        """See the class."""
        return self._graph is not None

    def __call__(self, function: Callable[[], None]) -> None:
        """Do one step."""
        if self._graph is not None:
            self._graph.replay()
        elif self._stream is None:
            function()
        elif self._calls < WARM_UP:
            self._calls += 1
            self._stream.wait_stream(torch.cuda.current_stream(self._stream.device))
            with torch.cuda.stream(self._stream):
                function()
            torch.cuda.current_stream(self._stream.device).wait_stream(self._stream)
        else:
            self._capture(function)
            self(function)

    def _capture(self, function: Callable[[], None]) -> None:
        """Record the kernels of one call, which does not execute them; where that fails, go on launching them."""
        stream = self._stream
        self._stream = None
        torch.cuda.synchronize(stream.device)
        graph = torch.cuda.CUDAGraph()
        collecting = gc.isenabled()
        gc.disable()  # what is freed during a capture may need a call that is forbidden then
        try:
            with torch.cuda.stream(stream):
                graph.capture_begin(capture_error_mode="thread_local")
                try:
                    function()
                finally:
                    graph.capture_end()
        except torch.OutOfMemoryError:
            raise
        except RuntimeError as error:
            logger.warning("steps are launched kernel by kernel because they cannot be captured: %s", one_line(error))
            torch.cuda.synchronize(stream.device)
            return
        finally:
            if collecting:
                gc.enable()
        self._graph = graph
