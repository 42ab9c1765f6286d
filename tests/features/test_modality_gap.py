"""How images and texts of one space lie to each other."""

import numpy as np
import pytest

from recclaims.features.encoded import unit_rows
from recclaims.features.modality_gap import FEWEST_ITEMS, modality_gap, own_beats_others


def ids(n):
    return [f"i{number}" for number in range(n)]


def apart(n, distance, noise, seed=0):
    """Images and texts that share what tells items apart, and are shifted to either side along one axis."""
    random = np.random.default_rng(seed)
    item = random.standard_normal((n, 16))
    item[:, 0] = 0
    halves = []
    for side in (1, -1):
        rows = unit_rows((item + noise * random.standard_normal((n, 16))).astype(np.float32))
        rows[:, 0] = side * distance / 2
        halves.append(rows)
    return halves


def test_the_distance_is_that_of_the_centroids():
    images, texts = apart(2000, 0.0, 0.3)
    assert modality_gap(images, texts, ids(2000)).distance < 0.1
    # Rows of length sqrt(1 + d² / 4) are scaled to 1, and the rest of them has no centroid.
    for shift in (0.5, 2.0):
        found = modality_gap(*apart(2000, shift, 0.3), ids(2000)).distance
        assert found == pytest.approx(shift / np.sqrt(1 + shift**2 / 4), abs=0.02)


def test_modalities_that_lie_apart_are_told_apart_and_others_are_not():
    assert modality_gap(*apart(400, 1.0, 0.3), ids(400)).separability > 0.99
    assert abs(modality_gap(*apart(400, 0.0, 0.3), ids(400)).separability - 0.5) < 0.07


def test_an_own_text_is_nearer_as_far_as_the_space_is_one():
    images, texts = apart(400, 1.0, 0.3)
    assert modality_gap(images, texts, ids(400)).matched > 0.97
    shuffled = texts[np.random.default_rng(0).permutation(400)]
    assert abs(modality_gap(images, shuffled, ids(400)).matched - 0.5) < 0.05


def test_the_share_of_others_is_that_of_a_count():
    random = np.random.default_rng(0)
    likeness = random.integers(0, 4, (9, 9))
    expected = [
        sum((row[j] < row[i]) + (row[j] == row[i]) / 2 for j in range(9) if j != i) / 8
        for i, row in enumerate(likeness)
    ]
    np.testing.assert_allclose(own_beats_others(likeness), expected)


def test_the_order_of_items_and_rows_of_zeros_decide_nothing():
    images, texts = apart(300, 0.4, 1.0)
    found = modality_gap(images, texts, ids(300))
    order = np.random.default_rng(1).permutation(300)
    again = modality_gap(images[order], texts[order], [f"i{place}" for place in order])
    assert (again.separability, again.items) == (found.separability, 300)
    assert (again.distance, again.matched) == pytest.approx((found.distance, found.matched), abs=1e-6)
    more = [np.concatenate([part, np.zeros((5, 16), dtype=np.float32)]) for part in (images, texts)]
    assert modality_gap(*more, ids(305)) == found


def test_few_items_tell_nothing():
    few = FEWEST_ITEMS - 1
    assert modality_gap(*apart(few, 1.0, 0.3), ids(few)) is None
