"""How often a true rank lies outside the intervals of a ranking, and how much they tell apart: a table of methods.md.

    PYTHONPATH=src python docs/ranks.py [DRAWS]

Values are log-normal: luck of the user, of the replicate and of both, as SPREADS says. Printed for each set of true
effects: in how many per cent of DRAWS (default 200) any of the ranks is missed, and the mean width of the intervals
(0: one rank each). "4" and "8" have as many replicates of every arm; "4 or 6" takes two more of those whose first four
do not differ from a control of mean 1, as cases do that are not decided at their first look.
"""

from __future__ import annotations

import sys

import numpy as np

from recclaims.judging.estimate import estimate
from recclaims.judging.ranks import ranked

USERS = 100
#: Deviations of the log: of users, common and of one arm; of an arm's replicates; of the rest.
SPREADS = 0.5, 0.2, 0.02, 0.3
#: Effects, in logs.
STUDIED = {
    "5 alike": (0,) * 5,
    "2 and 3": (0, 0, 0.1, 0.1, 0.1),
    "5 apart": (0, 0.1, 0.2, 0.3, 0.4),
}


def arms(random, truth, n_replicates):
    """Values of users in replicates, one array for each arm; the first is a control of mean 1 on the same users."""
    common, own, of_replicates, rest = SPREADS
    users = random.normal(0, common, (1, USERS, 1)) + random.normal(0, own, (1 + len(truth), USERS, 1))
    luck = random.normal(0, of_replicates, (1 + len(truth), 1, n_replicates))
    more = random.normal(0, rest, (1 + len(truth), USERS, n_replicates))
    return np.exp(np.array([0, *truth])[:, None, None] + users + luck + more)


def taken(values, n_replicates):
    """The replicates of each arm: so many, or, of a pair of numbers, more where the first do not decide."""
    control, *others = values
    if isinstance(n_replicates, int):
        return [[one[:, :n_replicates]] for one in others]
    few, many = n_replicates
    decided = (estimate(one[:, :few], control[:, :few]).p_value < 0.05 for one in others)
    return [[one[:, : few if soon else many]] for one, soon in zip(others, decided, strict=True)]


def main(draws):
    """Print the table."""
    kinds = {"4": 4, "8": 8, "4 or 6": (4, 6)}
    print("| arms | " + " | ".join(f"replicates {kind}" for kind in kinds) + " |\n" + "|---" * 4 + "|")
    for name, truth in STUDIED.items():
        true = [1 + sum(other > one for other in truth) for one in truth]
        row = []
        for number, replicates in enumerate(kinds.values()):
            random = np.random.default_rng([len(truth), number])
            missed, width = 0, 0.0
            for _ in range(draws):
                found = ranked(taken(arms(random, truth, 8), replicates))
                missed += not all(one.low <= rank <= one.high for one, rank in zip(found, true, strict=True))
                width += np.mean([one.high - one.low for one in found])
            row.append(f"{100 * missed / draws:.1f} %, {width / draws:.1f}")
        print(f"| {name} | " + " | ".join(row) + " |", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 200)
