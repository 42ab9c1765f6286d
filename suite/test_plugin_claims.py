"""Claims that plugins add through the hook `recclaims_claims`, each a marker of its own."""

import pytest

pytestmark = pytest.mark.claim()


def test_claim_of_a_plugin(case, claims_judgement):
    claims_judgement()
