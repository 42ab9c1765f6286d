"""Judge every case of a run: admissible or not, adjusted within its family, with a verdict and its reason."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np

from recclaims.engine.cell import Cell, CellResult
from recclaims.engine.execute.executor import Failure
from recclaims.evaluation.ranking import PRIMARY
from recclaims.judging.case_result import CaseResult
from recclaims.judging.comparison import Comparison, compare, mean_of, per_user
from recclaims.judging.control_checks import silent, withdraw
from recclaims.judging.statistics import holm
from recclaims.judging.unread import why_alike
from recclaims.judging.verdict import Judgement, Verdict, judge
from recclaims.planning.case import Case, Expectation


def assess(
    cases: Iterable[Case],
    seeds: int,
    results: Mapping[Cell, CellResult],
    failures: Mapping[Cell, Failure],
    features_fault: Callable[[Case], str | None],
    training_free: Callable[[Case], bool],
    fixed: Callable[[Case], int] = lambda _: 0,
) -> dict[Case, CaseResult]:
    """Judge all cases. Holm's family is every admissible case of one claim on one dataset in this run.

    Controls of the suite may then withdraw verdicts, see control_checks.

    Args:
        cases: what to judge.
        seeds: replicates per arm.
        results, failures: what the runner brought.
        features_fault: why a case's real features are inadmissible, or None.
        training_free: whether the case's recommender is a probe that may rank below popularity.
        fixed: how many users' values are left out of a case's cells, as no recommender could change them.
    """
    judged: dict[Case, CaseResult] = {}
    families: dict[tuple[str, str], dict[Case, Comparison]] = defaultdict(dict)
    flags: dict[Case, str] = {}
    left_out: dict[Case, int] = {}
    for case in cases:
        failed = [failures[cell] for cell in case.cells(seeds) if cell in failures]
        if failed:
            verdict = Verdict.NOT_RUN if all(failure.missing for failure in failed) else Verdict.INADMISSIBLE
            worst = next((failure for failure in failed if not failure.missing), failed[0])
            judged[case] = CaseResult(case, verdict, worst.reason)
            continue
        fault = features_fault(case)
        arms = [[results[cell] for cell in cells] for cells in (case.treatment_cells(seeds), case.control_cells(seeds))]
        comparison = compare(arms[0], arms[1], case.claim.metric, case.dealt)
        below = _below_popularity(arms, [results[cell] for cell in case.popularity_cells(seeds)])
        n_fixed = fixed(case)
        if not np.isfinite(comparison.estimate.effect):
            fault = f"no recommender could change anybody's {case.claim.metric}: there are too few candidates"
            fault = fault if n_fixed else "no user has a relevant test item in both arms"
        unread, shared = why_alike(case, *arms)
        fault = fault or unread or _finds_nothing(case, comparison, training_free(case))
        if below and not training_free(case):
            fault = fault or below
        if fault:
            judged[case] = CaseResult(case, Verdict.INADMISSIBLE, fault, comparison, n_seeds=seeds, n_fixed=n_fixed)
        else:
            families[case.claim.id, case.dataset][case] = comparison
            flags[case] = "".join(f"; {flag}" for flag in (shared, below, _left_out(case, n_fixed)) if flag)
            left_out[case] = n_fixed
    for family in families.values():
        adjusted = holm([comparison.estimate.p_value for comparison in family.values()])
        for (case, comparison), p in zip(family.items(), adjusted, strict=True):
            judgement = _judge(case, comparison, float(p))
            seconds = sum(results[cell].seconds for cell in case.treatment_cells(seeds) + case.control_cells(seeds))
            reason = judgement.reason + flags[case]
            judged[case] = CaseResult(
                case, judgement.verdict, reason, comparison, float(p), seconds, seeds, left_out[case]
            )
    return withdraw(judged)


def _judge(case: Case, comparison: Comparison, p_adjusted: float) -> Judgement:
    claim = case.claim
    judgement = judge(
        comparison.estimate,
        p_adjusted,
        comparison.control_mean,
        margin=claim.margin,
        direction=claim.direction,
        equivalence=claim.equivalence,
    )
    return silent(judgement) if case.expects is Expectation.SILENT else judgement


def _left_out(case: Case, n_fixed: int) -> str | None:
    """What to say where users have so few candidates that their value stands before anything is recommended."""
    users = "1 user is" if n_fixed == 1 else f"{n_fixed:,} users are"
    return f"{users} left out, whose {case.claim.metric} no recommender could change" if n_fixed else None


def _finds_nothing(case: Case, comparison: Comparison, training_free: bool) -> str | None:
    """Why a mean of exactly zero is a failure: scores that say nothing look like an effect of -100 %."""
    zero = [mean == 0 for mean in (comparison.treatment_mean, comparison.control_mean)]
    if all(zero):
        return f"neither arm finds anything for any user ({case.claim.metric} is 0): nothing can differ"
    if any(zero) and not training_free:
        arm = case.treatment if zero[0] else case.control
        return f"{arm} finds nothing for any user ({case.claim.metric} is 0): a failure, not an effect"
    return None


def _below_popularity(arms: Sequence[Sequence[CellResult]], popularity: Sequence[CellResult]) -> str | None:
    floor = mean_of(per_user(popularity, PRIMARY))
    means = [mean_of(per_user(arm, PRIMARY)) for arm in arms]
    if all(mean < floor for mean in means):
        return f"both arms ({means[0]:.4f}, {means[1]:.4f}) rank below popularity ({floor:.4f} {PRIMARY})"
    return None
