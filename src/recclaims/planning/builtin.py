"""The claims that come with recclaims, read from suite/claims.toml and registered through the hook that everybody uses.

They are written as users write theirs (docs/claims-file.md).
"""

from __future__ import annotations

from recclaims._model.claim import Claim
from recclaims.checked import claims_of
from recclaims.hookspecs import hookimpl
from recclaims.resources import shipped
from recclaims.toml_file import read_toml

_PATH = shipped("suite", "claims.toml")
CLAIMS: dict[str, Claim] = {claim.id: claim for claim in claims_of(read_toml(_PATH), str(_PATH), _PATH.name)}

NOISE, CONTENT, CAPACITY, BASELINE = (CLAIMS[name] for name in ("noise", "content", "capacity", "baseline"))
KEYWORDS, PROMPT, FUSION, STABILITY = (CLAIMS[name] for name in ("keywords", "prompt", "fusion", "stability"))
CONTROLS = CLAIMS["controls"]


@hookimpl
def recclaims_claims() -> list[Claim]:
    """See hookspecs."""
    return [*CLAIMS.values()]
