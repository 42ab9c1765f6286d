"""How far a run is: a bar per stage with its ETA on a terminal, a line a minute on a log."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

from recclaims.engine.run_cells import Progress


@contextlib.contextmanager
def bars() -> Iterator[Callable[[Progress], None]]:
    """Show the bars while this is open, and give what advances them; they are gone afterwards."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )
    from rich.progress import Progress as Bars
    from rich.table import Column

    rest = Column(ratio=1, no_wrap=True, overflow="ellipsis")  # what is left of the line
    with Bars(
        TextColumn("recclaims {task.description}"),
        BarColumn(bar_width=20),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("ETA"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[what]}", style="dim", table_column=rest),
        console=Console(stderr=True),
        expand=True,
        transient=True,
    ) as shown:
        stages: dict[str, Any] = {}

        def tell(progress: Progress) -> None:
            if progress.stage not in stages:
                stages[progress.stage] = shown.add_task(progress.stage, total=progress.total, what="")
            shown.update(stages[progress.stage], total=progress.total, advance=progress.advance, what=progress.what)

        yield tell


#: Seconds between two lines of a log.
EVERY = 60.0


class LogLines:
    """Says now and then how far each stage is: for a log, in which a bar that moves would be thousands of lines.

    Args:
        write: takes a line.
        clock: seconds since some time.
    """

    def __init__(self, write: Callable[[str], None], clock: Callable[[], float] = time.monotonic) -> None:
        self._write, self._clock = write, clock
        self._said = self._clock()
        self._stages: dict[str, tuple[float, int]] = {}

    def __call__(self, progress: Progress) -> None:
        """Take note of what is done, and write a line where the last one is old."""
        now = self._clock()
        begun, done = self._stages.get(progress.stage, (now, 0))
        done += progress.advance
        self._stages[progress.stage] = begun, done
        if now - self._said < EVERY:
            return
        self._said = now
        spent = now - begun
        left = f", about {_minutes(spent / done * (progress.total - done))} left" if done and spent else ""
        self._write(f"recclaims {progress.stage}: {done:,} of {progress.total:,} after {_minutes(spent)}{left}")


def _minutes(seconds: float) -> str:
    """A time as hours, minutes and seconds."""
    return str(timedelta(seconds=round(seconds)))
