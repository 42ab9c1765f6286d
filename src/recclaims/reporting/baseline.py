"""Compare a run with an earlier one: what got worse, case by case."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from recclaims._model.case_result import ClaimResult
from recclaims._model.results import ClaimStatement, DatasetCard, ResultsDocument
from recclaims._model.verdict import Verdict
from recclaims.errors import RecclaimsError
from recclaims.reporting.outline import Outline
from recclaims.reporting.results import read
from recclaims.reporting.styles import STYLES
from recclaims.reporting.tables import effect

#: What stands for the verdict of a case that a document does not have.
ABSENT = "absent"


def chosen(path: str | None, update: bool) -> ResultsDocument | None:
    """The baseline to judge against: None where there is none, or where it is about to be written.

    Raises:
        RecclaimsError: it cannot be read, or no file is named to write.
    """
    if update and not path:
        raise RecclaimsError("--claims-update-baseline needs --claims-baseline FILE, the file to write")
    return read(Path(path)) if path and not update else None


@dataclass(frozen=True)
class Change:
    """How a case differs from the baseline.

    Attributes:
        case, claim: which.
        before, after: its verdicts; "absent" where a document does not have the case.
        worse: why that is a regression; None where it is none.
        effects: the effects as people read them, before and after.
    """

    case: str
    claim: str
    before: str
    after: str
    worse: str | None
    effects: tuple[str, str] = ("", "")

    @property
    def kind(self) -> str:
        """What it comes to: `worse`, `better`, `new`, `changed`, or `same`."""
        if self.worse is not None:
            return "worse"
        if self.before == ABSENT:
            return "new"
        if self.before == self.after:
            return "same"
        ranks = [STYLES[Verdict(verdict)].rank for verdict in (self.before, self.after)]
        return "better" if ranks[1] > ranks[0] else "changed"

    @property
    def is_change(self) -> bool:
        """Whether there is anything to tell."""
        return self.worse is not None or self.before != self.after


def check_comparable(old: Outline, new: Outline, where: str) -> None:
    """Refuse to compare runs of unequal profile, hyper-parameters, replicates, mask, claim version or dataset.

    Raises:
        RecclaimsError: they differ; the message says in what.
    """
    for key in ("profile", "seeds", "mask"):
        then, now = getattr(old, key), getattr(new, key)
        if then != now:
            raise RecclaimsError(f"{where}: {key} is {then!r} there and {now!r} here: not comparable")
    there, here = (run.hyperparameters.tables for run in (old, new))
    if there != here:
        raise RecclaimsError(f"{where}: the hyper-parameters are {there} there and {here} here: not comparable")
    versions = {asked.claim: asked.version for asked in old.questions}
    metrics = {(asked.claim, asked.case): asked.metric for asked in old.questions}
    for asked in new.questions:
        claim, version = asked.claim, asked.version
        if versions.get(claim, version) != version:
            raise RecclaimsError(
                f"{where}: claim '{claim}' is version {versions[claim]} there and {version} here: not comparable"
            )
        metric = metrics.get((claim, asked.case), asked.metric)
        if metric != asked.metric:
            raise RecclaimsError(f"{where}: '{asked.case}' is in {metric} there and in {asked.metric} here")
    cards = {dataset.dataset: dataset for dataset in old.datasets}
    for dataset in new.datasets:
        if dataset.dataset in cards:
            _check_dataset(cards[dataset.dataset], dataset, where)


def _check_dataset(old: DatasetCard, new: DatasetCard, where: str) -> None:
    """Everything on a card says which data it was; a key that only one of the documents knows says nothing."""
    before, after = old.as_json(), new.as_json()
    unequal = [key for key in before if key in after and before[key] != after[key]]
    if unequal:
        there, here = (", ".join(f"{key} {card[key]}" for key in unequal) for card in (before, after))
        raise RecclaimsError(f"{where}: dataset '{new.dataset}' is a different one: {there}; here {here}")


def same_bits(old: ResultsDocument, new: ResultsDocument) -> bool:
    """Whether two runs can be expected to agree to the bit: equal processor, device and numerical libraries."""
    there, here = old.environment, new.environment
    libraries = ("numpy", "scipy", "torch", "recbole")
    return (there.cpu, there.device) == (here.cpu, here.device) and all(
        there.versions.get(name) == here.versions.get(name) for name in libraries
    )


def compare_case(old: ClaimResult, new: ClaimResult, exact: bool = True, said: ClaimStatement | None = None) -> Change:
    """Say whether a case got worse: its verdict, or its effect beyond the worse end of the baseline's interval.

    Args:
        old, new: the case in either document.
        exact: whether the runs agree to the bit where nothing changed (see same_bits). Where they do not, a
            supported case may be inconclusive by rounding alone; its effect then decides.
        said: the claim in the document's `statements`: which end is the worse. None: the lower one.
    """
    worse, fell = None, _beyond(old, new, said or ClaimStatement())
    if not exact and (old.verdict, new.verdict) == (Verdict.SUPPORTED, Verdict.INCONCLUSIVE) and not fell:
        pass
    elif STYLES[new.verdict].rank < STYLES[old.verdict].rank:
        worse = f"verdict was {old.verdict}, is {new.verdict} ({new.reason})"
    elif fell:
        worse = fell
    shown = (effect(old), effect(new))
    return Change(new.case, new.claim, old.verdict, new.verdict, worse, shown)


def _beyond(old: ClaimResult, new: ClaimResult, said: ClaimStatement) -> str:
    """How the effect left the baseline's interval for the worse; empty where it did not."""
    (low, high), value = old.ci, new.effect
    if low is None or high is None or value is None:
        return ""
    equivalence, greater = said.equivalence, said.direction == "greater"
    if value < low and ((equivalence and value < 0) or (not equivalence and greater)):
        return f"effect fell to {value:+.4f}, below the baseline's interval (from {low:+.4f})"
    if value > high and ((equivalence and value > 0) or (not equivalence and not greater)):
        return f"effect rose to {value:+.4f}, above the baseline's interval (to {high:+.4f})"
    return ""


def compare(old: ResultsDocument, new: ResultsDocument, where: str) -> list[Change]:
    """Compare every case that both have, those that are gone, and those that are new.

    Raises:
        RecclaimsError: see check_comparable.
    """
    check_comparable(Outline.of(old), Outline.of(new), where)
    exact, statements = same_bits(old, new), new.statements
    after = {case.identity: case for case in new.claims}
    changes = []
    for case in old.claims:
        current = after.pop(case.identity, None)
        if current is None:
            shown = (effect(case), "")
            changes.append(Change(case.case, case.claim, case.verdict, ABSENT, "the case is gone", shown))
        else:
            changes.append(compare_case(case, current, exact, statements.get(case.claim)))
    fresh = (Change(case.case, case.claim, ABSENT, case.verdict, None, ("", effect(case))) for case in after.values())
    return [*changes, *fresh]
