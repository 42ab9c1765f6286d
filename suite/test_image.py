"""Claim `image`: image and text together beat text alone.

The comparison of `modality` the other way round, claimed as a gain: where the interval is wide, neither holds. Runs
where it is asked for (`-m image`); what would mislead is said there, and one thing more: the fusion has more columns
than the text. That images help by what they show, rather than by more parameters, is what `noise` with
`permuted_per_modality` asks of the fusion.
"""

import pytest

pytestmark = pytest.mark.claim("image")


def test_image_adds_to_text(case, claims_judgement):
    claims_judgement()
