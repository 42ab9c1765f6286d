import dataclasses
import math

import pytest

from recclaims._model.claim import Claim
from recclaims.judging.components import VarianceComponents
from recclaims.judging.error import ErrorDistribution
from recclaims.judging.estimate import Estimate
from recclaims.judging.forecast import ENOUGH, Chance, chance

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
