"""Claim `batch`: a vision-language model's embeddings, and what follows from them, do not depend on the batch.

Both arms are the same encoder: with its own `batch`, and with `batch=1`. Runs where it is asked for (`-m batch`), as it
encodes the catalogue again, item by item.

What would mislead: where memory did not suffice, batches were halved; the encoder's card says which there were.
"""

import pytest

pytestmark = pytest.mark.claim("batch")


def test_a_batch_changes_nothing(case, claims_judgement):
    claims_judgement()
