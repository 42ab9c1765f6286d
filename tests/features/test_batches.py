"""Items in batches, for a model that is asked for nothing but lengths."""

import numpy as np

from recclaims.data.catalogue import Item
from recclaims.features.batches import LETTERS, Batches
from recclaims.features.whole import Gaps


def test_a_long_text_is_not_padded_to_by_many():
    asked = []

    def embed(texts):
        asked.append([len(text) for text in texts])
        return np.array([[len(text)] for text in texts], dtype=np.float32)

    lengths = [3, LETTERS, 5, LETTERS // 2, 4, 2 * LETTERS, LETTERS // 2, 6]
    items = [Item(str(place), "x" * length) for place, length in enumerate(lengths)]
    made = Batches(lambda item: item.text, embed, 3, "cpu", Gaps("x")).encode(items)
    assert made.matrix[:, 0].tolist() == lengths
    assert asked == [[2 * LETTERS], [LETTERS], [LETTERS // 2] * 2, [6, 5, 4], [3]]
    assert [record["batch"] for record in made.records] == [1, 1, 3, 2, 3, 1, 2, 3]
