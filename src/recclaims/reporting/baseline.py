"""Compare a run with an earlier one: what got worse, case by case."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recclaims.errors import RecclaimsError
from recclaims.reporting.results import read
from recclaims.reporting.tables import effect

#: From worst to best. A case that is not run any more has lost its evidence.
ORDER = ("inadmissible", "not_run", "contradicted", "no_difference", "inconclusive", "supported")
#: What stands for the verdict of a case that a document does not have.
ABSENT = "absent"


def chosen(path: str | None, update: bool) -> dict[str, Any] | None:
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
    def is_change(self) -> bool:
        """Whether there is anything to tell."""
        return self.worse is not None or self.before != self.after


def identity(case: Mapping[str, Any]) -> tuple[str, str]:
    """What makes a case the same case in two results."""
    return case["claim"], case["case"]


def check_comparable(old: Mapping[str, Any], new: Mapping[str, Any], where: str) -> None:
    """Refuse to compare runs of unequal profile, hyper-parameters, replicates, mask, claim version or dataset.

    Raises:
        RecclaimsError: they differ; the message says in what.
    """
    for key in ("profile", "seeds", "mask"):
        if old[key] != new[key]:
            raise RecclaimsError(f"{where}: {key} is {old[key]!r} there and {new[key]!r} here: not comparable")
    there, here = (run.get("hyperparameters", {}).get("tables", {}) for run in (old, new))
    if there != here:
        raise RecclaimsError(f"{where}: the hyper-parameters are {there} there and {here} here: not comparable")
    versions = {case["claim"]: case["version"] for case in old["claims"]}
    metrics = {identity(case): case["metric"] for case in old["claims"]}
    for case in new["claims"]:
        claim, version = case["claim"], case["version"]
        if versions.get(claim, version) != version:
            raise RecclaimsError(
                f"{where}: claim '{claim}' is version {versions[claim]} there and {version} here: not comparable"
            )
        metric = metrics.get(identity(case), case["metric"])
        if metric != case["metric"]:
            raise RecclaimsError(f"{where}: '{case['case']}' is in {metric} there and in {case['metric']} here")
    cards = {dataset["dataset"]: dataset for dataset in old["datasets"]}
    for dataset in new["datasets"]:
        _check_dataset(cards.get(dataset["dataset"], {}), dataset, where)


def _check_dataset(old: Mapping[str, Any], new: Mapping[str, Any], where: str) -> None:
    """Everything on a card says which data it was; a key that only one of the documents knows says nothing."""
    unequal = [key for key in old if key in new and old[key] != new[key]]
    if unequal:
        there, here = (", ".join(f"{key} {card[key]}" for key in unequal) for card in (old, new))
        raise RecclaimsError(f"{where}: dataset '{new['dataset']}' is another one: {there}; here {here}")


def same_bits(old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    """Whether two runs can be expected to agree to the bit: equal processor, device and numerical libraries."""
    there, here = old["environment"], new["environment"]
    libraries = ("numpy", "scipy", "torch", "recbole")
    return all(there[key] == here[key] for key in ("cpu", "device")) and all(
        there["versions"].get(name) == here["versions"].get(name) for name in libraries
    )


def compare_case(
    old: Mapping[str, Any], new: Mapping[str, Any], exact: bool = True, said: Mapping[str, Any] | None = None
) -> Change:
    """Say whether a case got worse: its verdict, or its effect beyond the worse end of the baseline's interval.

    Args:
        old, new: the case in either document.
        exact: whether the runs agree to the bit where nothing changed (see same_bits). Where they do not, a
            supported case may be inconclusive by rounding alone; its effect then decides.
        said: the claim in the document's `statements`: which end is the worse. None: the lower one.
    """
    worse, fell = None, _beyond(old, new, said or {})
    if not exact and (old["verdict"], new["verdict"]) == ("supported", "inconclusive") and not fell:
        pass
    elif ORDER.index(new["verdict"]) < ORDER.index(old["verdict"]):
        worse = f"verdict was {old['verdict']}, is {new['verdict']} ({new['reason']})"
    elif fell:
        worse = fell
    shown = (effect(old), effect(new))
    return Change(new["case"], new["claim"], old["verdict"], new["verdict"], worse, shown)


def _beyond(old: Mapping[str, Any], new: Mapping[str, Any], said: Mapping[str, Any]) -> str:
    """How the effect left the baseline's interval for the worse; empty where it did not."""
    (low, high), value = old["ci"], new["effect"]
    if low is None or high is None or value is None:
        return ""
    equivalence, greater = said.get("equivalence", False), said.get("direction", "greater") == "greater"
    if value < low and ((equivalence and value < 0) or (not equivalence and greater)):
        return f"effect fell to {value:+.4f}, below the baseline's interval (from {low:+.4f})"
    if value > high and ((equivalence and value > 0) or (not equivalence and not greater)):
        return f"effect rose to {value:+.4f}, above the baseline's interval (to {high:+.4f})"
    return ""


def compare(old: Mapping[str, Any], new: Mapping[str, Any], where: str) -> list[Change]:
    """Compare every case that both have, those that are gone, and those that are new.

    Raises:
        RecclaimsError: see check_comparable.
    """
    check_comparable(old, new, where)
    exact, statements = same_bits(old, new), new.get("statements", {})
    after = {identity(case): case for case in new["claims"]}
    changes = []
    for case in old["claims"]:
        current = after.pop(identity(case), None)
        if current is None:
            shown = (effect(case), "")
            changes.append(Change(case["case"], case["claim"], case["verdict"], ABSENT, "the case is gone", shown))
        else:
            changes.append(compare_case(case, current, exact, statements.get(case["claim"])))
    fresh = (
        Change(case["case"], case["claim"], ABSENT, case["verdict"], None, ("", effect(case)))
        for case in after.values()
    )
    return [*changes, *fresh]
