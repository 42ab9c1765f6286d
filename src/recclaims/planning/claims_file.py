"""Claims that somebody wrote into a file: `--claims-file claims.toml`, or [tool.recclaims] of a pyproject.toml."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from recclaims.checked import claims_of
from recclaims.errors import RecclaimsError
from recclaims.planning.case import check
from recclaims.toml_file import read_toml

if TYPE_CHECKING:
    from recclaims._model.claim import Claim
    from recclaims.plugin_manager import Registry

#: What pytest's -m takes as one word.
_MARKER = re.compile(r"[A-Za-z][\w.-]*", re.ASCII)
#: Markers that mean something to pytest, its plugins or the suite.
_PYTEST = ("filterwarnings", "parametrize", "skip", "skipif", "tryfirst", "trylast", "usefixtures", "xfail")
_TAKEN = frozenset({*_PYTEST, "benchmark", "claim", "xdist_group"})
#: Before the file's path in the origin of a claim.
ORIGIN = "file "


def with_file(registry: Registry, path: Path) -> Registry:
    """What is installed, and the claims of a file.

    Raises:
        RecclaimsError: the file cannot be read, or a claim in it cannot be meant; names file, claim and key.
        UnknownNameError: a claim names what does not exist; shows the nearest name that does.
    """
    return _beside(registry, read_toml(path), path)


def with_project(registry: Registry, folder: Path) -> Registry:
    """What is installed, and the claims of [tool.recclaims] in a folder's pyproject.toml, where there are any.

    Raises:
        RecclaimsError, UnknownNameError: see with_file.
    """
    path = folder / "pyproject.toml"
    if not path.is_file():
        return registry
    tools = read_toml(path).get("tool", {})
    mine = tools.get("recclaims") if isinstance(tools, dict) else None
    if mine is None:
        return registry
    if not isinstance(mine, dict):
        raise RecclaimsError(f"{path}: tool.recclaims is no table; write [[tool.recclaims.claim]] above each claim")
    return _beside(registry, mine, path)


def file_of(claim: Claim, registry: Registry) -> str | None:
    """The file that a claim comes from; None where it is installed, or a program's."""
    origin = registry.origin.get(("claims", claim.id), "")
    return origin.removeprefix(ORIGIN) if origin.startswith(ORIGIN) else None


def _beside(registry: Registry, document: Mapping[str, Any], path: Path) -> Registry:
    found = claims_of(document, str(path), path.name)
    for claim in found:
        where = f"{path}: claim '{claim.id}'"
        if not _MARKER.fullmatch(claim.id) or claim.id in _TAKEN:
            raise RecclaimsError(f"{where}: its id cannot be a marker; use another word of letters, digits, - and _")
        if claim.id in registry.claims:
            owner = registry.origin["claims", claim.id].removeprefix(ORIGIN)
            raise RecclaimsError(f"{where}: {owner} already has a claim of that id; choose another")
        if claim.planted:
            raise RecclaimsError(f"{where}: planted is for the suite's own claim; leave it out")
        check(claim, registry, where)
    origins = {("claims", claim.id): f"{ORIGIN}{path}" for claim in found}
    return replace(
        registry,
        claims={**registry.claims, **{claim.id: claim for claim in found}},
        origin={**registry.origin, **origins},
    )
