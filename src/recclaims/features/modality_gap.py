"""How images and texts of one space lie to each other: their distance, and whether they can be told apart.

Models that bring images and texts into one space (CLIP) leave each in a region of its own (Liang et al. 2022, "Mind the
Gap", arXiv 2203.02053). A cosine of an image with a text then says less than one of two images, and a sum or mean of
both shifts every item by the same vector.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recclaims.features.digests import id_keys
from recclaims.features.encoded import SHORTEST, lengths, unit_rows

#: Raised when the same rows would give another figure.
VERSION = 1
#: Parts of the items of which each is classified by the others, and the items that are looked at.
FOLDS, MOST_ITEMS = 5, 2_000
#: With fewer there is nothing to tell by.
FEWEST_ITEMS = 20


@dataclass(frozen=True)
class ModalityGap:
    """What was measured over the items that have both.

    Attributes:
        distance: between the centroids of images and of texts, rows scaled to length 1 (their delta_gap): 0 to 2.
        separability: the share of held-out rows that a linear classifier (least squares) calls by their modality; .5 is
            chance.
        matched: for how many other items' texts an item's own is nearer to its image, mean share; .5 is chance.
        items: how many were looked at.
    """

    distance: float
    separability: float
    matched: float
    items: int

    @property
    def line(self) -> str:
        """`0.82 between centroids, told apart 100 %, own text nearer than 97 % of others'`."""
        return (
            f"{self.distance:.2f} between centroids, told apart {100 * self.separability:.0f} %, "
            f"own text nearer than {100 * self.matched:.0f} % of others'"
        )


def modality_gap(
    images: NDArray[np.float32], texts: NDArray[np.float32], item_ids: Sequence[str]
) -> ModalityGap | None:
    """Measure it; None where too few items have both. The order of items decides nothing.

    Args:
        images, texts: float32 (n, d), of the same items; rows of zeros are left out.
        item_ids: their ids, which decide samples and folds.
    """
    there = np.flatnonzero((lengths(images) > SHORTEST) & (lengths(texts) > SHORTEST))
    if len(there) < FEWEST_ITEMS:
        return None
    keys = id_keys([item_ids[place] for place in there.tolist()])
    there = there[np.argsort(keys, kind="stable")[:MOST_ITEMS]]
    rows = [unit_rows(np.asarray(part[there], dtype=np.float32)) for part in (images, texts)]
    between = np.linalg.norm(rows[0].mean(axis=0, dtype=np.float64) - rows[1].mean(axis=0, dtype=np.float64))
    return ModalityGap(float(between), _separability(*rows), own_beats_others(rows[0] @ rows[1].T).mean(), len(there))


def own_beats_others(likeness: NDArray[np.floating]) -> NDArray[np.float64]:
    """For each row, the share of its other entries that are below the one on the diagonal: float64 (n,).

    Equal entries count half.

    Args:
        likeness: (n, n).
    """
    own = np.diag(likeness)[:, None]
    below = (likeness < own).sum(axis=1) + ((likeness == own).sum(axis=1) - 1) / 2
    share: NDArray[np.float64] = below / (len(likeness) - 1)
    return share


def _separability(images: NDArray[np.float32], texts: NDArray[np.float32]) -> float:
    from sklearn.linear_model import RidgeClassifier  # not while pytest collects

    fold = np.arange(len(images)) % FOLDS
    right = 0
    for part in range(FOLDS):
        train, held = fold != part, fold == part
        rows = np.concatenate([images[train], texts[train]])
        fitted = RidgeClassifier(alpha=1.0).fit(rows, np.repeat([0, 1], train.sum()))
        right += int((fitted.predict(images[held]) == 0).sum() + (fitted.predict(texts[held]) == 1).sum())
    return right / (2 * len(images))
