"""A cell as it lies in the store: checked when it is found, its values read when they are asked for.

The values of all users in all cells of a run are more than a machine need hold: 40 cells of 300,000 users are 0.6 GB.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from recclaims.engine.cell import Cell, CellResult
from recclaims.errors import StoreError
from recclaims.evaluation.ranking import METRICS

if TYPE_CHECKING:
    from recclaims.store import Artefact

#: By how much a sum of discounts may be above the same one, summed up in another order.
ROUNDING = 1e-9
TABLE, FACTS = "per_user", "facts"


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < math.inf


def _is_count(value: object) -> bool:
    return isinstance(value, int) and _is_number(value)


def _is_text(value: object) -> bool:
    return isinstance(value, str)


#: What a cell says of itself, each with what it must be; None is as good where it is among the second.
_MUST: Mapping[str, Callable[[object], bool]] = {
    "epochs": _is_count, "best_epoch": _is_count, "trials": _is_count, "seconds": _is_number, "peak_mb": _is_number,
    "tuned": lambda value: isinstance(value, dict), "scores": _is_text,
}  # fmt: skip
_MAY: Mapping[str, Callable[[object], bool]] = {"valid_score": _is_number, "content": _is_text, "derived": _is_text}


class StoredValues(Mapping[str, NDArray[np.float64]]):
    """By metric, the values of all users, read from the store each time.

    Args:
        artefact: where they lie.
        fixed: by metric, whose values say nothing and become NaN, bool (n_users,).
    """

    def __init__(self, artefact: Artefact, fixed: Mapping[str, NDArray[np.bool_]]) -> None:
        self._artefact = artefact
        # Kept by all cells of a replicate, and most often of nobody.
        self._fixed = {metric: np.flatnonzero(users) for metric, users in fixed.items() if users.any()}

    def __getitem__(self, metric: str) -> NDArray[np.float64]:
        if metric not in METRICS:
            raise KeyError(metric)
        values: NDArray[np.float64] = np.array(self._artefact.array(TABLE)[METRICS.index(metric)])
        values[self._fixed.get(metric, [])] = np.nan
        return values

    def __iter__(self) -> Iterator[str]:
        return iter(METRICS)

    def __len__(self) -> int:
        return len(METRICS)


def read_cell(
    cell: Cell,
    artefact: Artefact,
    scored: NDArray[np.bool_],
    fixed: Mapping[str, NDArray[np.bool_]],
    fresh: bool = False,
) -> CellResult:
    """The result of a cell.

    Args:
        cell: its coordinates.
        artefact: what the store has.
        scored: who has a relevant test item, bool (n_users,): they have values, and nobody else has.
        fixed: see StoredValues.
        fresh: whether it was computed just now.

    Raises:
        StoreError: it is not what a cell's result is: a metric beyond 0 to 1, arrays of another length, other facts.
    """
    facts: Any = artefact.json(FACTS)
    for names, may in ((_MUST, False), (_MAY, True)):
        for name, fits in names.items():
            value = facts.get(name, math.nan) if isinstance(facts, dict) else math.nan
            if not (fits(value) or (may and value is None)):
                raise StoreError(f"{artefact.path}: does not hold what a cell's result holds: its fact '{name}'")
    _check(artefact, scored)
    return CellResult(
        cell=cell,
        key=artefact.key,
        per_user=StoredValues(artefact, fixed),
        **{name: facts[name] for name in (*_MUST, *_MAY)},
        fresh=fresh,
    )


def _check(artefact: Artefact, scored: NDArray[np.bool_]) -> None:
    where = f"{artefact.path}: does not hold what a cell's result holds"
    table = artefact.array(TABLE)
    if table.dtype != np.float64 or table.shape != (len(METRICS), len(scored)):
        raise StoreError(
            f"{where}: values of shape {table.shape} and type {table.dtype}, not {(len(METRICS), len(scored))}, float64"
        )
    for metric, values in zip(METRICS, table, strict=True):
        if (np.isnan(values) == scored).any():
            raise StoreError(f"{where}: a {metric} for other users than those who have a relevant test item")
        beyond = values[(values < 0) | (values > 1 + ROUNDING)]
        if beyond.size:
            raise StoreError(f"{where}: a {metric} of {beyond[0]:g}")
