"""Judge a case by its own cells alone: admissible or not, look by look, until one decides.

What other cases say, or whether there are any, changes nothing: a case reads its own replicates, from the first on,
and no further than the look that decides it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from recclaims._model.case import Case, Expectation
from recclaims._model.cell import Cell
from recclaims._model.claim import JUDGED
from recclaims._model.verdict import Judgement, Verdict
from recclaims.engine.cell import CellResult
from recclaims.engine.execute.executor import Failure
from recclaims.evaluation.metrics import PRIMARY
from recclaims.judging.assignment import PROBE, TRAINED
from recclaims.judging.case_result import CaseResult, Look
from recclaims.judging.comparison import compare, per_user
from recclaims.judging.estimate import Estimate, mean_of
from recclaims.judging.forecast import chance
from recclaims.judging.unread import why_alike
from recclaims.judging.unseen import below_lot
from recclaims.judging.verdict import Levels, judge, levels_of

#: What counts as silence where nothing was planted: content that is there shows as several times the control.
SILENT_MARGIN = 0.2


@dataclass(frozen=True)
class Evidence:
    """What a case is judged by.

    Attributes:
        results, failures: by cell, one or the other, or neither while it is not computed.
        looks: after how many replicates a case is looked at.
        features_fault: why a case's real features are inadmissible, or None.
        training_free: whether the case's recommender is a probe that may rank below popularity.
        fixed: how many users are left out of that many replicates of a case, as nothing could change their value.
        unranked: why a case's recommenders cannot rank what was held out, or None; nothing is trained for it.
        by_lot: the mean of PRIMARY in each of that many replicates of a case if a lot ranked, where popularity knows
            nothing of what was held out; None where it does.
        tested: how many users have a relevant test item in them, of whatever population.
    """

    results: Mapping[Cell, CellResult]
    failures: Mapping[Cell, Failure]
    looks: Callable[[Case], tuple[int, ...]]
    features_fault: Callable[[Case], str | None] = lambda _: None
    training_free: Callable[[Case], bool] = lambda _: False
    fixed: Callable[[Case, int], int] = lambda *_: 0
    tested: Callable[[Case, int], int] = lambda *_: 0
    unranked: Callable[[Case], str | None] = lambda _: None
    by_lot: Callable[[Case, int], NDArray[np.float64] | None] = lambda *_: None


def assess(case: Case, evidence: Evidence, before: CaseResult | None = None) -> CaseResult:
    """Judge a case as far as its cells are there.

    Args:
        case: what is judged.
        evidence: by what.
        before: what came of it by less of the same evidence: its looks stand, and only those that follow are taken.
    """
    planned = evidence.looks(case)
    unranked = evidence.unranked(case)
    if unranked:
        return CaseResult(case, Verdict.INADMISSIBLE, unranked, planned=planned)
    found = before if before and before.looks else None
    taken = len(found.looks) if found else 0
    for replicates, levels in list(zip(planned, levels_of(case.claim, planned), strict=True))[taken:]:
        cells = case.cells(replicates)
        failed = [evidence.failures[cell] for cell in cells if cell in evidence.failures]
        if failed:
            verdict = Verdict.NOT_RUN if all(failure.missing for failure in failed) else Verdict.INADMISSIBLE
            worst = next((failure for failure in failed if not failure.missing), failed[0])
            if verdict is Verdict.NOT_RUN and found is not None:
                # What was seen stands: the rest was not asked for, or is not there.
                return replace(found, over=True)
            return CaseResult(case, verdict, worst.reason, planned=planned)
        if not all(cell in evidence.results for cell in cells):
            break
        found = _look(case, replicates, levels, evidence, found)
        if found.over:
            return found
    return found or CaseResult(case, Verdict.INCONCLUSIVE, "not looked at yet", planned=planned, over=False)


def _look(case: Case, replicates: int, levels: Levels, evidence: Evidence, before: CaseResult | None) -> CaseResult:
    results, planned = evidence.results, evidence.looks(case)
    treatment = [results[cell] for cell in case.treatment_cells(replicates)]
    control = [results[cell] for cell in case.control_cells(replicates)]
    arms = treatment, control
    metric = case.claim.metric
    assignments = case.assignments(replicates)
    probe = evidence.training_free(case)
    prior = PROBE if probe else TRAINED

    def compared(what: str) -> Estimate:
        claim = case.claim
        of = (claim.population, claim.other_population)
        return compare(*arms, what, assignments, case.real_against_noise, prior, *of)

    estimate = compared(metric)
    beside = None if metric == PRIMARY else compared(PRIMARY)
    n_fixed = evidence.fixed(case, replicates)
    n_tested = evidence.tested(case, replicates)
    unread, shared = why_alike(case, *arms)
    by_lot = evidence.by_lot(case, replicates)
    if by_lot is None:
        below = _below_popularity(arms, [results[cell] for cell in case.popularity_cells(replicates)])
        useless = below is not None
    else:
        below, useless = below_lot([per_user(arm, PRIMARY) for arm in arms], by_lot)
    fault = (
        evidence.features_fault(case)
        or _nobody_to_compare(case, estimate, n_fixed)
        or unread
        or _finds_nothing(case, estimate)
        or (below if useless and not probe else None)
    )
    judgement = Judgement(Verdict.INADMISSIBLE, fault) if fault else _judge(case, estimate, levels)
    undecided = judgement.verdict is Verdict.INCONCLUSIVE
    plan = chance(estimate, case.claim) if undecided and case.expects is None else None
    told = _spoken_of(case, estimate, n_tested)
    flags = (shared, below, _left_out(case, n_fixed), _other_way(estimate, beside)) if not fault else ()
    looks = before.looks if before else ()
    looks += (Look(replicates, levels, estimate, judgement.verdict),)
    return CaseResult(
        case,
        judgement.verdict,
        "; ".join([judgement.reason, *([str(plan)] if plan else []), *filter(None, (told, *flags))]),
        estimate,
        looks,
        planned,
        beside,
        sum(result.seconds for arm in arms for result in arm),
        replicates,
        n_fixed,
        n_tested=n_tested,
        over=not undecided or len(looks) == len(planned),
        chance=plan,
    )


def _judge(case: Case, estimate: Estimate, levels: Levels) -> Judgement:
    if case.expects is not Expectation.NEGATIVE_CONTROL:
        return judge(estimate, case.claim, levels)
    judgement = judge(estimate, replace(case.claim, margin=SILENT_MARGIN), levels)
    if judgement.verdict is Verdict.INADMISSIBLE:
        return judgement
    said = {
        Verdict.SUPPORTED: (Verdict.CONTRADICTED, f"an effect where none was planted, {judgement.reason}"),
        Verdict.CONTRADICTED: (Verdict.CONTRADICTED, f"an effect where none was planted, {judgement.reason}"),
        Verdict.NO_DIFFERENCE: (Verdict.SUPPORTED, f"nothing was planted: {judgement.reason}"),
    }
    return Judgement(*said[judgement.verdict]) if judgement.verdict in said else judgement


def _nobody_to_compare(case: Case, estimate: Estimate, n_fixed: int) -> str | None:
    if estimate.n_users:
        return None
    if n_fixed:
        return f"no recommender could change any user's {case.claim.metric}: too few candidates"
    of = f" of the claim's population ({case.claim.spoken_of})" if case.claim.spoken_of else ""
    return f"no user{of} has a relevant test item in both arms"


def _spoken_of(case: Case, estimate: Estimate, n_tested: int) -> str | None:
    """How many users have a value where the claim is not about all items and users."""
    told = f"{estimate.n_users:,} of {n_tested:,} users tested on {case.claim.spoken_of}"
    if case.claim.other_population and math.isfinite(estimate.log_ratio):
        on, other = (f"{100 * (ratio - 1):+.1f} %" for ratio in (estimate.treatment_mean, estimate.control_mean))
        told += f": {on} against {other}"
    return told if case.claim.spoken_of and estimate.n_users else None


def _left_out(case: Case, n_fixed: int) -> str | None:
    """What to say where users have so few candidates that their value stands before anything is recommended."""
    users = "1 user" if n_fixed == 1 else f"{n_fixed:,} users"
    return f"{users} left out, because no recommender could change their {case.claim.metric}" if n_fixed else None


def _other_way(estimate: Estimate, beside: Estimate | None) -> str | None:
    """What to say where the metric that is reported beside has an effect to the other side."""
    if beside is None or not (estimate.effect * beside.effect < 0):
        return None
    return f"{PRIMARY} says {100 * beside.relative:+.1f} %"


def _finds_nothing(case: Case, estimate: Estimate) -> str | None:
    """Why a mean of exactly zero is a failure: scores that say nothing look like an effect of -100 %."""
    if math.isnan(estimate.log_ratio) and case.claim.other_population:
        return (
            f"an arm finds nothing for any user of a replicate on {case.claim.spoken_of}: there is no ratio to compare"
        )
    if math.isnan(estimate.log_ratio):
        found = f"neither arm finds anything for any user ({case.claim.metric} is 0): there is nothing to compare"
        if case.claim.items is None or "@" not in case.claim.metric:
            return found
        # They compete with the whole catalogue for so many places.
        return f"{found}; ask for {JUDGED}, which has no cut-off, or rank new items by themselves, on data?split=cold"
    if math.isinf(estimate.log_ratio):
        arm = case.control if estimate.log_ratio > 0 else case.treatment
        return f"{arm} finds nothing for any user of a replicate ({case.claim.metric} is 0): a failure, not an effect"
    return None


def _below_popularity(arms: Sequence[Sequence[CellResult]], popularity: Sequence[CellResult]) -> str | None:
    floor = mean_of(per_user(popularity, PRIMARY))
    means = [mean_of(per_user(arm, PRIMARY)) for arm in arms]
    if all(mean < floor for mean in means):
        return f"both arms ({means[0]:.4f}, {means[1]:.4f}) rank below popularity ({floor:.4f} {PRIMARY})"
    return None
