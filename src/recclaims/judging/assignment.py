"""Luck in which item got which features: how much of it could be in an effect against noise.

Real features were assigned to the items once; noise is assigned anew. Were the real ones noise, they would be one
more assignment. What another would have changed is a variance v that no replicate of the real ones shows. So each
assignment of the noise serves two replicates: values of a pair share it, values of two pairs do not.

    y_pj = effect + real - noise_p + e_pj,    real, noise_p ~ (0, v),    e_pj ~ (0, s^2)

The share rho = v/s^2 follows from pairs that differ more than replicates within a pair. Few pairs say little of it,
so it is not estimated and taken for true: the error of the effect is a mixture over rho, weighted by the likelihood
of what is left when the effect is estimated (REML: Patterson & Thompson 1971) and by a prior with median PRIOR, which
is scale-free and the same for every case. Given rho everything is exact: a t distribution with R - 1 degrees of
freedom. What that costs and how often it is wrong, by rho: `docs/methods.md`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

#: Prior medians of rho; its density is median / (median + rho)^2. Training adds luck of its own to every replicate:
#: trained recommenders were measured at .07 to .14. What only compares features has hardly any other luck.
TRAINED, PROBE = 0.1, 2.0
#: Quantiles of the prior at which the mixture is taken.
_QUANTILES = (np.arange(48) + 0.5) / 48


def scales(
    values: ArrayLike, groups: Sequence[int], luck: bool, prior: float = TRAINED
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The variance of the mean of `values` for each share of the assignment.

    Args:
        values: float (n_replicates,), at least 2 of them.
        groups: of each, which assignment it had.
        luck: whether they were compared with the real assignment, one among all that could have been.
        prior: the median of rho before anything is seen.

    Returns:
        Variances, and how likely each is, float64 (n_shares,) each; to be multiplied with a squared t variable of
        n_replicates - 1 degrees of freedom.
    """
    y = np.asarray(values, dtype=np.float64)
    n = len(y)
    # Equal values differ from their mean by its rounding, for some shares and not for others.
    if np.ptp(y) <= n * np.finfo(np.float64).eps * np.abs(y).max():
        return np.zeros(1), np.ones(1)
    index = np.unique(np.asarray(groups), return_inverse=True)[1]
    sizes = np.bincount(index).astype(np.float64)
    means = np.bincount(index, weights=y) / sizes
    within = float(np.square(y - means[index]).sum())
    rho = prior * _QUANTILES / (1 - _QUANTILES)
    spread = rho[:, None] + 1 / sizes  # of a group's mean, in units of s^2
    precision = (1 / spread).sum(axis=1)
    centre = (means / spread).sum(axis=1) / precision
    squares = within + (np.square(means - centre[:, None]) / spread).sum(axis=1)
    log_likelihood = -0.5 * (np.log(sizes * spread).sum(axis=1) + np.log(precision) + (n - 1) * np.log(squares))
    weights = np.exp(log_likelihood - log_likelihood.max())
    of_mean = rho * luck + (np.square(sizes / n) * spread).sum(axis=1)
    return squares / (n - 1) * of_mean, weights / weights.sum()
