"""Run by test_pytest_face in a session of its own: a test that fails before its case is judged."""

import pytest


@pytest.mark.claim("noise")
def test_it_fails(case, claims_result):
    raise RuntimeError("not the claim's fault")
