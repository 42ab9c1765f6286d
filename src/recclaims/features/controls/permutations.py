"""Controls that give items the features of other items: nothing is drawn, all that was real stays real."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from recclaims.features.controls.rng import stream
from recclaims.features.encoded import Block

Matrix = NDArray[np.float32]


def permuted(matrix: Matrix, seed: int) -> Matrix:
    """Give every item the features of another, by one random permutation of the rows.

    Preserves the set of rows, so all marginals, norms, covariance and the shape of the neighbour graph;
    destroys only whose row is whose. The strictest single control.
    """
    return matrix[stream(seed, 0x9E1).permutation(len(matrix))]


def permuted_per_modality(matrix: Matrix, seed: int, blocks: Sequence[Block]) -> Matrix:
    """Give every item the image features of one item and the text features of another.

    One permutation for each modality, which all of its columns share. Preserves the set of rows within each
    modality, so its marginals, norms, covariance and neighbour graph; destroys whose row is whose, and with it
    that the modalities of a row speak of the same item (their correlation, the graph of all columns).
    """
    random = stream(seed, 0x9E2)
    modalities = dict.fromkeys(block.modality for block in blocks)
    order = {modality: random.permutation(len(matrix)) for modality in modalities}
    made, start = np.empty_like(matrix), 0
    for block in blocks:
        columns = slice(start, start + block.width)
        made[:, columns] = matrix[order[block.modality], columns]
        start += block.width
    return made


def permuted_within_category(matrix: Matrix, seed: int, categories: NDArray[np.int64]) -> Matrix:
    """Give every item the features of an item of its own category.

    Preserves what `permuted` does and the set of rows of each category, so that features still tell the
    category; destroys what they say beyond it. An item alone in its category keeps its row.
    """
    shuffled = stream(seed, 0x9E3).permutation(len(matrix))
    # Both orders list the categories one after the other: each place meets one of its own category.
    places = np.argsort(categories, kind="stable")
    givers = shuffled[np.argsort(categories[shuffled], kind="stable")]
    made = np.empty_like(matrix)
    made[places] = matrix[givers]
    return made
