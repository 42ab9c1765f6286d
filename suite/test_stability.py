"""Claim `stability`: temperature and token limit leave embeddings, and what follows from them, unchanged."""

import pytest

pytestmark = pytest.mark.claim("stability")


def test_settings_of_decoding_change_nothing(case, claims_judgement):
    claims_judgement()
