"""Claim `capacity`: with noise for features a recommender is no better than without them.

A claim of non-superiority: the interval has to lie below a gain of 2 %. The features are those of another item, so
that their number, norms and neighbour graph are kept. Controls are the feature-free twin and the collaborative
recommenders that the authors compare with; only the twin differs in nothing else.
"""

import pytest

pytestmark = pytest.mark.claim("capacity")


def test_noise_does_not_help(case, claims_judgement):
    claims_judgement()
