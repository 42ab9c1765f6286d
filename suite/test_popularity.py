"""Claim `popularity`: with one modality, lists hold fewer items of the long tail than with image and text.

The share of long-tail items among the first 20 (`aplt@20`), of each single modality against the fusions that it is a
part of. The Gini index of exposure, which the source reports, too, has no value per user, so that there is no
interval over users for it, and no verdict. Runs where it is asked for (`-m popularity`).

What would mislead: random lists hold most of the long tail. A smaller share is a bias only where the lists are no
better for it: read recall@20, which stands beside it, first. The head is cut by the popularity in train, so that
shares of two datasets do not compare.
"""

import pytest

pytestmark = pytest.mark.claim("popularity")


def test_one_modality_raises_popularity_bias(case, claims_judgement):
    claims_judgement()
