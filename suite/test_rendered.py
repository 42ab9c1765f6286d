"""Claim `rendered`: text drawn into the image, and read from it by one encoder, beats late fusion of image and text.

The encoder that was asked for sees one picture, the item's image above its title and description as letters
(`--claims-encoder rendered:lvlm:FOLDER`, or any encoder of images behind `rendered:`); the control is a late fusion, of
the parts that were asked for (`--claims-encoder late_fusion:PART+PART`) or of what is here.

What would mislead: an encoder that cannot read letters still sees that two texts look alike, as a long and a short one
do. The control's text encoder is another model than the one that reads the pictures, unless both parts are of the same
model: `late_fusion:st:M?modality=visual+st:M?modality=textual` against `rendered:st:M?modality=visual`. Only that says
whether drawing the text beats fusing it; the other says which of two systems is better. Texts are cut where the picture
ends; the encoder's card counts them.
"""

import pytest

pytestmark = pytest.mark.claim("rendered")


def test_one_picture_beats_fusion(case, claims_judgement):
    claims_judgement()
