"""Claim `modality`: text alone is not worse than image and text by more than 2 %.

Each textual encoder against each fusion that it is a part of, in the same recommender, so that nothing but the image
is added. Runs where it is asked for (`-m modality`).

What would mislead: the answer is about this image encoder and this fusion, not about images. A fusion may also lose
what either part knows: where `image` is contradicted, another fusion (`--claims-encoder late_fusion-pca:A+B`) may not
be. A recommender that reads no content at all makes both arms equal; hence its positive control, which comes with it,
and `content`, which belongs beside it. Recommenders that keep modalities apart weigh them by a constant of their own
(FREEDOM: 0.1 for the image).
"""

import pytest

pytestmark = pytest.mark.claim("modality")


def test_text_alone_does_what_text_and_image_do(case, claims_judgement):
    claims_judgement()
