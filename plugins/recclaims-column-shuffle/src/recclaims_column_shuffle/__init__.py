"""Every column shuffled by itself: which values a dimension has stays, which of them an item has together does not."""

import numpy as np

import recclaims


def shuffled(matrix, seed):
    """Permute the rows of every column apart: float32 (n, d) -> the same shape and type."""
    return np.random.default_rng([seed, 0xC5]).permuted(matrix, axis=0)


@recclaims.hookimpl
def recclaims_controls():
    """Joins the claim `noise` beside the controls that come with recclaims."""
    return [recclaims.NoiseControl("columns_shuffled", "1", shuffled, "the values of each dimension")]
