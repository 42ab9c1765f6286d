"""The rules of docs/methods.md, one row each. The control mean is 1, so that the margin reads as it is."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from recclaims.judging.components import VarianceComponents
from recclaims.judging.intervals import Estimate
from recclaims.judging.statistics import INTERVALS
from recclaims.judging.verdict import Judgement, Verdict, judge

# With 900 users and a margin of 0.02, half of which is 0.01: t(899)^2 0.01/900 = 4.28e-5 for the users, which
# leaves 5.72e-5 for t(R-1)^2 (0.0001 + 0.02/900)/R: 6.25e-5 with 10 seeds, 5.52e-5 with 11. With 3 seeds the
# replicates alone, 4.3027^2 0.0001/3 = 6.2e-4, are too many for any number of users.
COMPONENTS = VarianceComponents(users=0.01, replicates=0.0001, residual=0.02)


def estimate(low, high, components=COMPONENTS, n_users=900, n_replicates=3):
    return Estimate(
        effect=(low + high) / 2,
        low=low,
        high=high,
        p_value=0.01,
        n_users=n_users,
        n_replicates=n_replicates,
        components=components,
        method="satterthwaite",
        degrees_of_freedom=2.0,
    )


@pytest.mark.parametrize(
    ("low", "high", "p", "direction", "verdict", "reason"),
    [
        (0.03, 0.05, 0.004, "greater", "supported", "Holm p = 0.004"),
        (0.03, 0.05, 0.0002, "greater", "supported", "Holm p < 0.001"),
        (0.03, 0.05, 0.05, "greater", "supported", "Holm p = 0.05"),
        (-0.05, -0.03, 0.004, "less", "supported", "Holm p = 0.004"),
        (0.005, 0.015, 0.004, "greater", "supported", "Holm p = 0.004, but inside the margin of 2 %"),
        (-0.05, -0.03, 0.004, "greater", "contradicted", "the other way, Holm p = 0.004"),
        (0.03, 0.05, 0.004, "less", "contradicted", "the other way, Holm p = 0.004"),
        (-0.01, 0.015, 0.7, "greater", "no_difference", "inside the margin of 2 %"),
        (-0.02, 0.02, 0.7, "greater", "no_difference", "inside the margin of 2 %"),
        (0.005, 0.015, 0.06, "greater", "no_difference", "inside the margin of 2 %"),
        (-0.015, -0.005, 0.06, "greater", "no_difference", "inside the margin of 2 %"),
    ],
)
def test_superiority(*, low, high, p, direction, verdict, reason):
    judgement = judge(estimate(low, high), p, 1.0, margin=0.02, direction=direction)
    assert judgement == Judgement(Verdict(verdict), reason)


def test_zero_inside_a_wide_interval_is_inconclusive_and_says_what_would_settle_it():
    judgement = judge(estimate(-0.03, 0.05), 0.4, 1.0, margin=0.02)
    assert judgement.verdict is Verdict.INCONCLUSIVE
    assert judgement.reason == "about 11 seeds would settle it"


def test_an_interval_beyond_zero_does_not_do_without_holm():
    judgement = judge(estimate(0.01, 0.05), 0.0504, 1.0, margin=0.02)
    assert judgement.verdict is Verdict.INCONCLUSIVE
    # p = 0.01 has to fall to 0.05/5.04: 0.03^2 - t(899)^2 0.01/900 = 8.26e-4, and t(R-1)^2 (0.0001 + 0.02/900)/R is
    # 1.05e-3 with 4 seeds, 5.2e-4 with 5.
    assert judgement.reason == "excludes zero, but Holm p = 0.0504; about 5 seeds would settle it"
    narrow = judge(estimate(0.01, 0.025), 0.06, 1.0, margin=0.02)
    assert narrow == Judgement(Verdict.INCONCLUSIVE, "excludes zero, but Holm p = 0.06; about 8 seeds would settle it")


@pytest.mark.parametrize(
    ("dealing", "settled"),
    [
        (0.0, "about 5 seeds would settle it"),
        # t(R-1)^2 (0.00012222/R + 0.0001) is 8.30e-4 with 24 seeds, 8.22e-4 with 25.
        (0.0001, "about 25 seeds would settle it"),
        # 2.58^2 0.0002 is more than 0.03^2, however many seeds there are.
        (0.0002, "more than replicates can give, as features are dealt once"),
    ],
)
def test_what_would_settle_p_knows_that_real_features_stay_one_dealing(dealing, settled):
    dealt = dataclasses.replace(estimate(0.01, 0.05), dealing=dealing)
    judgement = judge(dealt, 0.0504, 1.0, margin=0.02)
    assert judgement == Judgement(Verdict.INCONCLUSIVE, f"excludes zero, but Holm p = 0.0504; {settled}")


def test_holm_does_not_do_without_an_interval_beyond_zero():
    assert judge(estimate(-0.001, 0.05), 0.04, 1.0, margin=0.02).verdict is Verdict.INCONCLUSIVE
    assert judge(estimate(0.0, 0.05), 0.04, 1.0, margin=0.02).verdict is Verdict.INCONCLUSIVE


@pytest.mark.parametrize(
    ("low", "high", "verdict", "reason"),
    [
        (-0.01, 0.015, "supported", "inside the margin of 2 %"),
        (0.005, 0.015, "supported", "inside the margin of 2 %"),
        (0.021, 0.05, "contradicted", "outside the margin of 2 %"),
        (-0.05, -0.021, "contradicted", "outside the margin of 2 %"),
        (0.015, 0.03, "inconclusive", "on the edge of the margin of 2 %"),
        (-0.03, 0.05, "inconclusive", "about 11 seeds would settle it"),
        (0.02, 0.05, "inconclusive", "about 11 seeds would settle it"),
    ],
)
@pytest.mark.parametrize("p", [0.001, 0.9])
def test_equivalence_looks_at_the_interval_alone(low, high, p, verdict, reason):
    judgement = judge(estimate(low, high), p, 1.0, margin=0.02, equivalence=True)
    assert judgement == Judgement(Verdict(verdict), reason)


def test_the_margin_is_a_share_of_the_control_mean_whatever_its_sign():
    for control_mean, verdict in [(2.0, "no_difference"), (-2.0, "no_difference"), (1.0, "inconclusive")]:
        assert judge(estimate(-0.03, 0.03), 0.9, control_mean, margin=0.02).verdict == verdict


def test_a_control_of_zero_leaves_no_margin():
    wide = judge(estimate(-0.03, 0.03), 0.9, 0.0, margin=0.02)
    assert wide == Judgement(Verdict.INCONCLUSIVE, "no margin to settle it by")
    assert judge(estimate(0.01, 0.03), 0.01, 0.0, margin=0.02).verdict is Verdict.SUPPORTED
    equal = judge(estimate(0.0, 0.0), 1.0, 0.0, margin=0.02)
    assert equal == Judgement(Verdict.NO_DIFFERENCE, "the arms are equal")


@pytest.mark.parametrize(
    ("components", "reason"),
    [
        # 4.28e-5 as above + t(R-1)^2 0.2/900/R: 17 seeds 5.87e-5, 18 seeds 5.50e-5. Users, 3 seeds:
        # (1.96^2 0.01 + 4.3027^2 0.2/3)/U <= 1e-4 from U = 12,726 on.
        (VarianceComponents(0.01, 0.0, 0.2), "about 18 seeds or 13,000 users would settle it"),
        (
            VarianceComponents(1.0, 0.0, 0.0),
            "about 39,000 users would settle it, more than replicates of these users can give",
        ),
        (VarianceComponents(1.0, 10.0, 0.0), "more than replicates of these users can give"),
        (VarianceComponents(math.nan, math.nan, math.nan), "too few users recur across seeds for a forecast"),
        # The plan calls 3 seeds and 900 users enough though the interval is wide: one more at least.
        (VarianceComponents(0.0, 0.0, 0.0), "about 4 seeds or 910 users would settle it"),
    ],
)
def test_what_would_settle_it(components, reason):
    assert judge(estimate(-0.03, 0.05, components), 0.4, 1.0, margin=0.02).reason == reason


def test_one_seed_and_one_user_settle_nothing():
    unknown = VarianceComponents(math.nan, math.nan, math.nan)
    for counts, reason in [((900, 1), "one seed shows no spread"), ((1, 3), "one user shows no spread")]:
        one = Estimate(0.1, -math.inf, math.inf, 1.0, *counts, unknown, "satterthwaite", math.nan)
        for equivalence in (False, True):
            judgement = judge(one, 1.0, 1.0, margin=0.02, equivalence=equivalence)
            assert judgement == Judgement(Verdict.INCONCLUSIVE, reason)


@pytest.mark.parametrize("name", INTERVALS)
def test_nothing_to_judge_is_inadmissible(name):
    empty = INTERVALS[name](np.full((3, 2), np.nan))
    assert judge(empty, math.nan, 1.0, margin=0.02).verdict is Verdict.INADMISSIBLE
    assert judge(estimate(0.03, 0.05), 0.01, math.nan, margin=0.02).verdict is Verdict.INADMISSIBLE


def test_a_p_value_that_is_not_a_number_supports_nothing():
    assert judge(estimate(0.03, 0.05), math.nan, 1.0, margin=0.02).verdict is Verdict.INCONCLUSIVE


@pytest.mark.parametrize("wrong", [{"margin": -0.1}, {"margin": math.nan}, {"margin": 0.02, "direction": "up"}])
def test_wrong_settings_are_refused(wrong):
    with pytest.raises(ValueError, match=r"margin|direction"):
        judge(estimate(0.03, 0.05), 0.01, 1.0, **wrong)


def test_the_words_are_those_of_the_report():
    assert list(Verdict) == [
        "supported",
        "contradicted",
        "no_difference",
        "inconclusive",
        "inadmissible",
        "not_run",
    ]


ENDS = st.floats(-0.1, 0.1)


@given(ENDS, ENDS, st.floats(0, 1), st.booleans())
def test_mirrored_claims_have_the_same_verdict(a, b, p, equivalence):
    low, high = sorted((a, b))
    there = judge(estimate(low, high), p, 1.0, margin=0.02, equivalence=equivalence)
    back = judge(estimate(-high, -low), p, 1.0, margin=0.02, direction="less", equivalence=equivalence)
    assert there == back


@given(ENDS, st.floats(0, 0.01))
def test_half_the_margin_settles_every_superiority_claim(effect, half):
    assume(abs(abs(effect) - half) > 1e-9)
    judgement = judge(estimate(effect - half, effect + half), 0.001, 1.0, margin=0.0201)
    assert judgement.verdict in {"supported", "contradicted", "no_difference"}
