"""Claim `fusion`: one embedding that a vision-language model reads at its end beats late fusion, whatever fuses it.

Where it has cases, claim `controls` has some for it, which `-m fusion` selects, too: on emoji whose groups image and
text tell together and neither alone, an encoder that reads the pair as one must beat late fusion, and on the same emoji
liked for other reasons it must not.
"""

import pytest

pytestmark = pytest.mark.claim("fusion")


def test_one_embedding_beats_late_fusion(case, claims_judgement):
    claims_judgement()
