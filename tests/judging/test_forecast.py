import dataclasses
import math

import numpy as np
import pytest
import scipy.stats

from recclaims._model.claim import Claim
from recclaims._model.verdict import Verdict
from recclaims.judging.assignment import Shares
from recclaims.judging.components import VarianceComponents
from recclaims.judging.error import ErrorDistribution
from recclaims.judging.estimate import Estimate
from recclaims.judging.forecast import ENOUGH, Chance, chance
from recclaims.judging.verdict import judge, levels_of

CLAIM = Claim("noise", 1, "Real beats noise.", "nobody", controls=("permuted",))


def estimate(relative, spread, replicates=4):
    """A relative effect seen in some replicates, each of that spread."""
    error = ErrorDistribution((spread**2 / replicates,), (1.0,), replicates - 1)
    return Estimate(1 + relative, 1.0, math.log1p(relative), error, 900, replicates, VarianceComponents(0, 0, 0))


def test_a_clear_effect_needs_fewer_replicates_than_one_that_drowns():
    clear, drowned = chance(estimate(0.04, 0.03), CLAIM), chance(estimate(0.04, 0.1), CLAIM)
    assert clear.probability >= ENOUGH
    assert clear.replicates < drowned.replicates
    assert drowned.probability < clear.probability


@pytest.mark.parametrize(
    "stated",
    [{}, {"equivalence": True}, {"at_least": 0.05}, {"not_worse_than": 0.01}, {"not_better_than": 0.02},
     {"direction": "less"}, {"not_worse_than": 1.0}, {"not_worse_than": 3.0}, {"margin": 0.0}],
    ids=str,
)  # fmt: skip
def test_whatever_is_claimed_a_chance_is_a_probability(stated):
    plan = chance(estimate(0.02, 0.05), dataclasses.replace(CLAIM, **stated))
    assert plan.replicates > 4
    assert 0 <= plan.probability <= 1


def test_without_a_spread_there_is_no_plan():
    assert chance(estimate(0.02, 0.05, replicates=1), CLAIM) is None
    assert chance(estimate(0.02, 0.0), CLAIM) is None


def seen(values):
    """Real features against noise that two replicates share."""
    shares = Shares.of(values, np.arange(len(values)) // 2, luck=True)
    error = ErrorDistribution.over(shares, len(values) - 1)
    nothing = VarianceComponents(0, 0, 0)
    return Estimate(math.nan, math.nan, float(np.mean(values)), error, 0, len(values), nothing, shares)


def test_luck_of_the_assignment_makes_a_plan_worse_than_more_replicates_can_mend():
    agreeing_pairs = np.array([0.05, 0.05, 0.0, 0.001, 0.03, 0.03])
    spread_alike = np.array([0.05, 0.0, 0.05, 0.001, 0.03, 0.03])
    worse, better = chance(seen(agreeing_pairs), CLAIM), chance(seen(spread_alike), CLAIM)
    assert worse.replicates >= better.replicates
    assert worse.probability < better.probability or worse.replicates > better.replicates


@pytest.mark.parametrize("share", [0.0, 0.05])
def test_plans_come_true_about_as_often_as_they_say(share):
    """Over effects from none to clear ones; those at the margin alone come true less often, those of none more."""
    random = np.random.default_rng(2)
    claim = dataclasses.replace(CLAIM, level=0.025)
    (first,), promised, kept = levels_of(claim, (6,)), [], []
    for number in range(120):
        luck = 0.016 * math.sqrt(share)
        values = 0.01 * (number % 4) + random.normal(0, luck) - np.repeat(random.normal(0, luck, 30), 2)
        values += random.normal(0, 0.016, 60)
        now = seen(values[:6])
        plan = chance(now, claim) if judge(now, claim, first).verdict is Verdict.INCONCLUSIVE else None
        if plan:
            (level,) = levels_of(claim, (plan.replicates,))
            promised.append(plan.probability)
            kept.append(judge(seen(values[: plan.replicates]), claim, level).verdict is not Verdict.INCONCLUSIVE)
    assert len(kept) > 60
    assert scipy.stats.binomtest(sum(kept), len(kept), np.mean(promised), alternative="less").pvalue > 0.01


@pytest.mark.parametrize(
    ("probability", "said"),
    [
        (1.0, "would settle it (chance more than 99 %)"),
        (0.97, "would settle it (chance 95 %)"),
        (0.91, "would settle it (chance 90 %)"),
        (0.3, "would hardly settle it (chance 30 %)"),
        (0.001, "would hardly settle it (chance less than 5 %)"),
    ],
)
def test_nothing_is_certain_and_nothing_impossible(probability, said):
    assert str(Chance(12, probability)) == f"12 replicates {said}"
