"""Content-addressed artefacts: written atomically, checksummed, found again by the recipe that made them.

An artefact is a directory `<root>/<kind>/<key[:2]>/<key>/` with the files of the artefact and a
`manifest.json` (recipe, sizes, SHA-256 of every file). Its key is the SHA-256 of its kind and recipe, so
whatever changes a result must be in the recipe. A draft is written beside the final place, flushed to disk
and renamed, so that a reader sees a whole artefact or none.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import logging
import os
import re
import secrets
import shutil
import socket
import stat
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from filelock import AcquireReturnProxy, FileLock, Timeout
from numpy.typing import NDArray

from recclaims.errors import StorageError, StoreError, one_line
from recclaims.packed import Packed, read_packed, write_packed
from recclaims.regular_file import open_content

SCHEMA = 1
MANIFEST = "manifest.json"

#: What says nothing of the artefact: it may be read tomorrow, and must not be removed.
UNREADABLE_NOW = {errno.EACCES, errno.EPERM, errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EINTR, errno.ESTALE}
#: What reading a damaged artefact can raise.
FAULTS = (StoreError, ValueError, KeyError, TypeError, AttributeError, RecursionError, OSError)
_KEY = re.compile(r"[0-9a-f]{64}")
#: What stands in a path for bytes that are no UTF-8.
_NOT_TEXT = re.compile("[\ud800-\udfff]")

logger = logging.getLogger(__name__)

Content = NDArray[Any] | Packed | Mapping[str, Any] | list[Any]


def canonical(recipe: Mapping[str, Any]) -> str:
    """Write a recipe as JSON that is equal for equal recipes; raises ValueError on NaN and inf."""
    return json.dumps(recipe, sort_keys=True, separators=(",", ":"), allow_nan=False, ensure_ascii=False)


def key_of(kind: str, recipe: Mapping[str, Any]) -> str:
    """SHA-256 of kind and recipe, in hexadecimal: the name of the artefact."""
    return hashlib.sha256(f"{SCHEMA}\0{kind}\0{canonical(recipe)}".encode(errors="surrogatepass")).hexdigest()


@dataclass(frozen=True)
class Artefact:
    """A verified artefact on disk."""

    path: Path
    manifest: Mapping[str, Any]

    @property
    def key(self) -> str:
        """The artefact's name: SHA-256 of its kind and recipe."""
        return str(self.manifest["key"])

    def has(self, filename: str) -> bool:
        """Whether a file of this name belongs to it."""
        return filename in self.manifest["files"]

    def array(self, name: str) -> NDArray[Any]:
        """Map the array `name` into memory, read-only; raises StoreError where it is none."""
        path = self._listed(f"{name}.npy")
        try:
            array: NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
        except Exception as error:  # what numpy makes of a header that was tampered with can be anything
            raise StoreError(f"{path}: not an array: {one_line(error)}") from error
        return array

    def packed(self, name: str, array: str, shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
        """Read one of the arrays that were packed as `name`; raises StoreError where it is none of that shape, type."""
        return read_packed(self._listed(f"{name}.npz"), array, shape, dtype)

    def json(self, name: str) -> Any:
        """Read the JSON document `name`; raises StoreError where it is none."""
        path = self._listed(f"{name}.json")
        try:
            return json.loads(_text(path))
        except (OSError, ValueError, RecursionError) as error:
            raise StoreError(f"{path}: not JSON: {error}") from error

    def _listed(self, filename: str) -> Path:
        if not self.has(filename):
            raise StoreError(f"{self.path / filename}: does not belong to the artefact: its manifest does not name it")
        return self.path / filename


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
            artefact, reason = self._read(path, recipe)
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

    def check(self, kind: str, path: Path) -> tuple[Artefact | None, str | None]:
        """Read what lies at one of `paths`: the artefact, or what is wrong with it; neither where it has gone."""
        try:
            recipe = json.loads(_text(path / MANIFEST))["recipe"]
            if key_of(kind, recipe) != path.name:
                raise StoreError(f"{path / MANIFEST}: recipe does not match its key")
        except FileNotFoundError:
            return None, _missing(path)
        except FAULTS as error:
            return None, _why(path / MANIFEST, error)
        return self._read(path, recipe)

    def remove(self, path: Path) -> None:
        """Remove an artefact.

        Raises:
            StoreError: the place cannot be written.
        """
        try:
            self._remove(path)
        except OSError as error:
            raise StorageError(f"{path}: cannot be removed: {error.strerror or error}") from error

    def _read(self, path: Path, recipe: Mapping[str, Any]) -> tuple[Artefact | None, str | None]:
        """The artefact that lies there, or why it is none; neither where there is nothing."""
        try:
            text = _text(path / MANIFEST)
            manifest = json.loads(text)
            for name, facts in manifest["files"].items():
                if Path(name).name != name:
                    raise StoreError(f"{path / MANIFEST}: '{name}' is no name of a file")
                if _regular(path / name).st_size != facts["bytes"]:
                    raise StoreError(f"{path / name}: size does not match")
                if _sha256(path / name) != facts["sha256"]:
                    raise StoreError(f"{path / name}: checksum does not match")
            # Hidden ones are those of file systems, as .nfs0123 for what was removed while it was open.
            strange = {one.name for one in path.iterdir() if one.name[0] != "."} - {MANIFEST, *manifest["files"]}
            if strange:
                raise StoreError(f"{path / min(strange)}: the artefact's manifest does not name it")
            if manifest["recipe"] != json.loads(canonical(recipe)):
                raise StoreError(f"{path / MANIFEST}: recipe does not match its key")
            datetime.fromisoformat(manifest["created"])
            whose = manifest["schema"], manifest["kind"], manifest["key"]
            # The manifest has no checksum, but one way to be written.
            if whose != (SCHEMA, path.parents[1].name, path.name) or text != _document(manifest):
                raise StoreError(f"{path / MANIFEST}: not as it was written")
        except FileNotFoundError:
            return None, _missing(path)
        except FAULTS as error:
            return None, _why(path / MANIFEST, error)
        return Artefact(path, manifest), None

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
            names = [_write(draft, name, content) for name, content in files.items()]
            manifest = {
                "schema": SCHEMA,
                "kind": kind,
                "key": key_of(kind, recipe),
                "recipe": json.loads(canonical(recipe)),
                "created": datetime.now(UTC).isoformat(timespec="seconds"),
                "files": {
                    name: {"sha256": _sha256(draft / name), "bytes": (draft / name).stat().st_size} for name in names
                },
            }
            _write(draft, MANIFEST.removesuffix(".json"), manifest)
            _flush_directory(draft)
            check()
            self._make(path.parent)
            self._put(draft, path)
            _flush_directory(path.parent)
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


def _missing(path: Path) -> str | None:
    """What a missing file means: a damaged artefact, or that there is none."""
    if path.is_symlink():
        return f"{path}: is a link, not a folder of the store"
    return f"{path}: a file of the artefact is missing" if path.exists() else None


def _regular(path: Path) -> os.stat_result:
    """The facts of a file of an artefact: a store writes files and folders, and no links, pipes or devices.

    Raises:
        StoreError: it is something else, or lies in a folder that is a link.
        OSError: there is none.
    """
    found = path.lstat()
    if path.parent.is_symlink():
        raise StoreError(f"{path.parent}: is a link, not a folder of the store")
    if not stat.S_ISREG(found.st_mode):
        what = "a link" if stat.S_ISLNK(found.st_mode) else "no regular file"
        raise StoreError(f"{path}: is {what}, not a file that the store wrote")
    return found


def _write(directory: Path, name: str, content: Content) -> str:
    if isinstance(content, np.ndarray):
        filename = f"{name}.npy"
        with (directory / filename).open("wb") as file:
            # As a stream: into a file, numpy tells of a full disk without saying so.
            np.save(_Stream(file.write), content, allow_pickle=False)
            file.flush()
            _flush(file.fileno())
    elif isinstance(content, Packed):
        filename = f"{name}.npz"
        with (directory / filename).open("wb") as file:
            write_packed(file, content)
            file.flush()
            _flush(file.fileno())
    else:
        filename = f"{name}.json"
        with (directory / filename).open("w", encoding="utf-8") as file:
            file.write(_document(content))
            file.flush()
            _flush(file.fileno())
    return filename


def _document(content: Any) -> str:
    text = json.dumps(content, indent=1, sort_keys=True, allow_nan=False, ensure_ascii=False)
    if not _NOT_TEXT.search(text):
        return text
    return json.dumps(content, indent=1, sort_keys=True, allow_nan=False)


@dataclass(frozen=True)
class _Stream:
    write: Callable[[bytes], int]


def _why(path: Path, error: Exception) -> str:
    """What is wrong with an artefact; raises StoreError where the fault is not the artefact's."""
    if isinstance(error, OSError) and error.errno in UNREADABLE_NOW:
        raise StorageError(f"{error.filename or path}: cannot be read: {error.strerror}") from error
    return str(error) if isinstance(error, StoreError) else f"{path}: {one_line(error)}"


def _flush(descriptor: int) -> None:
    os.fsync(descriptor)


def _flush_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        _flush(descriptor)
    finally:
        os.close(descriptor)


def _text(path: Path) -> str:
    """A file of text; a link or a pipe in its place is none of the store's."""
    _regular(path)
    with open_content(path) as file:
        return file.read().decode()


def _sha256(path: Path) -> str:
    with open_content(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


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
