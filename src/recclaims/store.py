"""Content-addressed artefacts: written atomically, checksummed, found again by the recipe that made them.

An artefact is a directory `<root>/<kind>/<key[:2]>/<key>/`; what is in it, `artefact.py` says. A draft is written
beside the final place, flushed to disk and renamed, so that a reader sees a whole artefact or none.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import re
import secrets
import shutil
import socket
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from filelock import AcquireReturnProxy, FileLock, Timeout

from recclaims.artefact import (
    Artefact,
    Content,
    canonical,
    flush_directory,
    key_of,
    read_artefact,
    write_artefact,
)
from recclaims.errors import StorageError

__all__ = ["Artefact", "Content", "Lock", "Store", "canonical", "is_dead", "key_of", "make_draft"]

_KEY = re.compile(r"[0-9a-f]{64}")

logger = logging.getLogger(__name__)


class Lock(FileLock):
    """A lock whose file cannot be made is one of our errors."""

    def acquire(self, *arguments: Any, **options: Any) -> AcquireReturnProxy[Any]:
        """See FileLock; raises StoreError where the place cannot be written."""
        try:
            return super().acquire(*arguments, **options)
        except Timeout:
            raise
        except OSError as error:
            raise StorageError(f"{self.lock_file}: cannot be locked: {error.strerror or error}") from error


class Store:
    """A directory of artefacts, shared by processes.

    Args:
        root: where the artefacts lie; made on first writing, never on reading.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def path(self, kind: str, recipe: Mapping[str, Any]) -> Path:
        """Where the artefact of this recipe lies, or would lie."""
        key = key_of(kind, recipe)
        return self.root / kind / key[:2] / key

    def find(self, kind: str, recipe: Mapping[str, Any]) -> Artefact | None:
        """Return the artefact of this recipe, or None where there is none.

        An artefact that its checksums do not match is reported, removed and counts as absent.

        Raises:
            StoreError: it cannot be read just now (rights, too many open files), or a damaged one not be removed.
        """
        path = self.path(kind, recipe)
        # Twice, as another process may have replaced it in the middle of reading.
        for _ in range(2):
            artefact, reason = read_artefact(path, recipe)
            if reason is None:
                return artefact
        logger.warning("%s; it is removed and will be computed again", reason)
        self.remove(path)
        return None

    def paths(self) -> Iterator[tuple[str, Path]]:
        """Where artefacts lie, whole or not, each with its kind."""
        for path in sorted(self.root.glob("*/??/*")):
            if _KEY.fullmatch(path.name) and path.name.startswith(path.parent.name):
                yield path.parents[1].name, path

    def remove(self, path: Path) -> None:
        """Remove an artefact.

        Raises:
            StoreError: the place cannot be written.
        """
        try:
            self._remove(path)
        except OSError as error:
            raise StorageError(f"{path}: cannot be removed: {error.strerror or error}") from error

    def lock(self, kind: str, recipe: Mapping[str, Any]) -> FileLock:
        """A lock between processes for computing this artefact; freed by the system when its holder dies."""
        locks = self.root / "locks"
        self._make(locks)
        return Lock(locks / f"{key_of(kind, recipe)}.lock")

    def save(
        self,
        kind: str,
        recipe: Mapping[str, Any],
        files: Mapping[str, Content],
        check: Callable[[], None] = lambda: None,
    ) -> Artefact:
        """Write an artefact, replacing one of the same recipe.

        Args:
            kind: the kind of artefact, a folder name.
            recipe: everything the content depends on.
            files: by name without ending: arrays become `.npy`, packed ones `.npz`, anything else `.json`.
            check: called when all is written and nothing kept; what it raises prevents the artefact.

        Raises:
            StoreError: the disk is full or the place cannot be written; nothing of the artefact is left.
        """
        path = self.path(kind, recipe)
        draft = self._draft()
        try:
            manifest = write_artefact(draft, kind, recipe, files)
            check()
            self._make(path.parent)
            self._put(draft, path)
            flush_directory(path.parent)
        except OSError as error:
            raise StorageError(f"{path}: cannot be written: {error.strerror or error}") from error
        finally:
            shutil.rmtree(draft, ignore_errors=True)
        return Artefact(path, manifest)

    @staticmethod
    def draft_prefix() -> str:
        """How the names of this process's drafts begin: `sweep` removes them when it is dead."""
        return f"{socket.gethostname()}-{os.getpid()}-"

    @contextlib.contextmanager
    def scratch(self) -> Iterator[Path]:
        """A folder for what this process has to tell others that use the store; removed afterwards."""
        place = self._draft()
        try:
            yield place
        finally:
            shutil.rmtree(place, ignore_errors=True)

    def sweep(self) -> int:
        """Remove the drafts of dead processes on this machine; return how many there were."""
        dead = self.dead_drafts()
        for draft in dead:
            shutil.rmtree(draft, ignore_errors=True)
        return len(dead)

    def dead_drafts(self) -> list[Path]:
        """What processes of this machine that are dead have left unfinished."""
        return [draft for draft in sorted(self.root.glob("drafts/*")) if is_dead(draft.name)]

    def _draft(self) -> Path:
        drafts = self.root / "drafts"
        self._make(drafts)
        try:
            return make_draft(drafts, self.draft_prefix())
        except OSError as error:
            raise StorageError(f"{drafts}: cannot be written: {error.strerror or error}") from error

    def _make(self, directory: Path) -> None:
        try:
            directory.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StorageError(f"{directory}: cannot be made: {error.strerror or error}") from error

    def _put(self, draft: Path, path: Path) -> None:
        while True:
            self._remove(path)
            try:
                draft.replace(path)
            except OSError as error:  # another process has put the same there meanwhile
                if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                    raise
            else:
                return

    def _remove(self, path: Path) -> None:
        # Renamed first: a directory half removed must never be taken for an artefact.
        if os.path.lexists(path):
            grave = self._draft()
            with contextlib.suppress(FileNotFoundError):  # another process was faster
                path.replace(grave / path.name)
            shutil.rmtree(grave, ignore_errors=True)


def make_draft(parent: Path, prefix: str) -> Path:
    """Make a folder of a new name, with the rights that the umask gives: mkdtemp's are its owner's alone."""
    while True:
        draft = parent / f"{prefix}{secrets.token_hex(8)}"
        with contextlib.suppress(FileExistsError):
            draft.mkdir()
            return draft


def is_dead(name: str) -> bool:
    """Whether a draft of this name, made with `Store.draft_prefix`, is of a process of this machine that has died."""
    # In full: the drafts of a machine `node` begin like those of a machine `node-2`.
    mine = re.fullmatch(rf"{re.escape(socket.gethostname())}-(\d+)-[^-]*", name)
    return mine is not None and not _alive(int(mine[1]))


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
