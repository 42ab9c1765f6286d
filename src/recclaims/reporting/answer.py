"""What a run leaves open: the cases that were not decided, with what would decide them, and those that did not run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from recclaims._model.verdict import Verdict
from recclaims.engine.profile import Profile, profile_names
from recclaims.judging.forecast import LIKELY
from recclaims.reporting.words import counted

if TYPE_CHECKING:
    from recclaims._model.case_result import ClaimResult
    from recclaims._model.results import ResultsDocument

#: From so many cases on, a list counts them; the page has a row for each.
_NAMED = 3
#: Of more undecided cases than these, a list counts all.
_NAMED_IN_ALL = 6
#: Budgets that are proposed, in minutes.
_BUDGETS = {10: "10m", 30: "30m", 60: "1h", 120: "2h", 240: "4h"}
_LONGEST = "8h"


@dataclass(frozen=True)
class Plan:
    """Undecided cases of which the same is expected.

    Attributes:
        cases: the cases.
        replicates: how many would decide them, or are the most that were tried; None: nothing is known.
        likely: whether they probably would.
    """

    cases: Sequence[ClaimResult]
    replicates: int | None
    likely: bool


def plans(document: ResultsDocument) -> list[Plan]:
    """The undecided cases: first those that are decided soonest, then unlikely ones, then those without a forecast."""
    found: dict[tuple[bool, int | None], list[ClaimResult]] = {}
    for case in document.claims:
        if case.verdict is Verdict.INCONCLUSIVE:
            likely = case.chance is not None and (case.chance.probability or 0) >= LIKELY
            found.setdefault((likely, case.chance.replicates if case.chance else None), []).append(case)
    keys = sorted(found, key=lambda key: (not key[0], key[1] is None, key[1] or 0))
    return [Plan(found[key], key[1], key[0]) for key in keys]


def undecided(found: Sequence[Plan], named: bool = False) -> list[str]:
    """What would decide the cases of these plans, a phrase for each prospect.

    Args:
        found: the plans.
        named: name every case, however many there are.
    """
    if not named and sum(len(plan.cases) for plan in found) > _NAMED_IN_ALL:
        return [_numbers(found)]
    told: dict[str, list[str]] = {}
    for plan in found:
        what = "probably decided by" if plan.likely else "hardly even by" if plan.replicates else "no forecast for"
        how = f"{counted(plan.replicates, 'replicate')}: " if plan.replicates else ""
        few = named or len(plan.cases) < _NAMED
        names = ", ".join(case.case for case in plan.cases) if few else counted(len(plan.cases), "case")
        told.setdefault(what, []).append(how + names)
    return [f"{what} {'; '.join(some)}" for what, some in told.items()]


def _numbers(found: Sequence[Plan]) -> str:
    """How many of the cases have which prospect."""
    told: dict[str, list[str]] = {}
    for plan in found:
        number = len(plan.cases)
        if plan.replicates is None:
            told.setdefault("no forecast", []).append(str(number))
            continue
        unit = "" if told else " replicates"
        what = "probably decided" if plan.likely else "hardly"
        told.setdefault(what, []).append(f"{number} by {plan.replicates}{unit}")
    return "; ".join(f"{what}: {', '.join(some)}" for what, some in told.items())


def more_replicates(document: ResultsDocument) -> list[str]:
    """The option that gives undecided cases their replicates; empty where no more would help."""
    open_cases = [case for plan in plans(document) if plan.likely for case in plan.cases if case.chance]
    if not open_cases:
        return []
    fixed = all(len(case.planned) == 1 and case.planned[0] == document.seeds for case in open_cases)
    most = Profile.named(document.profile).budget_looks[-1] if document.profile in profile_names() else 0
    if fixed and most <= document.seeds:
        wanted = max(case.chance.replicates for case in open_cases if case.chance)
        return ["--claims-seeds", str(wanted)]
    minutes = sum(case.chance.minutes or 0 for case in open_cases if case.chance)
    return ["--claims-budget", next((text for most, text in _BUDGETS.items() if minutes <= most), _LONGEST)]


def not_run(document: ResultsDocument) -> Iterator[tuple[str, list[ClaimResult]]]:
    """Why cases did not run, and which; a reason says what to install or to type."""
    found: dict[str, list[ClaimResult]] = {}
    for case in document.claims:
        if case.verdict is Verdict.NOT_RUN:
            found.setdefault(case.reason, []).append(case)
    yield from found.items()
