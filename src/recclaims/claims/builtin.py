"""The claims that come with recclaims, registered through the hook that everybody uses."""

from __future__ import annotations

from recclaims.claims.claim import Claim
from recclaims.hookspecs import hookimpl

NOISE = Claim(
    id="noise",
    version=1,
    statement="Real features beat noise of the same shape.",
    source="arXiv 2508.04571, RQ1: the gain comes from content, not from capacity",
    controls=("permuted", "gaussian"),
)
CONTENT = Claim(
    id="content",
    version=1,
    statement="Real features beat the recommender's own feature-free twin.",
    source="follows from arXiv 2508.04571, RQ1; read it beside `noise`: noise can harm where content does not help",
    controls=("twin",),
)


@hookimpl
def recclaims_claims() -> list[Claim]:
    """See hookspecs."""
    return [NOISE, CONTENT]
