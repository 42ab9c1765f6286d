"""Claim `baseline`: recommenders on image and text beat the classical ones."""

import pytest

pytestmark = pytest.mark.claim("baseline")


def test_multimodal_beats_classical(case, claims_judgement):
    claims_judgement()
