"""Files of a report, written so that a reader sees the old one or the new one, whole."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from recclaims.declared import said
from recclaims.errors import RecclaimsError, foreign
from recclaims.store import Store, is_dead

if TYPE_CHECKING:
    from recclaims._model.results import ResultsDocument


@contextlib.contextmanager
def draft_of(path: Path) -> Iterator[Path]:
    """Give a path to write to, and put it in the place of `path` at the end; where something is raised, remove it.

    What killed processes of this machine have left of the same file is removed, too.
    """
    for left in path.parent.glob(f".{path.name}.*"):
        if is_dead(left.name.removeprefix(f".{path.name}.")):
            left.unlink(missing_ok=True)
    draft = path.with_name(f".{path.name}.{Store.draft_prefix()}")
    try:
        yield draft
        with draft.open("rb") as file:
            os.fsync(file.fileno())  # renamed before it is on the disk, it would be empty after a power cut
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def write_atomically(path: Path, text: str) -> None:
    """Write a text file so that a reader sees the old one or the new one, whole; raises OSError."""
    with draft_of(path) as draft:
        draft.write_text(text, encoding="utf-8")


def rendered(reporter: Any, document: ResultsDocument) -> str:
    """The text that a reporter makes of results: of the typed document if it is `typed`, or else of a plain dict.

    Raises:
        TypeError: it is no text.
    """
    typed = said(reporter, "typed") is True
    text = reporter.render(document if typed else document.as_json())
    if not isinstance(text, str):
        raise TypeError(f"render() returned a {type(text).__name__}, not a string")
    return text


def place_of(reporter: Any, directory: Path) -> Path:
    """Where a reporter's file goes.

    Raises:
        ValueError: its `filename` is no name of a file in the folder of the report.
    """
    name = said(reporter, "filename")
    if not isinstance(name, str) or Path(name).name != name or name == "results.json":
        raise ValueError(f'its filename is {name!r}; write the name of a file, as in filename = "mine.txt"')
    return directory / name


def write_reports(document: ResultsDocument, reporters: Mapping[str, Any], directory: Path) -> list[str]:
    """Write every reporter's file; return a line for each that failed, which costs the others nothing."""
    failed = []
    for name, reporter in reporters.items():
        try:
            with foreign(f"reporter '{name}' failed"):  # after hours of training
                made = reporter()
                write_atomically(place_of(made, directory), rendered(made, document))
        except RecclaimsError as error:
            failed.append(str(error))
    return failed
