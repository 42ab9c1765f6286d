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
from dataclasses import dataclass, replace

import numpy as np
import scipy
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

#: Prior medians of rho; its density is median / (median + rho)^2. Training adds luck of its own to every replicate:
#: trained recommenders were measured at .07 to .14. What only compares features has hardly any other luck.
TRAINED, PROBE = 0.1, 2.0
#: Quantiles of the prior at which the mixture is taken.
_QUANTILES = (np.arange(48) + 0.5) / 48


@dataclass(frozen=True)
class Shares:
    """What replicates say of the share of the assignment.

    Attributes:
        rho: shares, float64 (n_shares,).
        spread: s^2 with each of them, (n_shares,); to be multiplied with a squared t variable of n_replicates - 1
            degrees of freedom.
        weights: how likely each is, (n_shares,); sum 1.
        luck: whether the other arm has the real assignment, one among all that could have been.
        prior: the median of rho before anything was seen.
        sizes: replicates of each assignment, (n_assignments,).
    """

    rho: Floats
    spread: Floats
    weights: Floats
    luck: bool
    prior: float
    sizes: Floats

    @classmethod
    def of(cls, values: ArrayLike, groups: Sequence[int], luck: bool, prior: float = TRAINED) -> Shares:
        """Of replicates.

        Args:
            values: float (n_replicates,), at least 2 of them.
            groups: of each, which assignment it had.
            luck, prior: see the class.
        """
        y = np.asarray(values, dtype=np.float64)
        index = np.unique(np.asarray(groups), return_inverse=True)[1]
        sizes = np.bincount(index).astype(np.float64)
        # Equal values differ from their mean by its rounding, for some shares and not for others.
        if np.ptp(y) <= len(y) * np.finfo(np.float64).eps * np.abs(y).max():
            return cls(np.zeros(1), np.zeros(1), np.ones(1), luck, prior, sizes)
        means = np.bincount(index, weights=y) / sizes
        return cls._likely(sizes, means, float(np.square(y - means[index]).sum()), luck, prior)

    @classmethod
    def typical(cls, rho: float, spread: float, sizes: Floats, luck: bool, prior: float) -> Shares:
        """What replicates would say if rho and s^2 were these, and they were neither lucky nor unlucky."""
        scores = scipy.special.ndtri((np.arange(len(sizes)) + 0.5) / len(sizes))
        scores *= np.sqrt((len(sizes) - 1) / max(float(np.square(scores).sum()), 1e-300))
        means = scores * np.sqrt(spread * (rho + 1 / sizes))
        return cls._likely(sizes, means, spread * float((sizes - 1).sum()), luck, prior)

    @classmethod
    def _likely(cls, sizes: Floats, means: Floats, within: float, luck: bool, prior: float) -> Shares:
        n = float(sizes.sum())
        rho = prior * _QUANTILES / (1 - _QUANTILES)
        of_means = rho[:, None] + 1 / sizes  # variance of a group's mean, in units of s^2
        precision = (1 / of_means).sum(axis=1)
        centre = (means / of_means).sum(axis=1) / precision
        squares = within + (np.square(means - centre[:, None]) / of_means).sum(axis=1)
        log_likelihood = -0.5 * (np.log(sizes * of_means).sum(axis=1) + np.log(precision) + (n - 1) * np.log(squares))
        weights = np.exp(log_likelihood - log_likelihood.max())
        return cls(rho, squares / (n - 1), weights / weights.sum(), luck, prior, sizes)

    @property
    def noise(self) -> Floats:
        """Variance of the mean that more replicates make smaller, by share, (n_shares,)."""
        return self.spread * self._of_groups

    @property
    def variance(self) -> Floats:
        """Variance of the mean, by share, (n_shares,)."""
        return self.spread * (self.rho * self.luck + self._of_groups)

    @property
    def _of_groups(self) -> Floats:
        found: Floats = (np.square(self.sizes / self.sizes.sum()) * (self.rho[:, None] + 1 / self.sizes)).sum(axis=1)
        return found

    def gathered(self, count: int) -> Shares:
        """At most `count` shares instead of all: means of neighbours that together are about equally likely."""
        middles = np.cumsum(self.weights) - self.weights / 2
        where = np.unique(np.minimum(middles * count, count - 1).astype(int), return_inverse=True)[1]
        weights: Floats = np.bincount(where, self.weights).astype(np.float64)
        rho, spread = (np.bincount(where, self.weights * values) / weights for values in (self.rho, self.spread))
        return replace(self, rho=rho, spread=spread, weights=weights)
