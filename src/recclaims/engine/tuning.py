"""Hyper-parameter search with Optuna: on validation alone, the same budget for every arm, and resumable.

A study is a sequence of trials, each decided by the seed and the trials before it. So nothing but the trials need
be kept: an interrupted study asks for the same ones again and finds those that were finished.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from recclaims.errors import CellError, RecclaimsError

if TYPE_CHECKING:
    import optuna

#: A trial's hyper-parameters -> its validation score, the higher the better.
Objective = Callable[[Mapping[str, Any]], float]


@dataclass(frozen=True)
class Search:
    """What is tuned, and how often it is tried.

    Attributes:
        recommenders: names of those that are tuned like this.
        sampler: "grid", in random order, or "tpe" (Bergstra et al., NeurIPS 2011).
        trials: the budget.
        space: by hyper-parameter, a list of values or a range {low, high, log}; whole numbers where both ends are.
    """

    recommenders: tuple[str, ...]
    sampler: str
    trials: int
    space: Mapping[str, Any]

    @classmethod
    def of(cls, table: Mapping[str, Any], where: str = "a search of a profile") -> Search:
        """Read a search from its table in a profile, or in the file that messages name.

        Raises:
            RecclaimsError: it does not say what it must, says more, or nothing can be drawn from its space.
        """
        try:
            search = cls(**{**table, "recommenders": tuple(table["recommenders"])})
        except (KeyError, TypeError) as error:
            raise RecclaimsError(f"{where} has unknown or missing entries: {error}") from error
        if search.sampler not in ("grid", "tpe"):
            raise RecclaimsError(f"{where}: unknown sampler '{search.sampler}'; known: grid, tpe")
        if not isinstance(search.trials, int) or search.trials < 1:
            raise RecclaimsError(f"{where}: trials is {search.trials!r}, which is not a whole number of 1 or more")
        if not isinstance(search.space, dict) or not search.space:
            raise RecclaimsError(f"{where}: space is not a table of hyper-parameters")
        for name, values in search.space.items():
            if not (_is_list(values) or (search.sampler == "tpe" and _is_range(values))):
                takes = "a list of values" if search.sampler == "grid" else "a list of values or {low, high, log}"
                raise RecclaimsError(f"{where}: space.{name} is {values!r}, which is not {takes}")
        return search

    def recipe(self) -> dict[str, Any]:
        """What a tuned cell depends on."""
        document = asdict(self)
        del document["recommenders"]
        return document


@dataclass(frozen=True)
class Tuned:
    """What came of a search.

    Attributes:
        parameters: those of the best trial; of equal ones, the first.
        trials: tried.
        failed: of those, without a score.
    """

    parameters: dict[str, Any]
    trials: int
    failed: int


def tune(search: Search, objective: Objective, seed: int) -> Tuned:
    """Try `search.trials` sets of hyper-parameters and return the best.

    Args:
        search: what is tried.
        objective: validation score of a set; raises CellError where training fails, which spends a trial.
        seed: decides the trials.

    Raises:
        CellError: no trial has a score.
    """
    import optuna

    optuna.logging.set_verbosity(optuna.logging.CRITICAL)  # a failed trial is counted, not shouted
    study = optuna.create_study(direction="maximize")
    reasons = []

    def run(trial: optuna.Trial) -> float:
        parameters = {name: _suggest(trial, name, values) for name, values in search.space.items()}
        try:
            score = objective(parameters)
        except CellError as error:
            reasons.append(str(error))
            raise
        return score  # NaN fails the trial

    for number in range(_budget(search)):
        # A sampler of its own for every trial, so that a resumed study draws what an undisturbed one does.
        study.sampler = _sampler(search, seed, number)
        study.optimize(run, n_trials=1, catch=CellError)
    finished = study.get_trials(deepcopy=False, states=[optuna.trial.TrialState.COMPLETE])
    n_trials = len(study.get_trials(deepcopy=False))
    if not finished:
        reason = reasons[-1] if reasons else "its validation score is not a number"
        raise CellError(f"none of {n_trials} trials could be trained; the last: {reason}")
    best = max(finished, key=lambda trial: trial.value or 0.0)  # of equal ones, the first
    return Tuned(dict(best.params), n_trials, n_trials - len(finished))


def _budget(search: Search) -> int:
    if search.sampler == "tpe":
        return search.trials
    return min(search.trials, math.prod(len(values) for values in search.space.values()))


def _sampler(search: Search, seed: int, number: int) -> optuna.samplers.BaseSampler:
    import optuna

    if search.sampler == "grid":
        return optuna.samplers.GridSampler(
            dict(search.space), seed=seed
        )  # which one is next, it knows by the trial's number
    return optuna.samplers.TPESampler(seed=seed * 100_003 + number)


def _is_list(values: object) -> bool:
    return isinstance(values, list) and bool(values)


def _is_range(values: object) -> bool:
    """Whether Optuna can draw from it: low below high, and beyond zero where it is drawn on a log scale."""
    if not isinstance(values, dict) or not {"low", "high"} <= set(values) <= {"low", "high", "log"}:
        return False
    low, high, log = values["low"], values["high"], values.get("log", False)
    if not all(_is_finite(end) for end in (low, high)):
        return False
    return isinstance(log, bool) and low < high and (low > 0 or not log)


def _is_finite(value: object) -> bool:
    """Whether it is a number that a float can be: Optuna draws whole numbers as floats, too."""
    try:
        return isinstance(value, int | float) and math.isfinite(value)
    except OverflowError:  # a whole number beyond the largest float
        return False


def _suggest(trial: optuna.Trial, name: str, values: Any) -> Any:
    if isinstance(values, list):
        return trial.suggest_categorical(name, values)
    low, high, log = values["low"], values["high"], values.get("log", False)
    if isinstance(low, int) and isinstance(high, int):
        return trial.suggest_int(name, low, high, log=log)
    return trial.suggest_float(name, low, high, log=log)
