"""From the results of several runs to one answer per question, over all data sets that it was asked of."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import scipy

from recclaims._model.case_result import ClaimResult
from recclaims._model.claim import Claim
from recclaims._model.results import ClaimStatement, ResultsDocument
from recclaims._model.verdict import Judgement, Verdict
from recclaims.errors import RecclaimsError
from recclaims.judging.components import VarianceComponents
from recclaims.judging.estimate import SHOWN, Estimate
from recclaims.judging.verdict import EQUIVALENCE_LEVEL, Levels, judge
from recclaims.pooling.random_effects import Pooled, pool

#: From so many data sets on a claim is judged in general; with fewer, a mean over data sets says too little.
ENOUGH = 6


@dataclass(frozen=True)
class Part:
    """A question's answer on one data set.

    Attributes:
        dataset: its name.
        case: what results.json holds of it.
        effect, error: log ratio of the arms, and its standard error.
    """

    dataset: str
    case: ClaimResult
    effect: float
    error: float


@dataclass(frozen=True)
class Question:
    """A claim of one recommender, treatment and control, on several data sets.

    Attributes:
        claim, recommender, treatment, control, metric: as in results.json.
        parts: one per data set that has an effect.
        left_out: data sets without one, and why.
        pooled: what they say together; None with fewer than two.
        general: the verdict over data sets like these; inconclusive below ENOUGH.
    """

    claim: str
    recommender: str
    treatment: str
    control: str
    metric: str
    parts: tuple[Part, ...]
    left_out: Mapping[str, str]
    pooled: Pooled | None
    general: Judgement

    @property
    def name(self) -> str:
        """Recommender, treatment and control, as in a case's name."""
        return f"{self.recommender}-{self.treatment}-{self.control}"


def pool_documents(documents: Mapping[str, ResultsDocument]) -> list[Question]:
    """Pool the cases that were asked of several data sets.

    Args:
        documents: results by the names of their files.

    Raises:
        RecclaimsError: two results are not comparable, hold the same data set, or there are no two data sets.
    """
    _check_data_sets(documents)
    _check_claims(documents)
    found: dict[tuple[str, str, str, str], list[ClaimResult]] = {}
    statements: dict[str, ClaimStatement] = {}
    for document in documents.values():
        for case in document.claims:
            said = document.said_of(case.claim)
            if said.planted:
                continue  # about the suite itself, on data of its own
            statements.setdefault(case.claim, said)
            found.setdefault((case.claim, case.recommender, case.treatment, case.control), []).append(case)
    asked = [cases for cases in found.values() if len({case.dataset for case in cases}) > 1]
    if not asked:
        raise RecclaimsError("no case was run on two data sets: pool results of several --claims-data")
    return [_question(cases, statements[cases[0].claim]) for cases in asked]


def _check_data_sets(documents: Mapping[str, ResultsDocument]) -> None:
    """One data set counts once: twice in a pool it would look like two that agree."""
    seen: dict[str, str] = {}
    cards: dict[tuple[object, ...], tuple[str, str]] = {}
    for file, document in documents.items():
        if document.schema_version < 2:
            raise RecclaimsError(f"{file}: results of schema 1 have no log ratios to pool; run that suite again")
        for name in dict.fromkeys(case.dataset for case in document.claims):
            if name in seen:
                raise RecclaimsError(f"{file}: {name} is in {seen[name]} too; a data set counts once")
            seen[name] = file
        for card in document.datasets:
            same = (card.users, card.items, card.interactions, repr(sorted(card.parameters.items())))
            name, where = cards.setdefault(same, (card.dataset, file))
            if name != card.dataset:
                raise RecclaimsError(
                    f"{file}: {card.dataset} has as many users, items and interactions as {name} in {where}: "
                    f"a data set counts once"
                )


