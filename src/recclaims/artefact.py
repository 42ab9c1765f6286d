"""One artefact on disk: its key, its files with their manifest, and whether they are as they were written.

A manifest has the recipe of the artefact, and size and SHA-256 of every file. The key is the SHA-256 of kind and
recipe, so whatever changes a result must be in the recipe. `store.py` says where artefacts lie and replaces them.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
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
#: What stands in a path for bytes that are no UTF-8.
_NOT_TEXT = re.compile("[\ud800-\udfff]")

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
            raise StoreError(f"{self.path / filename}: does not belong to the artefact: its manifest does not list it")
        return self.path / filename


def check_artefact(kind: str, path: Path) -> tuple[Artefact | None, str | None]:
    """Read what lies at a path of the store: the artefact, or what is wrong with it; neither where it has gone."""
    try:
        recipe = json.loads(_text(path / MANIFEST))["recipe"]
        if key_of(kind, recipe) != path.name:
            raise StoreError(f"{path / MANIFEST}: recipe does not match its key")
    except FileNotFoundError:
        return None, _missing(path)
    except FAULTS as error:
        return None, _why(path / MANIFEST, error)
    return read_artefact(path, recipe)


def read_artefact(path: Path, recipe: Mapping[str, Any]) -> tuple[Artefact | None, str | None]:
    """The artefact that lies there, or why it is none; neither where there is nothing."""
    try:
        text = _text(path / MANIFEST)
        manifest = json.loads(text)
        for name, facts in manifest["files"].items():
            if Path(name).name != name:
                raise StoreError(f"{path / MANIFEST}: '{name}' is not a file name")
            if _regular(path / name).st_size != facts["bytes"]:
                raise StoreError(f"{path / name}: size does not match")
            if _sha256(path / name) != facts["sha256"]:
                raise StoreError(f"{path / name}: checksum does not match")
        # Hidden ones are those of file systems, as .nfs0123 for what was removed while it was open.
        strange = {one.name for one in path.iterdir() if one.name[0] != "."} - {MANIFEST, *manifest["files"]}
        if strange:
            raise StoreError(f"{path / min(strange)}: the artefact's manifest does not list it")
        if manifest["recipe"] != json.loads(canonical(recipe)):
            raise StoreError(f"{path / MANIFEST}: recipe does not match its key")
        datetime.fromisoformat(manifest["created"])
        whose = manifest["schema"], manifest["kind"], manifest["key"]
        # The manifest has no checksum, but one way to be written.
        if whose != (SCHEMA, path.parents[1].name, path.name) or text != artefact_json(manifest):
            raise StoreError(f"{path / MANIFEST}: it has changed since it was written")
    except FileNotFoundError:
        return None, _missing(path)
    except FAULTS as error:
        return None, _why(path / MANIFEST, error)
    return Artefact(path, manifest), None


def write_artefact(folder: Path, kind: str, recipe: Mapping[str, Any], files: Mapping[str, Content]) -> dict[str, Any]:
    """Write the files of an artefact and its manifest into a folder, to the disk; return the manifest.

    Raises:
        OSError: the disk is full, or the place cannot be written.
    """
    names = [_write(folder, name, content) for name, content in files.items()]
    manifest = {
        "schema": SCHEMA,
        "kind": kind,
        "key": key_of(kind, recipe),
        "recipe": json.loads(canonical(recipe)),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "files": {name: {"sha256": _sha256(folder / name), "bytes": (folder / name).stat().st_size} for name in names},
    }
    _write(folder, MANIFEST.removesuffix(".json"), manifest)
    flush_directory(folder)
    return manifest


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
        what = "a link" if stat.S_ISLNK(found.st_mode) else "not a regular file"
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
            file.write(artefact_json(content))
            file.flush()
            _flush(file.fileno())
    return filename


def artefact_json(content: Any) -> str:
    """A document as artefacts have it; with escapes only where UTF-8 has no bytes for it."""
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


def flush_directory(directory: Path) -> None:
    """Wait until the disk has a directory's entries."""
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
