"""Claim `fusion`: one embedding that a vision-language model reads at its end beats late fusion, whatever fuses it."""

import pytest

pytestmark = pytest.mark.claim("fusion")


def test_one_embedding_beats_late_fusion(case, claims_judgement):
    claims_judgement()
