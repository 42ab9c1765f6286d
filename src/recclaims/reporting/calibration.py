"""The tables of `recclaims calibrate`, as Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tabulate import tabulate

from recclaims.calibration.rules import RULES

if TYPE_CHECKING:
    from recclaims.calibration.calibrate import NullRow, Plan, PowerRow, Rate


def render(plan: Plan, null: Sequence[NullRow], power: Sequence[PowerRow]) -> str:
    """Both tables with a line on what they are made of."""
    study = plan.study
    subject = f"{study.recommender} on {study.features} against {study.control}, {study.users:,} users"
    nothing = (
        f"**Nothing to find.** {subject}; dose 0. False positives: {plan.studies:,} datasets. Coverage: "
        f"{plan.studies:,} samples of users of one dataset. Shares with their 95 % intervals (Clopper-Pearson)."
    )
    something = (
        f"**Something to find.** {subject}; {plan.powered:,} samples of users of one dataset for each dose: "
        f"how often {RULES[0].name} called it supported, in per cent."
    )
    return "\n\n".join([nothing, _null_table(null), something, _power_table(power)])


def _null_table(rows: Sequence[NullRow]) -> str:
    cells = [
        [
            row.rule,
            row.replicates,
            _percent(row.gain),
            _percent(row.loss),
            _percent(row.coverage),
            "" if row.width != row.width else f"{100 * row.width:.0f}",
        ]
        for row in rows
    ]
    headers = ["rule", "replicates", "supported, %", "contradicted, %", "coverage, %", "half-width, % of control"]
    return tabulate(cells, headers, tablefmt="pipe", disable_numparse=True)


def _power_table(rows: Sequence[PowerRow]) -> str:
    keys = list(rows[0].found)
    headers = ["dose", "effect, %", *(f"{users:,} users, {count} replicates" for users, count in keys)]
    cells = [[f"{row.dose:g}", f"{100 * row.effect:+.0f}", *(_percent(row.found[key]) for key in keys)] for row in rows]
    return tabulate(cells, headers, tablefmt="pipe", disable_numparse=True)


def _percent(rate: Rate) -> str:
    if not rate.total:
        return ""
    low, high = rate.interval
    return f"{100 * rate.share:.1f} [{100 * low:.1f}, {100 * high:.1f}]"
