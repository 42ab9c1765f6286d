"""Hashed character trigrams of title and description: how far does the surface of a text go?"""

import numpy as np

import recclaims


class CharNgrams:
    """L2-normalised counts of character trigrams, hashed into 256 columns."""

    name, modality, version = "char-ngrams", "textual", "1"

    def encode(self, items):
        """One float32 row of 256 columns per item."""
        from sklearn.feature_extraction.text import HashingVectorizer  # not while pytest collects

        hashed = HashingVectorizer(analyzer="char_wb", ngram_range=(3, 3), n_features=256, alternate_sign=False)
        return hashed.transform(item.text for item in items).toarray().astype(np.float32)


@recclaims.hookimpl
def recclaims_encoders():
    """Joins every claim that a textual encoder fits."""
    return [CharNgrams]
