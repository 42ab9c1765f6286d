"""Whether code that comes with a checkpoint may run: not unless the user says so, and then for that run alone."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar

#: Code from a model's repository is a program like any other: it can read and send whatever you can.
_GIVEN = ContextVar("_GIVEN", default=False)


def is_given() -> bool:
    """Whether such code may run here and now."""
    return _GIVEN.get()


@contextlib.contextmanager
def given(trust: bool) -> Iterator[None]:
    """Let what is called meanwhile trust such code, or not; nothing of it stays."""
    before = _GIVEN.set(trust)
    try:
        yield
    finally:
        _GIVEN.reset(before)
