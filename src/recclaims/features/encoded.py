"""Features: an item x dimension matrix, with what must be known to trust it."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

#: A neighbour list or graph of features of which more is missing, zero or alike than this is decided by the
#: order of the items and not by their content; 91 % of one published data set's image rows were zero.
MOST_ZERO = 0.5
MOST_IMPUTED = 0.5
#: The largest share of keyword answers that may follow another prompt than the others.
MOST_DRIFTED = 0.1
#: Answers fit their images if their mean rank is so many standard deviations above chance; that they do not is said
#: where the items' own texts fit by so many.
LEAST_FIT, TELLS = 3.0, 5.0
MOST_ALIKE = 0.5
#: Rows no longer than this have no direction that float32 can tell: they count as zero. Squares of lengths beyond
#: the other bound leave float32, and cosines of such rows become zero without a sound.
SHORTEST, LONGEST = 1e-12, 1e18
#: An embedding read where an answer was cut off is not that of its end.
MOST_TRUNCATED = 0.1
#: Rows that are counted at once.
BLOCK = 4096


def lengths(matrix: NDArray[np.float32]) -> NDArray[np.float64]:
    """The Euclidean length of every row, float64 (n,), computed without a float64 copy of the matrix."""
    squares = np.einsum("ij,ij->i", matrix, matrix, dtype=np.float64, casting="safe")
    return np.asarray(np.sqrt(squares))


@dataclass(frozen=True)
class Encoded:
    """What an encoder may return instead of a bare matrix, to say more about each item.

    Attributes:
        matrix: float32 (n, d); the row of an item that failed is ignored.
        records: n mappings of JSON values, one per item. `error`, one line, says why an item could not be encoded; it
            is then imputed like one without the modality. `truncated` is true if an answer was cut off, `cut` if the
            item's text is longer than the encoder reads. `text` and `tokens` describe the answer. `device` and `batch`
            say what computed the row, and with how many others; both affect the last digits.
    """

    matrix: NDArray[np.float32]
    records: Sequence[Mapping[str, Any]]


def merged(parts: Sequence[Sequence[Mapping[str, Any]]]) -> list[Mapping[str, Any]]:
    """What the parts' records say of each item of a fusion: what befell it in any of them; none where none has any."""
    told = [part for part in parts if part]
    return [
        {key: one[key] for one in reversed(of_one) for key in ("error", "truncated", "cut") if one.get(key)}
        for of_one in zip(*told, strict=True)
    ]


