"""The encoder that tells the planted groups of `emoji?channel=joint`: the positive control of claim `fusion`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from recclaims.data.marks import GROUPS, PICTURES, SENTENCES, group_of, picture_file
from recclaims.errors import DatasetError, FeatureError
from recclaims.features.encoded import Encoded
from recclaims.features.spec import EncoderSpec

if TYPE_CHECKING:
    from recclaims.data.catalogue import Item

DATA = "emoji?channel=joint"
#: A picture counts as seen where at least this share of the image is its, pixel by pixel.
LEAST_SEEN = 0.01
#: Weight of each mark beside the group's: items of one group are near, and no two items the same.
OWN = 0.3


class JointReference:
    """One embedding of image and text in which items of one group of `emoji?channel=joint` are near each other.

    It proves the machinery and no model: it shows that an effect of reading image and text as one would be found. It
    is no vision-language model, and says nothing of any. It knows the marks and the rule of that dataset (see
    recclaims.data.marks) and nothing else: it reads the picture off the image's pixels and the sentence off the text,
    and adds their numbers. It calls itself generative only to join claim `fusion`, whose treatments are.

    The row of an item with picture i, sentence j and group g is [e_g, OWN e_i, OWN e_j], with e the unit vectors: the
    cosine of two items is 0.85 in one group, and at most 0.08 otherwise.
    """

    name, modality, version = "joint-reference", "multimodal", "1"
    spec = EncoderSpec(generative=True, on_request=True)

    def encode(self, items: Sequence[Item]) -> Encoded:
        """Return float32 (n, 90), and a record of each item whose marks cannot be read."""
        pictures = _pictures()
        matrix = np.zeros((len(items), GROUPS + len(PICTURES) + len(SENTENCES)), dtype=np.float32)
        records: list[dict[str, str]] = [{} for _ in items]
        for row, item in enumerate(items):
            try:
                picture, sentence = _picture_of(item, pictures), _sentence_of(item)
            except (DatasetError, FeatureError) as error:
                records[row]["error"] = str(error)
                continue
            group = group_of(np.array([picture]), np.array([sentence]))[0]
            matrix[row, group] = 1.0
            matrix[row, [GROUPS + picture, GROUPS + len(PICTURES) + sentence]] = OWN
        return Encoded(matrix, records)


def _pictures() -> NDArray[np.uint8]:
    """All pictures, uint8 (number of pictures, height, width, 3)."""
    from PIL import Image

    shown = []
    for name in PICTURES:
        with Image.open(picture_file(name)) as picture:
            shown.append(np.asarray(picture.convert("RGB")))
    return np.stack(shown)


def _picture_of(item: Item, pictures: NDArray[np.uint8]) -> int:
    """Which picture is behind the icon: that of which most pixels show; no two have a pixel in common.

    Raises:
        FeatureError: none shows.
        DatasetError: the image cannot be read.
    """
    image = item.image()
    if image is not None and (image.height, image.width) == pictures.shape[1:3]:
        shares = (np.asarray(image) == pictures).all(axis=3).mean(axis=(1, 2))
        if shares.max() >= LEAST_SEEN:
            return int(shares.argmax())
    raise FeatureError(f"item '{item.item_id}' shows no picture of {DATA}, the only data that it reads")


def _sentence_of(item: Item) -> int:
    """Which sentence the text has; raises FeatureError where there is none."""
    for place, sentence in enumerate(SENTENCES):
        if sentence in item.text:
            return place
    raise FeatureError(f"item '{item.item_id}' has no sentence of {DATA}, the only data that it reads")
