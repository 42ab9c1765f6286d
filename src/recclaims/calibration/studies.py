"""Studies of which the answer is known: drawn from a bank, or simulated with the variances of one.

A study is what a case is: two arms, the same splits in both, and where one reads noise, two replicates in a row share
an assignment. In truth its arms do not differ: one assignment of the features plays the real ones and others the
noise, or one start of the twin is compared with another.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from recclaims._model.cell import REPLICATES_PER_ASSIGNMENT
from recclaims.calibration.bank import Bank, Floats
from recclaims.calibration.spread import Spread

#: Below that many users judging takes twenty times as long; as many are simulated, with the same error of a mean.
_LEAST_USERS = 401


@dataclass(frozen=True)
class Study:
    """Two arms.

    Attributes:
        arms: by metric, treatment and control, float64 (n_users, n_replicates) each, NaN where a user has no value.
        luck: whether luck in the assignment of features counts, as against noise.
        drawn: of a bank, by factor (its assignments, its seeds): which of them each replicate reads, int64
            (n_replicates, n_read), and how many there are.
    """

    arms: Mapping[str, tuple[Floats, Floats]]
    luck: bool
    drawn: tuple[tuple[np.ndarray, int], ...] = ()

    def assignments(self, replicates: int) -> list[int] | None:
        """Of each replicate, which assignment the control has; None: none."""
        return [n // REPLICATES_PER_ASSIGNMENT for n in range(replicates)] if self.luck else None

    def scaled(self, factors: tuple[Floats, Floats]) -> Study:
        """The same study with every value of a replicate multiplied, in the treatment and in the control.

        Args:
            factors: float64 (n_replicates,) each, or of one factor for all.
        """
        arms = {metric: (one * factors[0], other * factors[1]) for metric, (one, other) in self.arms.items()}
        return replace(self, arms=arms)


def drawn_against_noise(bank: Bank, random: np.random.Generator, count: int, replicates: int) -> Iterator[Study]:
    """One assignment, fixed, against others: every one of the bank is treated equally often.

    Args:
        bank: drawn from, without replacement within a study.
        random: decides what is drawn.
        count: how many studies.
        replicates: of each, at most the bank's seeds.
    """
    n, seeds = next(iter(bank.values.values())).shape[:2]
    pairs = -(-replicates // REPLICATES_PER_ASSIGNMENT)
    for number in range(count):
        treated = number % n
        others = np.delete(np.arange(n), treated)
        # More pairs than the bank has assignments: the rest come a second time.
        dealt = np.concatenate([random.permutation(others) for _ in range(-(-pairs // len(others)))])
        control = dealt[np.arange(replicates) // REPLICATES_PER_ASSIGNMENT]
        splits = random.permutation(seeds)[:replicates]
        arms = {
            metric: (values[treated, splits].T, values[control, splits].T) for metric, values in bank.values.items()
        }
        read = np.stack([np.full(replicates, treated), control], axis=1)
        yield Study(arms, True, ((read, n), (splits[:, None], seeds)))


def drawn_against_twins(bank: Bank, random: np.random.Generator, count: int, replicates: int) -> Iterator[Study]:
    """A twin against itself from another start; arguments as of drawn_against_noise."""
    starts, seeds = next(iter(bank.twins.values())).shape[:2]
    for _ in range(count):
        splits = random.permutation(seeds)[:replicates]
        one, other = np.array([random.permutation(starts)[:2] for _ in range(replicates)]).T
        arms = {metric: (values[one, splits].T, values[other, splits].T) for metric, values in bank.twins.items()}
        yield Study(arms, False, ((splits[:, None], seeds),))


def simulated(
    spreads: Mapping[str, Spread], random: np.random.Generator, count: int, replicates: int, luck: bool
) -> Iterator[Study]:
    """Studies of normal arms with given variances, half of each in either arm; every user has a value.

    Args:
        spreads: by metric.
        random, count, replicates: as of drawn_against_noise, with any number of replicates.
        luck: whether one arm has one assignment and the other one for every two replicates.
    """
    groups = np.arange(replicates) // REPLICATES_PER_ASSIGNMENT
    for _ in range(count):
        arms = {}
        for metric, spread in spreads.items():
            users = max(spread.n_users, _LEAST_USERS)
            stretch = users / spread.n_users
            own = max(spread.replicates - spread.residual / spread.n_users, 0.0)
            lot = max(spread.assignment - spread.users / 2 / spread.n_users, 0.0)
            both = []
            for shared in (np.zeros(replicates, int), groups if luck else np.zeros(replicates, int)):
                taste = random.normal(0, np.sqrt(spread.users / 2 * stretch), (users, shared.max() + 1))
                noise = random.normal(0, np.sqrt(spread.residual / 2 * stretch), (users, replicates))
                level = random.normal(0, np.sqrt(lot), shared.max() + 1)[shared] if luck else 0.0
                level = level + random.normal(0, np.sqrt(own / 2), replicates)
                both.append(spread.mean * np.exp(level) * (1 + taste[:, shared] + noise))
            arms[metric] = (both[0], both[1])
        yield Study(arms, luck)
