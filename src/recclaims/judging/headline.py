"""What a run says of each recommender in one line: does it use these features, on this data?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from recclaims._model.case import CONFIRMATORY_NOISE, CONFIRMATORY_TWIN
from recclaims._model.claim import Claim
from recclaims._model.verdict import Verdict
from recclaims.judging.case_result import CaseResult

#: The controls that decide a question: the same features of other items, and none at all; in words.
_OVER = {CONFIRMATORY_NOISE: "over other items' features", CONFIRMATORY_TWIN: "over its own twin"}


@dataclass(frozen=True)
class Headline:
    """The answer to one question, from the cases that ask it.

    Attributes:
        dataset, recommender, features: what is asked about.
        sentence: the answer.
        effect, ci: relative, over other items' features or else over the twin; None where neither was compared.
        replicates: of that comparison.
        stopped: whether it was decided before its last look.
    """

    dataset: str
    recommender: str
    features: str
    sentence: str
    effect: float | None
    ci: tuple[float, float] | None
    replicates: int
    stopped: bool


def headlines(results: Iterable[CaseResult]) -> list[Headline]:
    """One for each recommender, features and dataset that was compared with permuted features or with its twin."""
    questions: dict[tuple[str, str, str], dict[str, CaseResult]] = {}
    for result in results:
        case = result.case
        arm = case.arms[0]
        real = arm.features is not None and arm.noise is None and arm.imputation is None
        if case.expects is None and real and case.control in _OVER and _asks(case.claim):
            key = case.dataset_name, case.recommender, case.treatment
            questions.setdefault(key, {}).setdefault(case.control, result)
    return [_headline(*key, found) for key, found in questions.items()]


def _asks(claim: Claim) -> bool:
    """Whether a claim asks if features are used, and no more: not of some items alone, nor by how much."""
    return not (claim.thresholds or claim.spoken_of or claim.direction == "less")


def _headline(dataset: str, recommender: str, features: str, found: Mapping[str, CaseResult]) -> Headline:
    parts = [f"{_effect(found[control])} {over}" for control, over in _OVER.items() if control in found]
    compared = [found[control] for control in _OVER if control in found and found[control].estimate]
    lead = compared[0] if compared else None
    estimate = lead.estimate if lead else None
    verb = _verb(*(found[control].verdict if control in found else None for control in _OVER))
    return Headline(
        dataset,
        recommender,
        features,
        f"{recommender} {verb} {features} on {dataset}: {'; '.join(parts)}",
        estimate.relative if estimate else None,
        estimate.interval(lead.shown) if lead and estimate else None,
        lead.replicates if lead else 0,
        bool(lead and lead.over and len(lead.looks) < len(lead.planned)),
    )


def _verb(others: Verdict | None, none: Verdict | None) -> str:
    """What the comparisons with other items' features and with none come to together."""
    said = {others, none}
    if said & {Verdict.INADMISSIBLE, Verdict.NOT_RUN}:
        return "was not judged with"
    if Verdict.CONTRADICTED in said:
        return (
            "is better without than with" if none is Verdict.CONTRADICTED else "is better with other items' than with"
        )
    if Verdict.SUPPORTED not in said:
        return "may or may not use" if Verdict.INCONCLUSIVE in said else "makes no use of"
    # One of the two is supported: what does the other say?
    if others is Verdict.SUPPORTED:
        return {
            Verdict.NO_DIFFERENCE: "reads, but gains nothing from,",
            Verdict.INCONCLUSIVE: "reads",
        }.get(none or Verdict.SUPPORTED, "uses")
    return {
        Verdict.NO_DIFFERENCE: "gains as much from other items' features as from",
        Verdict.INCONCLUSIVE: "gains with",
    }.get(others or Verdict.SUPPORTED, "uses")


def _effect(result: CaseResult) -> str:
    if result.estimate is None:
        return result.verdict.replace("_", " ")
    low, high = result.estimate.interval(result.shown)
    stated = f"{100 * result.estimate.relative:+.1f} % [{100 * low:+.1f}, {100 * high:+.1f}]"
    decided = result.verdict in (Verdict.SUPPORTED, Verdict.CONTRADICTED)
    return stated if decided else f"{stated} ({result.verdict.replace('_', ' ')})"
