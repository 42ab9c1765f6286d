"""Measure how often each interval calls a null effect significant: the table of docs/methods.md.

python docs/coverage.py [--simulations 2000] [--bootstraps 300] [--seed 1]
"""

from __future__ import annotations

import argparse
import functools
import itertools
import sys
import time
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from recclaims.calibration.intervals import INTERVALS, crossed_bootstrap_interval

if TYPE_CHECKING:
    from collections.abc import Callable

Floats = NDArray[np.float64]
USERS = (200, 900)
REPLICATES = (3, 5)
SHARES = (0.0, 0.25, 0.5, 0.9)  # of the replicate effects in the variance of the effect
MISSING = 0.3
RESAMPLES = 999
ALPHA = 0.05


def normal(rng: np.random.Generator, n_users: int, n_replicates: int, spread: float) -> Floats:
    """Complete table, D = a_u + b_r + e, users and residual of variance 1."""
    users = rng.normal(size=(n_users, 1))
    replicates = rng.normal(size=(1, n_replicates)) * spread
    return users + replicates + rng.normal(size=(n_users, n_replicates))


def recall(rng: np.random.Generator, n_users: int, n_replicates: int, spread: float) -> Floats:
    """Differences of two recalls: mostly 0, else multiples of 1, 1/2 or 1/3; 30 % of the pairs missing.

    A user's hit rate is Beta(0.4, 3.6); a user taste and a replicate effect, both symmetric, shift the two
    arms' log odds in opposite ways, so that the arms are exchangeable and the true effect is exactly 0. The
    arms agree on a test item (one uniform number for both) seven times in ten.
    """
    shape = (n_users, n_replicates)
    rate = rng.beta(0.4, 3.6, size=(n_users, 1)).clip(1e-9, 1 - 1e-9)
    shift = (rng.normal(size=(n_users, 1)) * 0.5 + rng.normal(size=(1, n_replicates)) * spread) / 2
    odds = rate / (1 - rate)
    treatment = odds * np.exp(shift) / (1 + odds * np.exp(shift))
    control = odds * np.exp(-shift) / (1 + odds * np.exp(-shift))
    relevant = rng.integers(1, 4, size=shape)
    hits = np.zeros(shape)
    for item in range(3):
        first, second = rng.random(shape), rng.random(shape)
        second = np.where(rng.random(shape) < 0.7, first, second)
        hits += ((first < treatment).astype(float) - (second < control)) * (item < relevant)
    differences = hits / relevant
    differences[rng.random(shape) < MISSING] = np.nan
    return differences


MODELS: dict[str, Callable[..., Floats]] = {"normal": normal, "recall-like": recall}


# Change of the expected difference with one unit of a replicate effect; for recall E p(1-p).
SLOPES = {"normal": 1.0, "recall-like": 0.4 * 3.6 / (4.0 * 5.0)}


@functools.cache
def spread_for(model: str, n_users: int, n_replicates: int, share: float) -> float:
    """Scale of the replicate effects that gives them `share` of the effect's variance, by simulation."""
    if share == 0:
        return 0.0
    rng = np.random.default_rng(99)
    effects = [np.nanmean(MODELS[model](rng, n_users, n_replicates, 0.0), axis=0).mean() for _ in range(600)]
    return float(np.sqrt(share / (1 - share) * np.var(effects) * n_replicates) / SLOPES[model])


def one_split(differences: Floats) -> bool:
    """Say whether the habit, a paired t-test over the users of one split, calls the effect significant."""
    column = differences[:, 0]
    return bool(stats.ttest_1samp(column[~np.isnan(column)], 0.0).pvalue <= ALPHA)


def percent(rejections: int, simulations: int) -> str:
    """Format a rate with its 95 % Clopper-Pearson interval."""
    interval = stats.binomtest(rejections, simulations).proportion_ci()
    return f"{100 * rejections / simulations:.1f} [{100 * interval.low:.1f}, {100 * interval.high:.1f}]"


def main() -> None:
    """Print the table as Markdown."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--simulations", type=int, default=2000)
    parser.add_argument("--bootstraps", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    started = time.time()
    closed = [name for name in INTERVALS if name != "crossed_bootstrap"]
    names = ["one split", *closed, "crossed_bootstrap"]
    print("| differences | users | replicates | replicate share | " + " | ".join(names) + " |")
    print("|---" * (4 + len(names)) + "|")
    worst: dict[str, float] = dict.fromkeys(names, 0.0)
    widths: dict[str, list[float]] = {name: [] for name in closed}
    for model, n_users, n_replicates, share in itertools.product(MODELS, USERS, REPLICATES, SHARES):
        spread = spread_for(model, n_users, n_replicates, share)
        rng = np.random.default_rng([options.seed, n_users, n_replicates, int(100 * share), len(model)])
        rejected = dict.fromkeys(names, 0)
        runs = dict.fromkeys(names, options.simulations) | {"crossed_bootstrap": options.bootstraps}
        width: dict[str, list[float]] = {name: [] for name in closed}
        for simulation in range(options.simulations):
            table = MODELS[model](rng, n_users, n_replicates, spread)
            rejected["one split"] += one_split(table)
            for name in closed:
                estimate = INTERVALS[name](table)
                rejected[name] += not estimate.low <= 0 <= estimate.high
                width[name].append(estimate.high - estimate.low)
            if simulation < options.bootstraps:
                estimate = crossed_bootstrap_interval(table, n_resamples=RESAMPLES, seed=simulation)
                rejected["crossed_bootstrap"] += not estimate.low <= 0 <= estimate.high
        cells = [percent(rejected[name], runs[name]) if runs[name] else "-" for name in names]
        print(f"| {model} | {n_users} | {n_replicates} | {share:.2f} | " + " | ".join(cells) + " |", flush=True)
        for name in names:
            worst[name] = max(worst[name], rejected[name] / max(runs[name], 1))
        for name in closed:
            widths[name].append(float(np.median(width[name]) / np.median(width["satterthwaite"])))
    print()
    print("worst cell, %: " + ", ".join(f"{name} {100 * rate:.1f}" for name, rate in worst.items()))
    print(
        "median width relative to satterthwaite, mean over cells: "
        + ", ".join(f"{name} {np.mean(widths[name]):.2f}" for name in closed)
    )
    print(f"{time.time() - started:.0f} s", file=sys.stderr)


if __name__ == "__main__":
    main()
