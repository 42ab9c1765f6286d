"""Under pytest-xdist: one worker runs all cases and writes the reports; the others read the results.

Cases share cells, which two workers would train at the same time. The first worker to need a verdict takes a lock and
runs all cases, while recclaims' own processes use the cores. If it dies, the next one takes the lock and continues from
the store. The leader publishes the results in a folder of the store, where the other workers find their verdicts and
the controller the summary.
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


class RunLeader:
    """The process that runs all cases, or one that reads what another has published."""

    def __init__(self, folder: Path | None) -> None:
        self._path = folder / "run.json" if folder else None

    def published(self) -> dict[str, Any] | None:
        """What the process that ran the cases has published; None if this one must run them.

        Raises:
            RecclaimsError: that process was refused.
        """
        if self._path is None or not self._path.exists():
            return None
        found: dict[str, Any] = json.loads(self._path.read_text(encoding="utf-8"))
        if _REFUSAL in found:
            raise RecclaimsError(found[_REFUSAL])
        return found

    def publish(self, content: Mapping[str, Any]) -> None:
        """Publish it for the other processes, if there are any."""
        if self._path:
            draft = self._path.with_suffix(".draft")
            try:
                draft.write_text(json.dumps(content), encoding="utf-8")
                draft.replace(self._path)
            except OSError as error:
                raise RecclaimsError(f"{draft}: cannot be written: {error.strerror or error}") from error


@contextlib.contextmanager
def run_leader(config: pytest.Config) -> Iterator[RunLeader]:
    """Wait until no other process runs the cases; a refusal is published too. Outside xdist there is no wait."""
    folder = getattr(config, "workerinput", {}).get(_FOLDER)
    if folder is None:
        yield RunLeader(None)
        return
    Path(folder).mkdir(parents=True, exist_ok=True)
    with FileLock(Path(folder) / "run.lock"):
        leader = RunLeader(Path(folder))
        try:
            yield leader
        except RecclaimsError as error:
            leader.publish({_REFUSAL: str(error)})
            raise


def note_refusal(config: pytest.Config, message: str) -> None:
    """Let the controller end the session with this line; xdist does not show a worker's own."""
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
        """Tell a worker which folder the workers share."""
        node.workerinput[_FOLDER] = str(self._folder)

    def pytest_testnodedown(self, node: Any) -> None:
        """End the session if a worker was refused."""
        output = getattr(node, "workeroutput", {})
        self.claims |= bool(output.get(_CLAIMS))
        refusal = output.get(_REFUSAL)
        if refusal:
            pytest.exit(refusal, returncode=pytest.ExitCode.USAGE_ERROR)

    def published(self) -> dict[str, Any] | None:
        """What the worker that ran the cases has published for the summary."""
        with contextlib.suppress(RecclaimsError):
            return RunLeader(self._folder).published()
        return None

    def pytest_unconfigure(self) -> None:
        """Clean up."""
        shutil.rmtree(self._folder, ignore_errors=True)
