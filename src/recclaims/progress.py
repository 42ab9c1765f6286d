"""A bar per stage of a run, with its ETA, on a terminal."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
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
            shown.update(stages[progress.stage], advance=progress.advance, what=progress.what)

        yield tell
