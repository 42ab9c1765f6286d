"""The state of torch in which every task begins, whatever a plugin left behind in the process."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator

#: What torch's own generator starts from in a new process.
_FIRST_SEED = 67280421310721


@contextlib.contextmanager
def known_state() -> Iterator[None]:
    """Begin as in a new process, and give back the state that was found; torch is not imported for it."""
    torch = sys.modules.get("torch")
    if torch is None:
        try:
            yield
        finally:
            _begin()  # a task that loads torch may leave something, too
        return
    dtype, grad, random = torch.get_default_dtype(), torch.is_grad_enabled(), torch.get_rng_state()
    strict, warn = torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()
    cudnn = torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark
    _begin()
    try:
        yield
    finally:
        torch.set_default_dtype(dtype)
        torch.set_grad_enabled(grad)
        torch.use_deterministic_algorithms(strict, warn_only=warn)
        torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark = cudnn
        torch.set_rng_state(random)


def _begin() -> None:
    torch = sys.modules.get("torch")
    if torch is None:
        return
    torch.set_default_dtype(torch.float32)
    torch.set_grad_enabled(True)
    torch.use_deterministic_algorithms(False)
    torch.backends.cudnn.deterministic = torch.backends.cudnn.benchmark = False
    torch.manual_seed(_FIRST_SEED)
