"""Claim `ensemble`: a model of IDs and one of content, trained apart, are not worse than a recommender that fuses them.

The recommender `ensemble` adds the scores of two matrix factorisations, one of IDs and one of features, neither of
which learns from the other. Against it each recommender that fuses, on the same features and splits, each with its
hyper-parameters of the profile. Runs where it is asked for (`-m ensemble`).

What would mislead: against LATTICE and FREEDOM, the graph of users and items is missing as well as the fusion, so that
an ensemble that is worse may lack neighbours, not fusion. VBPR is the comparison in which nothing else differs. One
choice of the epoch serves both models, so that neither need be at its own best. Features that say nothing make both
arms alike; hence `content`, which belongs beside it.
"""

import pytest

pytestmark = pytest.mark.claim("ensemble")


def test_models_trained_apart_are_not_worse_than_a_fusion(case, claims_judgement):
    claims_judgement()
