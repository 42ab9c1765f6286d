"""Let an encoder encode a catalogue, and believe nothing it returns before it has been checked."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recclaims.data.catalogue import Item
from recclaims.errors import FeatureError, UnknownNameError, foreign
from recclaims.features.chunks import Chunks, EncodingProgress, Tell, encode_in_chunks
from recclaims.features.encoded import LONGEST, Block, Encoded, Features, lengths, merged
from recclaims.features.protocol import Encoder
from recclaims.features.records import checked_records
from recclaims.features.spec import EncoderSpec, methods_of, spec_of

#: What fills the row of an item that lacks the modality, from the rows of those that have it.
IMPUTATIONS: dict[str, Callable[[NDArray[np.float32]], NDArray[np.float32]]] = {
    "mean": lambda rows: rows.mean(axis=0, dtype=np.float64).astype(np.float32),
    "zero": lambda rows: np.zeros(rows.shape[1], dtype=np.float32),
}
#: Rows that are checked at once.
BLOCK = 4096


def extract(
    encoder: Encoder,
    items: Sequence[Item],
    imputation: str = "",
    part: Callable[[Encoder], Features] | None = None,
    chunks: Chunks | None = None,
    tell: Tell = lambda _: None,
) -> Features:
    """Encode the items that have the encoder's modality and fill the rows of the others.

    A composite encoder (with `parts` and `fuse`) is extracted part by part, each part imputing for itself; an
    item counts as imputed where every part was.

    Args:
        encoder: what encodes; see spec for what it may declare and do.
        items: the catalogue.
        imputation: a name in IMPUTATIONS; empty: the encoder's own.
        part: gives the features of a part, so that they can be kept; None extracts them here.
        chunks: where an encoder that works in chunks (with `chunk`) keeps them.
        tell: told after every chunk how far such an encoder is.

    Raises:
        FeatureError: the encoder failed, no item can be encoded, or the answer is not a finite matrix with one
            row per item sent; one line that names the encoder.
        UnknownNameError: no such imputation.
    """
    items = tuple(items)  # what a plugin does to a list would be done to the catalogue
    chosen = imputation
    spec, methods = spec_of(encoder), methods_of(encoder)
    imputation = chosen or spec.imputation
    if imputation not in IMPUTATIONS:
        raise UnknownNameError.of("imputation", imputation, IMPUTATIONS)
    if methods.fuse:
        found = [part(one) if part else extract(one, items, chosen) for one in spec.parts]
        matrix, seconds = fuse(encoder, [features.matrix for features in found], items)
        filled = np.logical_and.reduce([features.filled for features in found])
        total = seconds + sum(features.seconds for features in found)
        blocks = _blocks(encoder, found, matrix) if spec.side_by_side else ()
        records = merged([features.records for features in found])
        return Features(
            encoder.name, encoder.modality, matrix, filled, imputation, total, blocks, spec.separate, records
        )
    if methods.prepare:
        _timed(encoder, methods.prepare, items)
    covers = methods.covers or (lambda item: item.has(encoder.modality))
    covered = np.array(_timed(encoder, lambda these: [bool(covers(item)) for item in these], items)[0], dtype=bool)
    sent = [item for item, is_covered in zip(items, covered, strict=True) if is_covered]
    if not sent:
        raise FeatureError(f"encoder '{encoder.name}': none of {len(items):,} items has {encoder.modality} content")
    encoded, seconds = _encode(encoder, spec, sent, chunks, tell)
    told: list[Mapping[str, Any]] = [{} for _ in items]
    for place, record in zip(np.flatnonzero(covered), encoded.records, strict=False):
        told[place] = record
    failed = np.array(["error" in record for record in told])
    good = ~failed[covered]
    if not good.any():
        raise FeatureError(f"encoder '{encoder.name}' failed for every item: {encoded.records[0]['error']}")
    covered &= ~failed
    matrix = encoded.matrix
    if not covered.all():
        matrix = np.empty((len(items), encoded.matrix.shape[1]), dtype=np.float32)
        matrix[covered] = encoded.matrix[good]
        matrix[~covered] = IMPUTATIONS[imputation](encoded.matrix[good])
    kept = told if encoded.records else ()
    return Features(encoder.name, encoder.modality, matrix, ~covered, imputation, seconds, records=kept)


def fuse(
    encoder: Encoder, matrices: Sequence[NDArray[np.float32]], items: Sequence[Item]
) -> tuple[NDArray[np.float32], float]:
    """Fuse the matrices of an encoder's parts, a row per item each.

    Returns:
        float32 (n, d), and how many seconds that took.

    Raises:
        FeatureError: it failed, or did not make a finite matrix of as many rows.
    """
    methods = methods_of(encoder)
    assert methods.fuse  # noqa: S101 - of an encoder with parts, see spec
    fused, seconds = _timed(encoder, methods.fuse, matrices)
    return _checked(fused, items, encoder), seconds


def _encode(
    encoder: Encoder, spec: EncoderSpec, sent: Sequence[Item], chunks: Chunks | None, tell: Tell
) -> tuple[Encoded, float]:
    width = 0

    def compute(items: Sequence[Item]) -> tuple[Encoded, float]:
        nonlocal width
        answer, seconds = _timed(encoder, encoder.encode, items)
        encoded = _whole(answer, items, encoder)
        found = encoded.matrix.shape[1]
        if width not in (0, found):
            raise FeatureError(
                f"encoder '{encoder.name}' returned {found:,} columns from item '{items[0].item_id}' on, and {width:,} "
                "before"
            )
        width = found
        return encoded, seconds

    def told(done: int, seconds_left: float | None) -> None:
        tell(EncodingProgress(encoder.name, done, len(sent), seconds_left))

    return encode_in_chunks(sent, spec.chunk, compute, chunks, told) if spec.chunk else compute(sent)


def _blocks(encoder: Encoder, parts: Sequence[Features], matrix: NDArray[np.float32]) -> tuple[Block, ...]:
    blocks = tuple(Block(part.encoder, part.modality, part.matrix.shape[1]) for part in parts)
    width = sum(block.width for block in blocks)
    if width != matrix.shape[1]:
        raise FeatureError(
            f"encoder '{encoder.name}' declares side_by_side, but {width:,} columns became {matrix.shape[1]:,}"
        )
    return blocks


def _timed(encoder: Encoder, function: Callable[..., object], argument: object) -> tuple[object, float]:
    started = time.perf_counter()
    with foreign(f"encoder '{encoder.name}' failed", FeatureError):
        answer = function(argument)
    return answer, time.perf_counter() - started


def _whole(answer: object, items: Sequence[Item], encoder: Encoder) -> Encoded:
    """Check a bare matrix, or the rows of an Encoded that did not fail; those that did become zero."""
    if not isinstance(answer, Encoded):
        return Encoded(_checked(answer, items, encoder), ())
    records = checked_records(answer.records, items, f"encoder '{encoder.name}'")
    failed = np.array(["error" in record for record in records], dtype=bool)
    matrix = answer.matrix
    if isinstance(matrix, np.ndarray) and len(matrix) == len(items):
        matrix = matrix.copy()
        matrix[failed] = 0
    return Encoded(_checked(matrix, items, encoder), records)


def _checked(answer: Any, items: Sequence[Item], encoder: Encoder) -> NDArray[np.float32]:
    """Return the answer as a float32 matrix, or say what is wrong with it."""
    name = f"encoder '{encoder.name}'"
    if isinstance(answer, np.ma.MaskedArray):
        raise FeatureError(f"{name} returned a masked array; masked entries have no value")
    if not isinstance(answer, np.ndarray):
        raise FeatureError(f"{name} returned a {type(answer).__name__}, not a numpy array")
    if answer.ndim != 2 or answer.shape[1] == 0:
        raise FeatureError(f"{name} returned an array of shape {answer.shape}, not (items, dimensions)")
    if len(answer) != len(items):
        raise FeatureError(f"{name} returned {len(answer):,} rows for {len(items):,} items")
    if answer.dtype.kind not in "fiub":
        raise FeatureError(f"{name} returned values of type {answer.dtype}, not numbers")
    with np.errstate(over="ignore"):  # a float64 beyond float32 becomes inf, which is reported
        matrix = np.ascontiguousarray(answer, dtype=np.float32)
    # In blocks: a matrix may be mapped from disk and larger than what else fits beside it.
    wrong = [
        (start, np.argwhere(~np.isfinite(matrix[start : start + BLOCK]))) for start in range(0, len(matrix), BLOCK)
    ]
    count = sum(len(places) for _, places in wrong)
    if count:
        start, places = next(pair for pair in wrong if len(pair[1]))
        row, column = places[0]
        raise FeatureError(
            f"{name} returned {count:,} values that are NaN or inf, "
            f"the first for item '{items[start + row].item_id}', column {column}"
        )
    long = np.flatnonzero(lengths(matrix) > LONGEST)
    if len(long):
        raise FeatureError(
            f"{name} returned {len(long):,} rows longer than {LONGEST:g}, the first for item "
            f"'{items[long[0]].item_id}': their squares do not fit float32"
        )
    return matrix
