"""Claim `missing`: the mean of like items' features is better for items without image or text than any cruder filling.

The same recommender on the same features, but for the rows of items that lack what the encoder reads: the mean of
the items that most share their users with them, against the mean of all, zeros, another item's row, and leaving such
items out of the catalogue (`dropped`: nobody is shown them, and their test interactions are missed). Runs where it is
asked for (`-m missing`), on data in which some items have no image or no text; where none lacks anything, there is
nothing to compare.

What would mislead: the neighbours' mean is made from interactions, so that a recommender on features learns from it
who likes an item, even where the features say nothing of taste (docs/methods.md shows it on planted data). That it
wins does not show that content was restored; for that, compare it with the same filling of other items' features:
`control = { noise = "permuted", imputation = "neighbours" }`, in which the assignment is dealt anew to all items.
A mean of many rows lies near the centre of all, where cosine makes it like everybody: content kNN may lose by any mean.
`dropped` loses by what users would have liked of the items that are left out; it says nothing of the others.
"""

import pytest

pytestmark = pytest.mark.claim("missing")


def test_neighbours_fill_in_better(case, claims_judgement):
    claims_judgement()
