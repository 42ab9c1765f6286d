"""Check a whole store: what is whole, what is damaged, what nobody needs any more; and remove the latter two.

Nobody needs drafts of dead processes, locks that nobody holds, and artefacts that this installation can never find
again: somewhere in their recipe is another protocol than ours, or another release of a library than is installed.
An installation of other releases that shares the store does find them; pruning costs it their computation.
"""

from __future__ import annotations

import contextlib
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from recclaims.artefact import check_artefact
from recclaims.engine.data import CACHE_VERSION
from recclaims.errors import StoreError
from recclaims.store import Store


@dataclass
class Findings:
    """What lies in a store.

    Attributes:
        whole: artefacts that can be used, by kind.
        sizes: their bytes, by kind.
        damaged: what is wrong, by the path of the artefact.
        outdated: why this installation cannot find it, by the path of a whole artefact; not among `whole`.
        drafts: what dead processes of this machine left unfinished.
        locks: lock files; whether somebody holds one is known when it is removed.
    """

    whole: Counter[str] = field(default_factory=Counter)
    sizes: Counter[str] = field(default_factory=Counter)
    damaged: dict[Path, str] = field(default_factory=dict)
    outdated: dict[Path, str] = field(default_factory=dict)
    drafts: list[Path] = field(default_factory=list)
    locks: list[Path] = field(default_factory=list)

    @property
    def rows(self) -> list[tuple[str, int, int]]:
        """Kind, number and bytes of what can be used."""
        return [(kind, self.whole[kind], self.sizes[kind]) for kind in sorted(self.whole)]


def check(store: Store) -> Findings:
    """Read every file of a store and compare it with its checksum; nothing is changed.

    Raises:
        StoreError: no store here, or something cannot be read just now.
    """
    if not store.root.is_dir():
        raise StoreError(f"{store.root}: no store here")
    findings = Findings(drafts=store.dead_drafts(), locks=sorted(store.root.glob("locks/*.lock")))
    for kind, path in store.paths():
        artefact, fault = check_artefact(kind, path)
        if fault is not None:
            findings.damaged[path] = fault
        elif artefact is not None and (reason := outdated(artefact.manifest["recipe"])):
            findings.outdated[path] = reason
        elif artefact is not None:
            findings.whole[kind] += 1
            findings.sizes[kind] += sum(facts["bytes"] for facts in artefact.manifest["files"].values())
    return findings


def prune(store: Store, findings: Findings) -> int:
    """Remove what is damaged and what nobody needs; return how many things that were.

    Raises:
        StoreError: the store cannot be written.
    """
    # Once more: another process may have replaced it meanwhile.
    damaged = [path for path in findings.damaged if check_artefact(path.parents[1].name, path)[1] is not None]
    for path in (*damaged, *findings.outdated):
        store.remove(path)
    for draft in findings.drafts:
        shutil.rmtree(draft, ignore_errors=True)
    removed = [_unlocked(lock) for lock in findings.locks]
    return len(damaged) + len(findings.outdated) + len(findings.drafts) + sum(removed)


def outdated(recipe: Mapping[str, Any]) -> str | None:
    """Why this installation can never find an artefact of this recipe; None where it can."""
    for part in _parts(recipe):
        protocol = part.get("protocol")
        if isinstance(protocol, int) and protocol != CACHE_VERSION:
            return f"protocol {protocol}, this version's is {CACHE_VERSION}"
        libraries = part.get("libraries")
        for name, release in libraries.items() if isinstance(libraries, dict) else ():
            if (here := _installed(name)) != release:
                return f"{name} {release}, {here or 'none'} is installed"
    return None


def _parts(value: Any) -> Iterator[Mapping[str, Any]]:
    """A recipe, and the recipes of what it was made of."""
    if isinstance(value, dict):
        yield value
        for inner in value.values():
            yield from _parts(inner)


def _installed(library: str) -> str | None:
    try:
        return installed(library)
    except PackageNotFoundError:
        return None


def _unlocked(path: Path) -> bool:
    """Remove a lock file that nobody holds."""
    with contextlib.suppress(Timeout, FileNotFoundError):
        with FileLock(path).acquire(timeout=0):
            path.unlink(missing_ok=True)
        return True
    return False
