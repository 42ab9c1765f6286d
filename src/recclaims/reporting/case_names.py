"""Names of cases as reports show them, without folders."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from recclaims.errors import RecclaimsError
from recclaims.reporting.privacy import share

if TYPE_CHECKING:
    from recclaims._model.case import Case


def check_names(cases: Sequence[Case]) -> None:
    """Refuse cases that would go by one name in reports, which show no folders: one would be taken for the other.

    Raises:
        RecclaimsError: two would; names both.
    """
    found: dict[tuple[str, str], Case] = {}
    for case in cases:
        other = found.setdefault((case.claim.id, share(case.id)), case)
        if other is not case:
            raise RecclaimsError(
                f"claim '{case.claim.id}': {other.id} and {case.id} have the same name in reports, {share(case.id)}; "
                "rename one of the files"
            )
