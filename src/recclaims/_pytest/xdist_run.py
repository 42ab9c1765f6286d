"""Under pytest-xdist: one worker runs all cases and writes the reports, the others read what came out.

Cases share cells, which two workers would train at the same time. The first to need a verdict takes a lock and runs
all of them; recclaims' own processes use the cores meanwhile. When it dies, the next
takes the lock and goes on with what lies in the store. What came out is left in a folder of the store, from which
the other workers take their verdicts and the controller the summary.
"""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from recclaims.errors import RecclaimsError
from recclaims.store import Store

_FOLDER, _REFUSAL, _CLAIMS = "recclaims_folder", "recclaims_refusal", "recclaims_claims"


def store_of(config: pytest.Config) -> Store:
    """The store that --claims-store names."""
    return Store(Path(config.getoption("claims_store")).absolute())


class Turn:
    """One process's turn to run all cases, or to read what another's came to."""

    def __init__(self, folder: Path | None) -> None:
        self._path = folder / "run.json" if folder else None

    def left(self) -> dict[str, Any] | None:
        """What the process that ran the cases has left; None where this one is to run them.

        Raises:
            RecclaimsError: that one was refused.
        """
        if self._path is None or not self._path.exists():
            return None
        found: dict[str, Any] = json.loads(self._path.read_text(encoding="utf-8"))
        if _REFUSAL in found:
            raise RecclaimsError(found[_REFUSAL])
        return found

    def leave(self, content: Mapping[str, Any]) -> None:
        """Leave it to the others, if there are any."""
        if self._path:
            draft = self._path.with_suffix(".draft")
            try:
                draft.write_text(json.dumps(content), encoding="utf-8")
                draft.replace(self._path)
            except OSError as error:
                raise RecclaimsError(f"{draft}: cannot be written: {error.strerror or error}") from error


@contextlib.contextmanager
def turn(config: pytest.Config) -> Iterator[Turn]:
    """Wait for this process's turn; outside xdist it is at once. A refusal is the others', too."""
    folder = getattr(config, "workerinput", {}).get(_FOLDER)
    if folder is None:
        yield Turn(None)
        return
    Path(folder).mkdir(parents=True, exist_ok=True)
    with FileLock(Path(folder) / "run.lock"):
        mine = Turn(Path(folder))
        try:
            yield mine
        except RecclaimsError as error:
            mine.leave({_REFUSAL: str(error)})
            raise


def note_refusal(config: pytest.Config, message: str) -> None:
    """Let the controller end the session with this line: the word of an xdist worker alone is not heard."""
    if hasattr(config, "workeroutput"):
        config.workeroutput[_REFUSAL] = message


def note_claims(config: pytest.Config, claims: bool) -> None:
    """Let the controller, which collects nothing, know whether any test makes a claim."""
    config.workeroutput[_CLAIMS] = claims  # type: ignore[attr-defined]


class Controller:
    """xdist's hooks in the process that starts the workers and reports.

    Attributes:
        claims: whether any test makes a claim, once a worker is done.
    """

    def __init__(self, config: pytest.Config) -> None:
        self.claims = False
        store = store_of(config)
        # Made by the first worker that needs it: sessions without a claim leave no trace.
        self._folder = store.root / "drafts" / f"{store.draft_prefix()}xdist"

    def pytest_configure_node(self, node: Any) -> None:
        """Tell a worker where to meet the others."""
        node.workerinput[_FOLDER] = str(self._folder)

    def pytest_testnodedown(self, node: Any) -> None:
        """End the session where a worker was refused."""
        output = getattr(node, "workeroutput", {})
        self.claims |= bool(output.get(_CLAIMS))
        refusal = output.get(_REFUSAL)
        if refusal:
            pytest.exit(refusal, returncode=pytest.ExitCode.USAGE_ERROR)

    def left(self) -> dict[str, Any] | None:
        """What the worker that ran the cases has left for the summary."""
        with contextlib.suppress(RecclaimsError):
            return Turn(self._folder).left()
        return None

    def pytest_unconfigure(self) -> None:
        """Clean up."""
        shutil.rmtree(self._folder, ignore_errors=True)
