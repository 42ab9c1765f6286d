"""Long encodings in chunks, each an artefact of its own: a run that is killed goes on where it stopped.

Processes that encode the same share the work: each takes a chunk that nobody has locked, and finds the others'
in the store. A lock is freed by the system when its holder dies.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from filelock import FileLock, Timeout

from recclaims.features.encoded import Encoded

if TYPE_CHECKING:
    from recclaims.data.catalogue import Item
    from recclaims.store import Store

KIND = "chunks"
Span = tuple[int, int]
#: Encodes items: what came of it, and the seconds it took.
Compute = Callable[[Sequence["Item"]], tuple[Encoded, float]]


@dataclass(frozen=True)
class EncodingProgress:
    """How far an encoding is.

    Attributes:
        encoder: its name.
        done, total: items.
        seconds_left: at the pace of this process; None before its first chunk.
    """

    encoder: str
    done: int
    total: int
    seconds_left: float | None = None


Tell = Callable[[EncodingProgress], None]


@dataclass(frozen=True)
class Chunks:
    """The chunks of one encoding in a store.

    Attributes:
        store: where they lie.
        recipe: everything the features depend on, versions of libraries included.
    """

    store: Store
    recipe: Mapping[str, Any]

    def find(self, span: Span) -> tuple[Encoded, float] | None:
        """The chunk of these items with the seconds it took, or None; one that is damaged counts as absent."""
        artefact = self.store.find(KIND, self._recipe(span))
        if artefact is None:
            return None
        facts = artefact.json("facts")
        return Encoded(np.array(artefact.array("matrix")), facts["records"]), facts["seconds"]

    def save(self, span: Span, encoded: Encoded, seconds: float) -> None:
        """Keep a chunk."""
        facts = {"records": [dict(record) for record in encoded.records], "seconds": seconds}
        self.store.save(KIND, self._recipe(span), {"matrix": encoded.matrix, "facts": facts})

    def lock(self, span: Span) -> FileLock:
        """The lock of a chunk between processes."""
        return self.store.lock(KIND, self._recipe(span))

    def _recipe(self, span: Span) -> dict[str, Any]:
        return {"features": dict(self.recipe), "from": span[0], "to": span[1]}


def encode_in_chunks(
    items: Sequence[Item], size: int, compute: Compute, chunks: Chunks | None, tell: Callable[[int, float | None], None]
) -> tuple[Encoded, float]:
    """Bring every chunk of the items to a result, from the store or by computing it.

    Args:
        items: what is encoded, n of them.
        size: items a chunk.
        compute: encodes a chunk; its fault ends the encoding, and what is kept stays.
        chunks: where chunks are kept; None keeps none.
        tell: told the number of items done, and the seconds left.

    Returns:
        The whole, and the seconds that its chunks took, whoever computed them.
    """
    waiting = [(start, min(start + size, len(items))) for start in range(0, len(items), size)]
    done: dict[Span, tuple[Encoded, float]] = {}
    pace = _Pace(len(items))
    tell(0, None)

    def settle(span: Span, wait: bool) -> bool:
        found = chunks.find(span) if chunks else None
        if found is None and chunks:
            try:
                with chunks.lock(span).acquire(timeout=-1 if wait else 0):
                    found = chunks.find(span) or _computed(span)
            except Timeout:
                return False
        done[span] = found or _computed(span)
        tell(*pace.done(span, computed=span in mine))
        return True

    mine: set[Span] = set()

    def _computed(span: Span) -> tuple[Encoded, float]:
        mine.add(span)
        result = compute(items[slice(*span)])
        if chunks:
            chunks.save(span, *result)
        return result

    while waiting:
        # First whatever is free; when all that is left is in other hands, wait for one of them.
        left = [span for span in waiting if not settle(span, wait=False)]
        if left and len(left) == len(waiting):
            settle(left.pop(0), wait=True)
        waiting = left
    parts = [done[span] for span in sorted(done)]
    matrix = np.concatenate([encoded.matrix for encoded, _ in parts])
    records = [record for encoded, _ in parts for record in encoded.records]
    return Encoded(matrix, records), sum(seconds for _, seconds in parts)


class _Pace:
    """How many items are done, and how long the rest will take at this process's pace."""

    def __init__(self, total: int) -> None:
        self.total, self.count, self.computed, self.started = total, 0, 0, time.monotonic()

    def done(self, span: Span, computed: bool) -> tuple[int, float | None]:
        self.count += span[1] - span[0]
        self.computed += (span[1] - span[0]) * computed
        if not self.computed:
            return self.count, None
        elapsed = time.monotonic() - self.started
        return self.count, elapsed / self.computed * (self.total - self.count)
