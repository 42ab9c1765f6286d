"""Bad lines: counted by file and kind, shown with the first of each, and bounded."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from recclaims import DatasetError

CORRUPT = "corrupt line"
NUL = "line with NUL bytes"
NOT_UTF8 = "line that is not UTF-8"
TOO_LONG = "line that is too long"
MISSING = "line that lacks a field"
WRONG_TYPE = "line with a field of the wrong type"
TRUNCATED = "truncated gzip, so that the rest is lost"
BROKEN_GZIP = "corrupt gzip, so that the rest is lost"
#: What is wrong with one line, not with the file.
OF_LINES = (CORRUPT, NUL, NOT_UTF8, TOO_LONG, MISSING, WRONG_TYPE)
UNKNOWN = "review of an unknown parent_asin"


@dataclass
class Faults:
    """What was bad, and how much of it is borne.

    Attributes:
        most: how many are borne, over all kinds and files.
        counts: by file and kind, how many; in the order they were met.
        first: by file and kind, the first line's number, and what it is about.
    """

    most: int
    counts: dict[tuple[str, str], int] = field(default_factory=dict)
    first: dict[tuple[str, str], str] = field(default_factory=dict)

    @property
    def total(self) -> int:
        """How many there are."""
        return sum(self.counts.values())

    def of(self, path: Path, *kinds: str) -> int:
        """How many there are of these kinds in this file."""
        return sum(self.counts.get((path.name, kind), 0) for kind in kinds)

    def add(self, path: Path, kind: str, line: int, about: str = "") -> None:
        """Count the line of this number (the first is 1)."""
        key = path.name, kind
        self.counts[key] = self.counts.get(key, 0) + 1
        self.first.setdefault(key, f"line {line:,}" + (f", {about}" if about else ""))

    def add_many(self, path: Path, kind: str, count: int, about: str) -> None:
        """Count what has no line of its own."""
        if count:
            self.counts[path.name, kind] = self.counts.get((path.name, kind), 0) + count
            self.first.setdefault((path.name, kind), about)

    def rows(self) -> Iterator[tuple[str, int]]:
        """Each kind with how many there were."""
        for (name, kind), count in self.counts.items():
            yield f"{name}: {kind} (first: {self.first[name, kind]})", count

    def check(self) -> None:
        """Raise DatasetError, in one line, where there are more than are borne."""
        if self.total > self.most:
            kinds = "; ".join(f"{what}: {count:,}" for what, count in self.rows())
            raise DatasetError(f"{self.total:,} bad lines so far, and --max-bad is {self.most:,}: {kinds}")
