"""Claim `noise`: real features beat noise of the same shape.

Source: arXiv 2508.04571, RQ1. The authors replace item features by noise and train again; if the gain of a
multimodal recommender were capacity, noise would serve as well. Read it beside `content`: real > noise with
real = twin means that noise harms, not that content helps.
"""

import pytest

pytestmark = pytest.mark.claim("noise")


def test_real_features_beat_noise(case, claims_judgement):
    claims_judgement()
