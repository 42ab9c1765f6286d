"""One effect from those of several data sets: what they share, how much they differ, what to expect of the next one.

    y_i = mu + u_i + e_i,    u_i ~ N(0, tau^2) of the data set,    e_i ~ N(0, s_i^2) with s_i known

tau^2 by Paule & Mandel (1982), its interval by the Q profile (Viechtbauer 2007). The mean over data sets like these has
the interval of Hartung & Knapp (2001) and Sidik & Jonkman (2002), which holds with few data sets, never narrower than
without their factor (Knapp & Hartung 2003). The prediction interval for one more data set allows for what few data sets
do not tell of tau: a mixture over tau's confidence distribution (Nagashima, Noma & Furukawa 2019), which is the Q
profile at every level, by quadrature in place of their random numbers.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy
from numpy.typing import NDArray

from recclaims.judging.error import ErrorDistribution

Floats = NDArray[np.float64]

#: Quantiles of tau's confidence distribution that a prediction is averaged over.
_QUANTILES = 32


@dataclass(frozen=True)
class Pooled:
    """What k data sets say together, on the scale of their effects.

    Attributes:
        count: k.
        fixed, fixed_error: the mean weighted by precision, with its standard error: of these data sets alone.
        mean, error: the mean over data sets like these, with its standard error, k - 1 degrees of freedom.
        tau: standard deviation between data sets; `tau_interval` is its 95 % interval.
        inconsistency: I^2, the share of the effects' variance that lies between data sets (Higgins & Thompson 2002).
        heterogeneity_p: Cochran's Q against no difference between data sets.
        prediction: the 95 % interval of the effect on one more data set.
    """

    count: int
    fixed: float
    fixed_error: float
    mean: float
    error: float
    tau: float
    tau_interval: tuple[float, float]
    inconsistency: float
    heterogeneity_p: float
    prediction: tuple[float, float]

    @property
    def distribution(self) -> ErrorDistribution:
        """How far `mean` may be from the truth."""
        return ErrorDistribution((self.error**2,), (1.0,), self.count - 1.0)

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        """Limits of the mean over data sets like these."""
        half = self.distribution.half_width(1 - level)
        return self.mean - half, self.mean + half

    def fixed_interval(self, level: float = 0.95) -> tuple[float, float]:
        """Limits of the mean of these data sets."""
        half = float(scipy.special.ndtri((1 + level) / 2)) * self.fixed_error
        return self.fixed - half, self.fixed + half


def pool(effects: Sequence[float], errors: Sequence[float]) -> Pooled:
    """Pool the effects of at least two data sets.

    Args:
        effects: one per data set, finite.
        errors: their standard errors, above 0.

    Raises:
        ValueError: fewer than two, or an error that is not positive.
    """
    y, s = (np.asarray(values, np.float64) for values in (effects, errors))
    if len(y) < 2 or len(y) != len(s) or not (np.isfinite(y).all() and np.isfinite(s).all() and (s > 0).all()):
        raise ValueError("expected finite effects of at least two data sets, each with a positive error")
    degrees = len(y) - 1
    fixed, q = (float(one[0]) for one in _weighted(y, s, np.zeros(1)))
    levels = np.array([degrees, *scipy.special.chdtri(degrees, [0.025, 0.975])])
    tau2, low, high = _variances(y, s, levels)
    mean, error = (float(one[0]) for one in _mean(y, s, np.array([tau2])))
    return Pooled(
        count=len(y),
        fixed=fixed,
        fixed_error=float((1 / s**2).sum() ** -0.5),
        mean=mean,
        error=error,
        tau=math.sqrt(tau2),
        tau_interval=(math.sqrt(low), math.sqrt(high)),
        inconsistency=max(0.0, 1 - degrees / q) if q > 0 else 0.0,
        heterogeneity_p=float(scipy.special.chdtrc(degrees, q)),
        prediction=_prediction(y, s),
    )


def _weighted(y: Floats, s: Floats, tau2: Floats) -> tuple[Floats, Floats]:
    """For each variance between data sets: the weighted mean, and the weighted sum of squares around it."""
    weights = 1 / (s**2 + tau2[:, None])
    mean = (weights * y).sum(axis=1) / weights.sum(axis=1)
    return mean, (weights * (y - mean[:, None]) ** 2).sum(axis=1)


def _mean(y: Floats, s: Floats, tau2: Floats) -> tuple[Floats, Floats]:
    """For each variance between data sets: the mean, and its standard error after Hartung and Knapp."""
    mean, squares = _weighted(y, s, tau2)
    weights = (1 / (s**2 + tau2[:, None])).sum(axis=1)
    return mean, np.sqrt(np.maximum(squares / (len(y) - 1), 1.0) / weights)


def _variances(y: Floats, s: Floats, levels: Floats) -> Floats:
    """The variances between data sets at which the sum of squares falls to each level; 0 where it starts below."""
    most = float(np.var(y)) + float((s**2).max())
    while _weighted(y, s, np.array([most]))[1] > levels.min():
        most *= 2
    low, high = np.zeros(len(levels)), np.full(len(levels), most)
    for _ in range(60):  # halvings: beyond what a float tells apart
        middle = (low + high) / 2
        above = _weighted(y, s, middle)[1] > levels
        low, high = np.where(above, middle, low), np.where(above, high, middle)
    return np.where(_weighted(y, s, np.zeros(1))[1] <= levels, 0.0, high)


def _prediction(y: Floats, s: Floats) -> tuple[float, float]:
    shares = (np.arange(_QUANTILES) + 0.5) / _QUANTILES
    degrees = len(y) - 1
    tau2 = _variances(y, s, np.asarray(scipy.special.chdtri(degrees, shares)))
    means, errors = _mean(y, s, tau2)
    # A t variable of k - 1 degrees of freedom with a normal one beside it, for each tau: Student's part at the same
    # quantiles, as its chi-square is no surer than tau's.
    student = scipy.special.stdtrit(degrees, shares)
    centres = (means[:, None] + errors[:, None] * student).ravel()
    widths = np.repeat(np.sqrt(tau2), _QUANTILES)
    sure = widths == 0

    def below(x: float) -> float:
        normal = scipy.special.ndtr((x - centres[~sure]) / widths[~sure]).sum()
        return float(normal + (centres[sure] <= x).sum()) / len(centres)

    # A little beyond the outermost, where all widths may be zero.
    reach = float(1.01 * np.abs(centres - means.mean()).max() + 6 * widths.max())
    ends = (means.mean() - reach, means.mean() + reach)
    low, high = (scipy.optimize.brentq(lambda x, p=p: below(x) - p, *ends, xtol=1e-9) for p in (0.025, 0.975))
    return float(low), float(high)
