import numpy as np
from recclaims_char_ngrams import CharNgrams

from recclaims import Item
from recclaims.testing import EncoderContract


class TestContract(EncoderContract):
    def make(self):
        return CharNgrams()


def test_like_texts_have_like_rows():
    items = [Item("1", "star wars"), Item("2", "star trek"), Item("3", "casablanca")]
    rows = CharNgrams().encode(items)
    assert rows.shape == (3, 256)
    assert rows.dtype == np.float32
    assert rows[0] @ rows[1] > rows[0] @ rows[2]
