"""Controls that draw features at random, each keeping one thing more or less of the real ones."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from recclaims.features.controls.rng import stream

Matrix = NDArray[np.float32]

#: Length of the noise on a constant row, relative to the row. The cosines of its pairs then spread by
#: 0.005 sqrt(2 / d), and two that follow each other among the ten nearest differ by a hundred times what float32 can
#: tell (1e-7).
TIE_BREAK = 0.05
#: Entries of a block of mixing weights held at once.
BLOCK = 1 << 24


def gaussian(matrix: Matrix, seed: int) -> Matrix:
    """Draw every entry from a normal distribution with its column's mean and standard deviation.

    Preserves the mean and variance of each dimension; destroys the correlation of dimensions, the
    distribution of norms and the neighbour graph.
    """
    drawn = stream(seed, 0x6A5).standard_normal(matrix.shape, dtype=np.float32)
    mean, deviation = matrix.mean(axis=0, dtype=np.float64), matrix.std(axis=0, dtype=np.float64)
    made: Matrix = drawn * deviation.astype(np.float32) + mean.astype(np.float32)
    return made


def gaussian_covariance(matrix: Matrix, seed: int) -> Matrix:
    """Draw every row from the normal distribution with the mean and covariance of the real rows.

    Preserves the mean and the covariance, so the rank, the spectrum and the directions in which items vary;
    destroys whatever is not in them: clusters, skew, sparsity, the neighbour graph.

    With X the centred matrix, a row z X / sqrt(n) with z standard normal (n) has the covariance X'X / n. With
    n > d the same comes cheaper from the triangle R of X = QR, since R'R = X'X. A d x d matrix is made only then,
    where it is the smaller one, and neither needs the covariance to be invertible.
    """
    from threadpoolctl import threadpool_limits

    n, d = matrix.shape
    mean = matrix.mean(axis=0, dtype=np.float64).astype(np.float32)
    centred = matrix - mean
    random, made = stream(seed, 0x6A6), np.empty_like(matrix)
    with threadpool_limits(1, user_api="blas"):  # how a product is shared out among threads shows in its last bits
        factor: Matrix = np.linalg.qr(centred, mode="r") if n > d else centred  # type: ignore[assignment]
        factor = factor / np.float32(np.sqrt(n))
        step = max(1, BLOCK // len(factor))
        for start in range(0, n, step):
            size = min(step, n - start)
            made[start : start + size] = random.standard_normal((size, len(factor)), dtype=np.float32) @ factor
    made += mean
    return made


def uniform(matrix: Matrix, seed: int) -> Matrix:
    """Draw every entry from the uniform distribution with its column's mean and standard deviation.

    The range is mean +- sqrt(3) standard deviations, not that of the data, which one outlier would decide.
    Preserves what `gaussian` does; destroys, besides, the tails: no entry is far from its column's mean.
    """
    drawn = stream(seed, 0x0F1).random(matrix.shape, dtype=np.float32)
    mean, deviation = matrix.mean(axis=0, dtype=np.float64), matrix.std(axis=0, dtype=np.float64)
    half = (np.sqrt(3.0) * deviation).astype(np.float32)
    made: Matrix = (2 * drawn - 1) * half + mean.astype(np.float32)
    return made


def isotropic(matrix: Matrix, seed: int) -> Matrix:
    """Give every item a direction uniform on the sphere, and the length of another item's row.

    Preserves the set of norms; destroys whose norm is whose, the mean, the scales and correlations of
    dimensions (rows of real encoders lie in a narrow cone) and the neighbour graph.
    """
    random = stream(seed, 0x150)
    directions = random.standard_normal(matrix.shape, dtype=np.float32)
    norms = np.linalg.norm(matrix.astype(np.float64), axis=1)[random.permutation(len(matrix))]
    lengths = np.linalg.norm(directions.astype(np.float64), axis=1)
    made: Matrix = (directions * (norms / np.where(lengths > 0, lengths, 1))[:, None]).astype(np.float32)
    return made


def constant(matrix: Matrix, seed: int) -> Matrix:
    """Give every item the mean row, with isotropic noise of 5 % of its length to break ties.

    Preserves the mean; destroys everything else. Without the noise all neighbours would be equally near and the
    order of the items would choose them. Where the mean is zero, as in centred features, the row is (1, 1, ...).
    """
    n, d = matrix.shape
    mean = matrix.mean(axis=0, dtype=np.float64)
    length = float(np.linalg.norm(mean))
    if length <= 1e-6 * float(np.sqrt((matrix.astype(np.float64) ** 2).sum() / n)):
        mean, length = np.ones(d), float(np.sqrt(d))
    drawn = stream(seed, 0xC05).standard_normal(matrix.shape, dtype=np.float32)
    made: Matrix = mean.astype(np.float32) + np.float32(TIE_BREAK * length / np.sqrt(d)) * drawn
    return made
