"""Claim `prompt`: descriptions by an aligned prompt beat those that the same model gave to a misaligned one."""

import pytest

pytestmark = pytest.mark.claim("prompt")


def test_an_aligned_prompt_beats_a_misaligned_one(case, claims_judgement):
    claims_judgement()
