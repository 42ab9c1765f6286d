"""Compare a run with an earlier one: what got worse, case by case."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from recclaims.errors import RecclaimsError

#: From worst to best. A case that is not run any more has lost its evidence.
ORDER = ("inadmissible", "not_run", "contradicted", "no_difference", "inconclusive", "supported")


@dataclass(frozen=True)
class Change:
    """How a case differs from the baseline; `worse` says why that is a regression, if it is one."""

    case: str
    claim: str
    before: str
    after: str
    worse: str | None


def identity(case: Mapping[str, Any]) -> tuple[str, str]:
    """What makes a case the same case in two results."""
    return case["claim"], case["case"]


def check_comparable(old: Mapping[str, Any], new: Mapping[str, Any], where: str) -> None:
    """Refuse to compare runs of unequal profile, replicates, mask, claim version or dataset.

    Raises:
        RecclaimsError: they differ; the message says in what.
    """
    for key in ("profile", "seeds", "mask"):
        if old[key] != new[key]:
            raise RecclaimsError(f"{where}: {key} is {old[key]!r} there and {new[key]!r} here: not comparable")
    before = {identity(case): case for case in old["claims"]}
    for case in new["claims"]:
        earlier = before.get(identity(case))
        if earlier and earlier["version"] != case["version"]:
            raise RecclaimsError(
                f"{where}: claim '{case['claim']}' is version {earlier['version']} there and "
                f"{case['version']} here: not comparable"
            )
    sizes = {d["dataset"]: (d["users"], d["items"], d["interactions"]) for d in old["datasets"]}
    for d in new["datasets"]:
        here = d["users"], d["items"], d["interactions"]
        if sizes.get(d["dataset"], here) != here:
            raise RecclaimsError(
                f"{where}: dataset '{d['dataset']}' is another one: {sizes[d['dataset']]}, here {here}"
            )


def same_bits(old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    """Whether two runs can be expected to agree to the bit: equal processor, device and numerical libraries."""
    there, here = old["environment"], new["environment"]
    libraries = ("numpy", "scipy", "torch", "recbole")
    return all(there[key] == here[key] for key in ("cpu", "device")) and all(
        there["versions"].get(name) == here["versions"].get(name) for name in libraries
    )


def compare_case(old: Mapping[str, Any], new: Mapping[str, Any], exact: bool = True) -> Change:
    """Say whether a case got worse: its verdict, or its effect below the baseline's own interval.

    Args:
        old, new: the case in either document.
        exact: whether the runs agree to the bit where nothing changed (see same_bits). Where they do not, a
            supported case may be inconclusive by rounding alone; its effect then decides.
    """
    worse = None
    low, effect = old["ci"][0], new["effect"]
    if not exact and (old["verdict"], new["verdict"]) == ("supported", "inconclusive") and effect >= low:
        pass
    elif ORDER.index(new["verdict"]) < ORDER.index(old["verdict"]):
        worse = f"verdict was {old['verdict']}, is {new['verdict']} ({new['reason']})"
    elif low is not None and effect is not None and effect < low:
        worse = f"effect fell to {effect:+.4f}, below the baseline's interval (from {low:+.4f})"
    return Change(new["case"], new["claim"], old["verdict"], new["verdict"], worse)


def compare(old: Mapping[str, Any], new: Mapping[str, Any], where: str) -> list[Change]:
    """Compare every case that both have, and those that are gone.

    Raises:
        RecclaimsError: see check_comparable.
    """
    check_comparable(old, new, where)
    after = {identity(case): case for case in new["claims"]}
    changes = []
    for case in old["claims"]:
        current = after.get(identity(case))
        if current is None:
            changes.append(Change(case["case"], case["claim"], case["verdict"], "absent", "the case is gone"))
        else:
            changes.append(compare_case(case, current, same_bits(old, new)))
    return changes
