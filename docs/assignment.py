"""How often luck of the assignment is called an effect, by how much of it there is: the tables in methods.md.

    PYTHONPATH=src python docs/assignment.py [CASES]

Replicates are normal; rho is the variance between assignments as a share of the variance of the rest. Printed: how many
of CASES (default 4,000) without an effect are called a gain or a loss over all looks, at a level of 2.5 %, and how many
of the intervals shown at the end contain the truth, in per cent.
"""

from __future__ import annotations

import sys

import numpy as np

from recclaims.judging.assignment import PROBE, TRAINED, Shares
from recclaims.judging.error import ErrorDistribution
from recclaims.judging.verdict import levels_of
from recclaims.planning.builtin import NOISE

STUDIED = (
    ("trained", TRAINED, ((5,), (4, 6), (4, 6, 10), (4, 6, 10, 16)), (0, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 5)),
    ("probe", PROBE, ((10, 20, 50),), (0, 0.1, 0.5, 1, 5, 50)),
)


def replicates(random, rho, count):
    """Replicates of a case without an effect; two of them share one assignment of the noise."""
    luck = np.sqrt(rho)
    noise = random.normal(0, luck, (count + 1) // 2)[np.arange(count) // 2]
    return random.normal(0, luck) - noise + random.normal(size=count)


def judged(values, looks, prior):
    """Whether a case is called an effect, and whether the interval shown at the end contains none."""
    for look, levels in zip(looks, levels_of(NOISE, looks), strict=True):
        y = values[:look]
        error = ErrorDistribution.over(Shares.of(y, [n // 2 for n in range(look)], True, prior), look - 1)
        tail = error.tail(abs(y.mean()))
        if tail < levels.sides:
            break
    return tail < levels.sides, tail > levels.shown


def main(cases):
    """Print both tables."""
    for name, prior, all_looks, shares in STUDIED:
        print("| recommender | looks | " + " | ".join(f"rho = {rho:g}" for rho in shares) + " |")
        print("|---" * (2 + len(shares)) + "|")
        for looks in all_looks:
            random = np.random.default_rng(0)
            row = []
            for rho in shares:
                answers = [judged(replicates(random, rho, looks[-1]), looks, prior) for _ in range(cases)]
                called, covered = 100 * np.mean(answers, axis=0)
                row.append(f"{called:.1f}, {covered:.1f}")
            print(f"| {name} | {', '.join(map(str, looks))} | " + " | ".join(row) + " |", flush=True)
        print()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 4000)
