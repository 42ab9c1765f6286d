"""How many cases of a study are decided, and how many wrongly: the rule, and the one that this library had before.

    PYTHONPATH=src python docs/decided.py [STUDIES]

A study is the default run: four trained recommenders on two encoders' features of ml-100k, each compared with
permuted features and with its own twin; 16 cases. Effects and spreads are those that a run of five replicates showed
(per cent of the control; recall@20), the share of the assignment is .1. Normal noise; users are left out. Printed: of
16 cases, how many are decided and how many of those wrongly (a gain or a loss that is none or the other way, a
difference above the margin called none), and how many trainings that took.
"""

from __future__ import annotations

import sys

import numpy as np
import scipy.stats

from recclaims._model.verdict import Verdict
from recclaims.judging.assignment import Shares
from recclaims.judging.components import VarianceComponents
from recclaims.judging.error import ErrorDistribution
from recclaims.judging.estimate import Estimate
from recclaims.judging.holm import holm
from recclaims.judging.verdict import judge, levels_of
from recclaims.planning.builtin import NOISE

#: recommender, features: effect and spread of a replicate over permuted features, and over the twin; in per cent.
SEEN = [
    ("vbpr", 3.6, 2.66, -5.3, 1.73), ("vbpr", 5.3, 3.46, -3.8, 2.2),
    ("lattice", 2.9, 0.72, 1.3, 1.7), ("lattice", 2.6, 0.85, -0.1, 1.2),
    ("freedom", 2.4, 1.65, 2.6, 2.0), ("freedom", 3.2, 2.6, 1.8, 1.4),
    ("bm3", 4.9, 11.2, -12.3, 7.5), ("bm3", -2.3, 4.6, -17.7, 12.1),
]  # fmt: skip
LOOKS, BEFORE = (4, 6), 5
SHARE = 0.1
#: Gain and loss together, of each of the two comparisons of a question.
CLAIM = NOISE  # and CONTENT, which has the same direction, margin and level
MARGIN = np.log1p(CLAIM.margin)
SIGNS = {Verdict.SUPPORTED: 1, Verdict.CONTRADICTED: -1, Verdict.NO_DIFFERENCE: 0}
NO_USERS = VarianceComponents(0.0, 0.0, 0.0)
#: What judging by smooth recall instead of recall@20 leaves of the variance (measured: trainings for equal power x .5).
SMOOTH = 0.5


def replicates(random, effect, spread, noise, count=LOOKS[-1]):
    """Log ratios of a case: `noise` where it is compared with permuted features, of which two replicates share one."""
    values = np.log1p(effect) + random.normal(0, spread, count)
    if noise:
        luck = spread * np.sqrt(SHARE)
        pairs = random.normal(0, luck, (count + 1) // 2)[np.arange(count) // 2]
        values = values + random.normal(0, luck) - pairs
    return values


def now(values, noise, claim):
    """Verdict (+1 gain, -1 loss, 0 none, None undecided) and the replicates that it took."""
    for look, levels in zip(LOOKS, levels_of(claim, LOOKS), strict=True):
        y = values[:look]
        if noise:
            error = ErrorDistribution.over(Shares.of(y, [n // 2 for n in range(look)], luck=True), look - 1)
        else:
            error = ErrorDistribution((y.var(ddof=1) / look,), (1.0,), look - 1)
        # Users are left out, so that nothing is known of the arms but their ratio.
        verdict = judge(Estimate(1.0, 1.0, y.mean(), error, 0, look, NO_USERS), claim, levels).verdict
        if verdict is not Verdict.INCONCLUSIVE:
            return SIGNS[verdict], look
    return None, LOOKS[-1]


def before(cases):
    """Verdicts of the rule before: 5 replicates, a variance of the dealing as large as all, Holm by claim."""
    means, spreads = cases[:, :BEFORE].mean(axis=1), cases[:, :BEFORE].std(axis=1, ddof=1)
    half = scipy.stats.t.isf(0.025, BEFORE - 1) * spreads / np.sqrt(BEFORE)
    noise = np.arange(len(cases)) % 3 != 2
    p = 2 * scipy.stats.t.sf(np.abs(means) / (spreads * np.sqrt(1 / BEFORE + noise)), BEFORE - 1)
    adjusted = np.empty_like(p)
    for family in (noise, ~noise):
        adjusted[family] = holm(p[family])
    verdicts = []
    for mean, width, one in zip(means, half, adjusted, strict=True):
        beyond = abs(mean) > width and one <= 0.05
        verdicts.append(int(np.sign(mean)) if beyond else 0 if abs(mean) + width < MARGIN else None)
    return verdicts


def is_wrong(verdict, effect):
    """Whether a verdict is false: a side that the effect is not on, or none where there is more than the margin."""
    return verdict is not None and (verdict != np.sign(effect) if verdict else abs(np.log1p(effect)) >= MARGIN)


def study(random, factor, variance):
    """Decided, wrong and trainings of one study: now, and before."""
    decided, wrong, trained = np.zeros(2), np.zeros(2), np.zeros(2)
    table, looks = [], []
    for _, effect, spread, of_twin, spread_of_twin in SEEN:
        noise = replicates(random, factor * effect / 100, spread / 100, True)
        gaussian = replicates(random, factor * effect / 100, spread / 100, True)
        twin = replicates(random, factor * of_twin / 100, spread_of_twin / 100, False)
        table += [noise, gaussian, twin]
        took = []
        for values, truth, is_noise in ((noise, effect, True), (twin, of_twin, False)):
            centre = np.log1p(factor * truth / 100)
            verdict, look = now(centre + (values - centre) * np.sqrt(variance), is_noise, CLAIM)
            decided[0] += verdict is not None
            wrong[0] += is_wrong(verdict, factor * truth / 100)
            took.append(look)
        looks.append(took)
    for number, verdict in enumerate(before(np.array(table))):
        if number % 3 != 1:
            truth = factor * SEEN[number // 3][3 if number % 3 == 2 else 1] / 100
            decided[1] += verdict is not None
            wrong[1] += is_wrong(verdict, truth)
    # Real features as long as either case needs, permuted ones as long as theirs, gaussian ones at the first look; a
    # recommender's twin is shared by its encoders.
    pairs = np.array(looks)
    trained[0] = (
        pairs.max(axis=1).sum() + pairs[:, 0].sum() + 4 * len(SEEN) + pairs[:, 1].reshape(-1, 2).max(axis=1).sum()
    )
    trained[1] = BEFORE * (3 * len(SEEN) + len(SEEN) // 2)
    return decided, wrong, trained


def main() -> None:
    """Print the table."""
    studies = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    print(
        "| effects | rule | decided of 16 | wrongly | any wrong, % of studies | trainings |\n|---|---|---|---|---|---|"
    )
    for factor in (1.0, 0.7, 0.0):
        for variance, name in ((SMOOTH, "now"), (1.0, "now, judged by recall@20")):
            random = np.random.default_rng(1)
            found = [study(random, factor, variance) for _ in range(studies)]
            decided, wrong, trained = (np.mean([one[n] for one in found], axis=0) for n in range(3))
            any_wrong = np.mean([one[1] > 0 for one in found], axis=0)
            rows = [(name, 0)] + ([("before", 1)] if variance == 1.0 else [])
            for rule, n in rows:
                counts = f"{decided[n]:.1f} | {wrong[n]:.2f} | {100 * any_wrong[n]:.0f} | {trained[n]:.0f}"
                print(f"| x {factor:g} | {rule} | {counts} |", flush=True)


if __name__ == "__main__":
    main()
