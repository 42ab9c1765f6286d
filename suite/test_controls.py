"""Claim `controls`: the suite finds content that was planted, and finds none where none was.

The other claims say what content does in data whose truth nobody knows. Here it is known: simulated users like emoji
by their looks or for other reasons, as the dose says. A recommender or an encoder with which planted content is not
found cannot show that content makes no difference; one that finds content in dose 0 cannot show that it does.
"""

import pytest

pytestmark = pytest.mark.claim("controls")


def test_planted_content_is_found_and_no_other(case, claims_judgement):
    claims_judgement()
