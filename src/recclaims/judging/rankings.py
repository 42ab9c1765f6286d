"""What a run ranks: its recommenders with their features, its encoders, its recommenders; from stored cells alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from recclaims._model.arm import Arm
from recclaims._model.cell import Cell
from recclaims._model.claim import JUDGED
from recclaims._model.verdict import Verdict
from recclaims.engine.cell import CellResult
from recclaims.judging.case_result import CaseResult
from recclaims.judging.comparison import per_user
from recclaims.judging.ranks import LEVEL, Floats, Rank, ranked

#: Of more users, so many are drawn once for all arms: a comparison of all of them takes a second a pair.
USERS = 10_000
#: Verdicts of cases that say nothing of their arms: features that are empty, or know what is held out, rank nowhere.
_UNFIT = (Verdict.INADMISSIBLE, Verdict.NOT_RUN)

SYSTEMS, ENCODERS, RECOMMENDERS = "systems", "encoders", "recommenders"


@dataclass(frozen=True)
class Ranking:
    """Arms of one dataset, each with the ranks that it may have.

    Attributes:
        dataset: the dataset's name.
        ranked: "systems" (recommenders, each with some features), "encoders" (over recommenders), or "recommenders"
            (over encoders).
        over: what each of the ranked is averaged over; empty for systems.
        entries: recommender and encoder (either is None where it is averaged over, or not read) with their rank.
        metric: what they are ranked by.
        level: how often any of the ranks may be wrong.
    """

    dataset: str
    ranked: str
    over: tuple[str, ...]
    entries: tuple[tuple[str | None, str | None, Rank], ...]
    metric: str = JUDGED
    level: float = LEVEL


def rankings(judged: Sequence[CaseResult], results: Mapping[Cell, CellResult]) -> Iterator[Ranking]:
    """Yield the rankings of each dataset; those of fewer than two arms are none.

    Noise and twins have no rank: they are controls. Neither has an arm all of whose cases are inadmissible or were not
    run, nor a dataset that is the suite's own.

    Args:
        judged: every case's result.
        results: what came of the cells.
    """
    by_dataset: dict[str, dict[Arm, int]] = {}
    names: dict[str, str] = {}
    for result in judged:
        case = result.case
        if case.claim.planted or result.verdict in _UNFIT:
            continue
        names[case.dataset] = case.dataset_name
        arms = by_dataset.setdefault(case.dataset, {})
        for arm in case.arms:
            plain = Arm(arm.recommender, arm.features)
            if replace(arm, dataset=None) == plain and arm.dataset in (None, case.dataset):
                arms[plain] = max(arms.get(plain, 0), result.replicates)
    for dataset, replicates in by_dataset.items():
        values = {
            arm: _values([results[cell] for cell in arm.cells(dataset, n) if cell in results])
            for arm, n in replicates.items()
        }
        yield from _of_dataset(names[dataset], {arm: one for arm, one in values.items() if one.shape[1]})


def _values(cells: Sequence[CellResult]) -> Floats:
    if not cells:
        return np.empty((0, 0))
    values = per_user(cells, JUDGED)
    if len(values) > USERS:
        values = values[np.sort(np.random.default_rng(0).choice(len(values), USERS, replace=False))]
    return values


def _of_dataset(name: str, values: Mapping[Arm, Floats]) -> Iterator[Ranking]:
    def made(what: str, over: Sequence[str], rows: Mapping[tuple[str | None, str | None], Sequence[Arm]]) -> Ranking:
        ranks = ranked([[values[arm] for arm in blocks] for blocks in rows.values()])
        entries = ((*row, rank) for row, rank in zip(rows, ranks, strict=True))
        return Ranking(name, what, tuple(over), tuple(sorted(entries, key=lambda entry: -entry[2].mean)))

    if len(values) < 2:
        return
    yield made(SYSTEMS, (), {(arm.recommender, arm.features): [arm] for arm in values})
    recommenders, encoders = _crossed(values)
    if len(recommenders) < 2 or len(encoders) < 2:
        return  # they would say again what the systems say
    yield made(ENCODERS, recommenders, {(None, one): [Arm(r, one) for r in recommenders] for one in encoders})
    plain = [arm.recommender for arm in values if arm.features is None]
    rows: dict[tuple[str | None, str | None], Sequence[Arm]] = {
        (one, None): [Arm(one, encoder) for encoder in encoders] for one in recommenders
    }
    rows |= {(one, None): [Arm(one)] * len(encoders) for one in plain}
    yield made(RECOMMENDERS, encoders, rows)


def _crossed(arms: Mapping[Arm, Any]) -> tuple[list[str], list[str]]:
    """The recommenders that read the same encoders, and these: of several such groups the one with most arms."""
    read: dict[str, list[str]] = {}
    for arm in arms:
        if arm.features is not None:
            read.setdefault(arm.recommender, []).append(arm.features)
    groups: dict[frozenset[str], list[str]] = {}
    for recommender, encoders in read.items():
        groups.setdefault(frozenset(encoders), []).append(recommender)
    if not groups:
        return [], []
    recommenders = max(groups.items(), key=lambda group: len(group[0]) * len(group[1]))[1]
    return recommenders, read[recommenders[0]]