def _check_claims(documents: Mapping[str, ResultsDocument]) -> None:
    """Claims of one name have to ask the same."""
    first: dict[str, tuple[str, dict[str, object]]] = {}
    for file, document in documents.items():
        for case in document.claims:
            said = document.said_of(case.claim)
            asked: dict[str, object] = {
                "version": case.version,
                "metric": case.metric,
                "margin": case.margin,
                "threshold": case.threshold,
                "mask": document.mask,
                "direction": said.direction,
            }
            where, before = first.setdefault(case.claim, (file, asked))
            for key, value in asked.items():
                if value != before[key]:
                    raise RecclaimsError(
                        f"{file}: the {key} of claim '{case.claim}' is {value}, in {where} it is {before[key]}: "
                        f"not comparable"
                    )


def _question(cases: Sequence[ClaimResult], said: ClaimStatement) -> Question:
    one = cases[0]
    left_out = {case.dataset: reason for case in cases if (reason := _unusable(case))}
    parts = tuple(sorted((_part(case) for case in cases if case.dataset not in left_out), key=lambda p: p.dataset))
    pooled = pool([part.effect for part in parts], [part.error for part in parts]) if len(parts) > 1 else None
    return Question(
        one.claim,
        one.recommender,
        one.treatment,
        one.control,
        one.metric,
        parts,
        left_out,
        pooled,
        _in_general(pooled, len(parts), one, said),
    )


def _unusable(case: ClaimResult) -> str:
    """Why a case has no effect that could be pooled; empty where it has."""
    if case.verdict in (Verdict.INADMISSIBLE, Verdict.NOT_RUN):
        return f"{case.verdict}: {case.reason}"
    if _log_limits(case) is None:
        return "its effect has no finite interval"
    return ""


def _log_limits(case: ClaimResult) -> tuple[float, float, float] | None:
    """Log ratio and limits of its 95 % interval."""
    mean, (low, high) = case.control_mean, case.ci
    if case.relative_effect is None or not mean or low is None or high is None:
        return None
    values = (case.relative_effect, low / mean, high / mean)
    if min(values) <= -1 or not high > low:
        return None
    effect, lower, upper = map(math.log1p, values)
    return effect, lower, upper


def _part(case: ClaimResult) -> Part:
    limits = _log_limits(case)
    assert limits is not None  # noqa: S101 - what has none is left out
    effect, low, high = limits
    # The interval's tails are heavier than a normal's, and it allows for several looks: the normal that has the same
    # interval errs to the safe side.
    return Part(case.dataset, case, effect, (high - low) / 2 / float(scipy.special.ndtri((1 + SHOWN) / 2)))


def _in_general(pooled: Pooled | None, count: int, case: ClaimResult, said: ClaimStatement) -> Judgement:
    if pooled is None or count < ENOUGH:
        return Judgement(Verdict.INCONCLUSIVE, f"{count} data sets; judged in general from {ENOUGH} on")
    asked = _asked(case, said)
    if asked is None:
        return Judgement(Verdict.INCONCLUSIVE, "the results do not say to which side the threshold is")
    nothing = VarianceComponents(math.nan, math.nan, math.nan)
    estimate = Estimate(math.nan, math.nan, pooled.mean, pooled.distribution, 0, count, nothing)
    return judge(estimate, asked, Levels(asked.level, EQUIVALENCE_LEVEL))


def _asked(case: ClaimResult, said: ClaimStatement) -> Claim | None:
    """The claim as the document says it, judged at the usual level; None where a threshold's side is not told."""
    least, worse, better = said.at_least, said.not_worse_than, said.not_better_than
    if case.threshold is not None and (least, worse, better) == (None, None, None):
        return None
    return Claim(
        case.claim,
        case.version,
        said.statement,
        said.source,
        (case.control,),
        direction="less" if said.direction == "less" else "greater",
        equivalence=said.equivalence,
        at_least=least or 0.0,
        not_worse_than=worse,
        not_better_than=better,
        margin=case.margin,
        metric=case.metric,
    )
