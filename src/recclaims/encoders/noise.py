"""Controls: what replaces real features, so that a claim about content can fail.

Each is a function of a matrix and a seed, and says what it preserves. Adding one is a function and a line in
CONTROLS.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recclaims.errors import UnknownNameError

Matrix = NDArray[np.float32]


@dataclass(frozen=True)
class Control:
    """A named control.

    Attributes:
        name: what tables and case names call it.
        version: part of every key; changes with the numbers.
        apply: (matrix float32 (n, d), seed) -> matrix of the same shape and type.
        preserves: what of the real features is left.
        keeps_sets: whether rows of 0 and 1 stay such rows.
    """

    name: str
    version: str
    apply: Callable[[Matrix, int], Matrix]
    preserves: str
    keeps_sets: bool = False


def permuted(matrix: Matrix, seed: int) -> Matrix:
    """Give every item the features of another, by one random permutation of the rows.

    Preserves the set of rows, so all marginals, norms, covariance and the shape of the neighbour graph;
    destroys only whose row is whose. The strictest single control.
    """
    return matrix[_random(seed, 0x9E1).permutation(len(matrix))]


def gaussian(matrix: Matrix, seed: int) -> Matrix:
    """Draw every entry from a normal distribution with its column's mean and standard deviation.

    Preserves the mean and variance of each dimension; destroys the correlation of dimensions, the
    distribution of norms and the neighbour graph.
    """
    drawn = _random(seed, 0x6A5).standard_normal(matrix.shape, dtype=np.float32)
    mean, deviation = matrix.mean(axis=0, dtype=np.float64), matrix.std(axis=0, dtype=np.float64)
    made: Matrix = drawn * deviation.astype(np.float32) + mean.astype(np.float32)
    return made


def _random(seed: int, stream: int) -> np.random.Generator:
    # A stream of its own: the same seed also draws splits, weights and samples.
    return np.random.default_rng([seed, stream])


CONTROLS = {
    control.name: control
    for control in (
        Control(
            "permuted", "1", permuted, "the set of rows: marginals, norms, covariance, graph shape", keeps_sets=True
        ),
        Control("gaussian", "1", gaussian, "the mean and variance of each dimension"),
    )
}


def find_control(name: str) -> Control:
    """Return the control called `name`; raise UnknownNameError with the nearest name otherwise."""
    if name not in CONTROLS:
        raise UnknownNameError.of("control", name, CONTROLS)
    return CONTROLS[name]
