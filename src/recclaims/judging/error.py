"""How far an estimate may be from the truth: a distribution with heavy tails, known but for a few variances.

The error of an effect is sqrt(v1) T1 + sqrt(v2) T2: what replicates differ in, with R - 1 degrees of freedom, and
what all of them share, their users, with U - 1 (Behrens-Fisher: Fisher 1935; Weerahandi 1993). Where luck in the
assignment of features to items counts, v1 depends on its share, which few replicates hardly show: the distribution is
then the mixture over the shares, weighted by what the replicates say of each (see `assignment`). Evaluated by
quadrature, without random numbers.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy
from numpy.typing import NDArray

from recclaims.judging.assignment import Shares

Floats = NDArray[np.float64]

#: Quantiles at which a chi-square variable is taken: more for the few replicates than for the many users.
_NODES, _USER_NODES = 64, 48
#: With more users than that, their part is as good as normal.
_MANY_USERS = 400


@dataclass(frozen=True)
class ErrorDistribution:
    """The distribution of an estimate around the truth: symmetric, with mean 0.

    Attributes:
        scales: variances of the replicates' part, one for each share of the assignment.
        weights: how likely each of them is; sum 1.
        dof: degrees of freedom of the replicates' part.
        users: variance of what all replicates share.
        users_dof: its degrees of freedom.
    """

    scales: tuple[float, ...]
    weights: tuple[float, ...]
    dof: float
    users: float = 0.0
    users_dof: float = math.inf

    @classmethod
    def over(cls, shares: Shares, dof: float, users: float = 0.0, users_dof: float = math.inf) -> ErrorDistribution:
        """The mixture over what replicates say of the share of the assignment."""
        return cls(tuple(shares.variance.tolist()), tuple(shares.weights.tolist()), dof, users, users_dof)

    @property
    def known(self) -> bool:
        """Whether there is a spread to judge by: one replicate, or one user, shows none."""
        return self.dof >= 1 and self.users_dof >= 1 and all(map(math.isfinite, (*self.scales, self.users)))

    @property
    def variance(self) -> float:
        """The mean of the parts' variances, without the tails."""
        return float(np.dot(self.scales, self.weights)) + self.users

    def tail(self, x: float) -> float:
        """P(|error| > x), two-sided; 1 where nothing is known."""
        if not self.known:
            return 1.0
        deviations, weights = self._nodes
        if not deviations.any():
            return float(x == 0)
        with np.errstate(divide="ignore"):
            return min(float(weights @ scipy.special.erfc(x / (math.sqrt(2) * deviations))), 1.0)

    def half_width(self, level: float) -> float:
        """What |error| exceeds with probability `level`; infinite where nothing is known. Found once a level."""
        if level not in self._half_widths:
            self._half_widths[level] = self._half_width(level) if self.known else math.inf
        return self._half_widths[level]

    def _half_width(self, level: float) -> float:
        spread = math.sqrt(self.variance)
        if spread == 0:
            return 0.0
        high = spread
        while self.tail(high) > level:
            high *= 2
        return float(scipy.optimize.brentq(lambda x: self.tail(x) - level, 0.0, high, xtol=1e-12 * spread, rtol=1e-10))

    @cached_property
    def _half_widths(self) -> dict[float, float]:
        return {}

    @cached_property
    def _nodes(self) -> tuple[Floats, Floats]:
        """Standard deviations of the normal variables of which this is a mixture, and their weights."""
        stretch, weights = inverse_chi_square(self.dof, _NODES)
        variances = np.outer(self.scales, stretch).ravel()
        weights = np.outer(self.weights, weights).ravel()
        if self.users > 0 and self.users_dof <= _MANY_USERS:
            more, of_users = inverse_chi_square(self.users_dof, _USER_NODES)
            variances = (variances[:, None] + self.users * more).ravel()
            weights = np.outer(weights, of_users).ravel()
        else:
            variances = variances + self.users
        return np.sqrt(variances), weights


def inverse_chi_square(dof: float, nodes: int) -> tuple[Floats, Floats]:
    """Nodes dof/chi2 and weights that integrate over a chi-square variable with `dof` degrees of freedom.

    The trapezoid rule in x = log sqrt(chi2/dof), whose log density is -dof (exp(2x)/2 - x): analytic with both tails
    negligible, so that it converges faster than any power of the step.
    """
    cut = 36.0 / dof
    count = nodes + int(nodes / dof) if dof < 30 else nodes // 2
    x = np.linspace(-min(cut + 0.5, 2 * math.sqrt(cut)) if cut < 0.3 else -cut - 0.5, math.sqrt(cut), count)
    weights = np.exp(-dof * (np.exp(2 * x) / 2 - x - 0.5))
    return np.exp(-2 * x), weights / weights.sum()