def made_on(records: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """By device and batch, how many items it computed; those of most items first."""
    counts = Counter((record["device"], record["batch"]) for record in records if {"device", "batch"} <= record.keys())
    return [{"device": device, "batch": batch, "items": n} for (device, batch), n in counts.most_common()]


def shown_made(made: Sequence[Mapping[str, Any]]) -> str:
    """`cuda (NVIDIA H100): batches of 8 (1,200 items), 4 (64)`; empty where nothing is known."""
    devices = dict.fromkeys(str(one["device"]) for one in made)
    batches = {
        device: ", ".join(f"{one['batch']} ({one['items']:,})" for one in made if one["device"] == device)
        for device in devices
    }
    return "; ".join(f"{device}: batches of {of}" for device, of in batches.items())


@dataclass(frozen=True)
class Block:
    """Columns of a feature matrix that one encoder made: a part of a fusion that puts parts side by side."""

    encoder: str
    modality: str
    width: int


@dataclass(frozen=True)
class Features:
    """The features that an encoder made from a catalogue.

    Attributes:
        encoder: the encoder's name.
        modality: visual, textual or multimodal.
        matrix: float32 (n_items, d), finite, row i for item i of the catalogue.
        filled: bool (n_items,), True for rows that were imputed because their item lacks the modality.
        imputation: how they were filled ("mean").
        seconds: wall-clock time of encoding, including loading the weights.
        blocks: what the columns are made of, in order; empty if they cannot be told apart.
        separate: whether a recommender gets the blocks as separate modalities.
        records: see Encoded; one per item, empty for items that were not encoded; most encoders give none.
    """

    encoder: str
    modality: str
    matrix: NDArray[np.float32]
    filled: NDArray[np.bool_]
    imputation: str = "mean"
    seconds: float = 0.0
    blocks: tuple[Block, ...] = ()
    separate: bool = False
    records: Sequence[Mapping[str, Any]] = ()

    def content(self, matrix: NDArray[np.float32], apart: bool = False) -> dict[str, NDArray[np.float32]]:
        """What a recommender gets, by modality: the whole matrix, or its blocks if they are separate.

        Blocks of one modality are numbered: `textual`, `textual_2`.

        Args:
            matrix: float32 (n_items, d): these features', or what replaces them.
            apart: whether the recommender wants blocks, wherever there are any, as if they were separate.
        """
        if not (self.separate or (apart and self.blocks)):
            return {self.modality: matrix}
        found: dict[str, NDArray[np.float32]] = {}
        seen: Counter[str] = Counter()
        start = 0
        for block in self.blocks:
            seen[block.modality] += 1
            number = f"_{seen[block.modality]}" if seen[block.modality] > 1 else ""
            found[block.modality + number] = np.ascontiguousarray(matrix[:, start : start + block.width])
            start += block.width
        return found


def cosines(a: NDArray[np.float32], b: NDArray[np.float32]) -> NDArray[np.float64]:
    """The cosine of each row of one matrix with the same row of another, float64 (n,); 0 where a row is zero."""
    rows = [np.asarray(matrix, dtype=np.float64) for matrix in (a, b)]
    scale = np.linalg.norm(rows[0], axis=1) * np.linalg.norm(rows[1], axis=1)
    product: NDArray[np.float64] = (rows[0] * rows[1]).sum(axis=1) / np.where(scale > 0, scale, 1)
    return product


def unit_rows(matrix: NDArray[np.float32]) -> NDArray[np.float32]:
    """Rows scaled to length 1; a zero row stays zero: float32 (n, d)."""
    norms = np.linalg.norm(matrix, axis=1, keepdims=True)
    norms[norms == 0] = 1
    unit: NDArray[np.float32] = matrix / norms
    return unit


def side_by_side(matrices: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
    """Rows scaled to length 1, then joined: float32 (n, d1), (n, d2), ... -> (n, d1 + d2 + ...)."""
    return np.concatenate([unit_rows(matrix) for matrix in matrices], axis=1).astype(np.float32)


@dataclass(frozen=True)
class FeatureReport:
    """Counts that say whether features can carry a claim.

    Attributes:
        items, dimension: the shape of the matrix.
        imputed: rows filled in because their item lacks the modality.
        zero_rows: rows of zeros, or of a length of at most SHORTEST.
        duplicate_rows: rows equal to an earlier one; imputed rows are left out.
        largest_group: how many rows the most frequent one stands in; imputed rows are left out.
        failed: items that could not be encoded, as with a broken image; they are imputed.
        truncated: items whose answer, or whose text, was cut off before its end.
        cut_texts: those of them whose text was, because the encoder reads no further.
    """

    items: int
    dimension: int
    imputed: int
    zero_rows: int
    duplicate_rows: int
    largest_group: int
    failed: int = 0
    truncated: int = 0
    cut_texts: int = 0

    @classmethod
    def of(cls, features: Features) -> FeatureReport:
        """Count, by SHA-256 of the rows: features may be too large to be sorted beside themselves."""
        matrix, filled = features.matrix, features.filled
        counts: Counter[bytes] = Counter()
        n_zero = 0
        for start in range(0, len(matrix), BLOCK):
            rows = np.ascontiguousarray(matrix[start : start + BLOCK]) + np.float32(0)  # -0.0 becomes 0.0
            n_zero += int((lengths(rows) <= SHORTEST).sum())
            counts.update(hashlib.sha256(row).digest() for row in rows[~filled[start : start + BLOCK]])
        return cls(
            items=len(matrix),
            dimension=matrix.shape[1],
            imputed=int(filled.sum()),
            zero_rows=n_zero,
            duplicate_rows=counts.total() - len(counts),
            largest_group=max(counts.values(), default=0),
            failed=sum("error" in record for record in features.records),
            truncated=sum(bool(record.get("truncated") or record.get("cut")) for record in features.records),
            cut_texts=sum(bool(record.get("cut")) for record in features.records),
        )

    def inadmissible(self, cut_off: bool = True) -> str | None:
        """Why no claim can rest on these features, or None.

        Args:
            cut_off: whether answers that were cut off count against them.
        """
        for count, most, what in (
            (self.imputed, MOST_IMPUTED, "are imputed"),
            (self.zero_rows, MOST_ZERO, "are zero"),
            (self.largest_group, MOST_ALIKE, "share one row"),
        ):
            if count > most * self.items and count > 1:
                return f"{count:,} of {self.items:,} items {what} (at most {100 * most:.0f} %)"
        encoded = self.items - self.imputed
        answers = self.truncated - self.cut_texts
        if cut_off and answers > MOST_TRUNCATED * encoded:
            return (
                f"{answers:,} of {encoded:,} answers were cut off (at most {100 * MOST_TRUNCATED:.0f} %): "
                "raise max_new_tokens"
            )
        return None
