"""Let an encoder encode a catalogue, and believe nothing it returns before it has been checked."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recclaims.datasets.catalogue import Item
from recclaims.encoders.features import Features
from recclaims.encoders.protocol import Encoder
from recclaims.errors import FeatureError, RecclaimsError, UnknownNameError, one_line

#: What fills the row of an item that lacks the modality, from the rows of those that have it.
IMPUTATIONS: dict[str, Callable[[NDArray[np.float32]], NDArray[np.float32]]] = {
    "mean": lambda rows: rows.mean(axis=0, dtype=np.float64).astype(np.float32),
    "zero": lambda rows: np.zeros(rows.shape[1], dtype=np.float32),
}


def extract(
    encoder: Encoder,
    items: Sequence[Item],
    imputation: str = "",
    part: Callable[[Encoder], Features] | None = None,
) -> Features:
    """Encode the items that have the encoder's modality and fill the rows of the others.

    A composite encoder (with `parts` and `fuse`) is extracted part by part, each part imputing for itself; an
    item counts as imputed where every part was.

    Args:
        encoder: what encodes. Its optional `covers(item) -> bool` says which items it can encode; otherwise
            those that have its modality. Its optional `prepare(items)` sees the whole catalogue first.
        items: the catalogue.
        imputation: a name in IMPUTATIONS; empty: the encoder's own attribute of this name, else "mean".
        part: gives the features of a part, so that they can be kept; None extracts them here.

    Raises:
        FeatureError: the encoder failed, no item can be encoded, or the answer is not a finite matrix with one
            row per item sent; one line that names the encoder.
        UnknownNameError: no such imputation.
    """
    chosen = imputation
    imputation = chosen or getattr(encoder, "imputation", "mean")
    if imputation not in IMPUTATIONS:
        raise UnknownNameError.of("imputation", imputation, IMPUTATIONS)
    parts: Sequence[Encoder] = getattr(encoder, "parts", ())
    if parts:
        found = [part(one) if part else extract(one, items, chosen) for one in parts]
        fuse: Callable[..., object] = encoder.fuse  # type: ignore[attr-defined]
        fused, seconds = _timed(encoder, fuse, [features.matrix for features in found])
        matrix = _checked(fused, items, encoder)
        filled = np.logical_and.reduce([features.filled for features in found])
        total = seconds + sum(features.seconds for features in found)
        return Features(encoder.name, encoder.modality, matrix, filled, imputation, total)
    _timed(encoder, getattr(encoder, "prepare", lambda _: None), items)
    covers: Callable[[Item], bool] = getattr(encoder, "covers", lambda item: item.has(encoder.modality))
    covered = np.array(_timed(encoder, lambda these: [bool(covers(item)) for item in these], items)[0], dtype=bool)
    sent = [item for item, is_covered in zip(items, covered, strict=True) if is_covered]
    if not sent:
        raise FeatureError(f"encoder '{encoder.name}': none of {len(items):,} items has anything {encoder.modality}")
    answer, seconds = _timed(encoder, encoder.encode, sent)
    rows = _checked(answer, sent, encoder)
    if len(sent) == len(items):
        return Features(encoder.name, encoder.modality, rows, ~covered, imputation, seconds)
    matrix = np.empty((len(items), rows.shape[1]), dtype=np.float32)
    matrix[covered] = rows
    matrix[~covered] = IMPUTATIONS[imputation](rows)
    return Features(encoder.name, encoder.modality, matrix, ~covered, imputation, seconds)


def _timed(encoder: Encoder, function: Callable[..., object], argument: object) -> tuple[object, float]:
    started = time.perf_counter()
    try:
        answer = function(argument)
    except RecclaimsError:
        raise
    except Exception as error:  # a plugin's code
        raise FeatureError(f"encoder '{encoder.name}' failed: {one_line(error)}") from error
    return answer, time.perf_counter() - started


def _checked(answer: Any, items: Sequence[Item], encoder: Encoder) -> NDArray[np.float32]:
    """Return the answer as a float32 matrix, or say what is wrong with it."""
    name = f"encoder '{encoder.name}'"
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
    wrong = np.argwhere(~np.isfinite(matrix))
    if len(wrong):
        row, column = wrong[0]
        raise FeatureError(
            f"{name} returned {len(wrong):,} values that are NaN or inf, "
            f"the first for item '{items[row].item_id}', column {column}"
        )
    return matrix
