"""Claim `content`: real features beat the recommender's own feature-free twin.

The twin is the same recommender with its content term off: the same equations, budget, splits and seeds.
"""

import pytest

pytestmark = pytest.mark.claim("content")


def test_content_beats_the_feature_free_twin(case, claims_judgement):
    claims_judgement()
