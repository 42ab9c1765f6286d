"""What polars says where it cannot write, as the OSError that everything else raises."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def as_os_error(path: Path) -> Iterator[None]:
    """Raise an OSError for what polars raises of its own while it writes a file: a disk that is full, for one."""
    import polars as pl

    try:
        yield
    except pl.exceptions.PolarsError as error:
        raise OSError(f"{path.name}: {next(iter(str(error).splitlines()), type(error).__name__)}") from error
