"""The tables of `recclaims calibrate`, as Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tabulate import tabulate

from recclaims.calibration.rates import Rate

if TYPE_CHECKING:
    from recclaims.calibration.bank import Asked
    from recclaims.calibration.calibrate import Entry, Table


def render(asked: Asked, profile: str, studies: int, tables: Sequence[Table]) -> str:
    """Every table with its title, under a line on what they are made of."""
    subject = (
        f"{asked.recommender} on {asked.features}, {asked.data}, profile {profile}: {asked.assignments} assignments "
        f"x {asked.seeds} splits; {studies:,} studies of each kind. In brackets 95 % intervals."
    )
    parts = [subject]
    for table in tables:
        rows = [[_shown(cell) for cell in row] for row in table.rows]
        text = tabulate(rows, table.headers, tablefmt="pipe", disable_numparse=True)
        parts.append(f"**{table.title}**\n\n{text}")
    return "\n\n".join(parts)


def _shown(cell: Entry) -> str:
    if not isinstance(cell, Rate):
        return str(cell)
    if not cell.total:
        return ""
    low, high = cell.interval
    return f"{100 * cell.share:.1f} [{100 * low:.1f}, {100 * high:.1f}]"
