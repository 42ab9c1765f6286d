"""Claim `capacity`: with noise for features a recommender is no better and no worse than without them.

An equivalence claim: the whole interval has to lie inside the margin. The features are those of another item, so
that their number, norms and neighbour graph are kept. Controls are the feature-free twin and the collaborative
recommenders that the authors compare with; only the twin differs in nothing else.
"""

import pytest

pytestmark = pytest.mark.claim("capacity")


def test_noise_neither_helps_nor_harms(case, claims_judgement):
    claims_judgement()
