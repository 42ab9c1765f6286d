"""What one pytest session knows of its claims, and which of its tests came to a verdict."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from recclaims._model.results import ResultsDocument
    from recclaims.errors import RecclaimsError
    from recclaims.planning.planner import Planner
    from recclaims.plugin_manager import Plugin


@dataclass
class ClaimsSession:
    """What one pytest session knows of its claims.

    Attributes:
        planner: what finds the cases, once the first claim has asked for them.
        document: what came out, once the first case has asked for it.
        trained: how many cells were trained for it.
        baseline: the document that --claims-baseline names.
        notes: what was said before the run, where only a worker of xdist has heard it.
        broken: plugins that did not load; `unsound` says which of their claims compare with nothing there is.
        error: why the cases could not be made.
        unwritten: why reports could not be written.
        claims: whether any test makes a claim, selected or not.
        judged: how many tests came to their verdict.
        nothing_judged: whether the session fails because none did.
    """

    planner: Planner | None = None
    document: ResultsDocument | None = None
    trained: int = 0
    baseline: ResultsDocument | None = None
    notes: list[str] = field(default_factory=list)
    broken: list[Plugin] = field(default_factory=list)
    unsound: list[str] = field(default_factory=list)
    error: RecclaimsError | None = None
    unwritten: list[str] = field(default_factory=list)
    claims: bool = False
    judged: int = 0
    nothing_judged: bool = False

    def to_payload(self) -> dict[str, Any]:
        """What the summary needs, for another process of xdist."""
        document = self.document and self.document.as_json()
        return {"document": document, "trained": self.trained, "notes": self.notes, "unwritten": self.unwritten}

    def take_payload(self, payload: Mapping[str, Any]) -> None:
        """Take over the payload of another process."""
        from recclaims._model.results import ResultsDocument

        self.document = ResultsDocument.of(payload["document"]) if payload["document"] else None
        self.trained, self.notes, self.unwritten = (payload[name] for name in ("trained", "notes", "unwritten"))


SESSION = pytest.StashKey[ClaimsSession]()
#: The property of a test that says its verdict; a test that failed without it was not judged.
JUDGED = "verdict"
#: The id of a claim's test where it has no case.
NO_CASE = "no-case"


def is_finding(report: Any) -> bool:
    """Whether a test failed by its verdict, and not before it had one or while it was taken down."""
    return getattr(report, "when", None) != "teardown" and JUDGED in dict(getattr(report, "user_properties", ()))
