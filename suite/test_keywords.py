"""Claim `keywords`: keywords decoded by a vision-language model help Attribute Item-kNN.

Compared with no keywords (the twin, which is ItemKNN), with another item's, and with the catalogue's own
categories. Both arms have the same number of neighbours: luck in that number alone was seen to look like a gain.
"""

import pytest

pytestmark = pytest.mark.claim("keywords")


def test_keywords_help(case, claims_judgement):
    claims_judgement()
