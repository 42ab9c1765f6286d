"""Do answers fit the images that they are about? Each is compared with its own item's image and with all others'.

A model that makes things up, or answers whose ids are shifted, say what fits other items' images as well as their own.
In a space that images and texts share, an answer's rank is the share of other items' images that it is less like than
its own: .5 is chance. The space is that of an encoder of both (CLIP); without one it is learnt from these answers, by a
ridge regression from what an image encoder sees to the sentence embedding of what is said, in five folds: no item's own
answer has a part in where its image is put.

An answer to another item's image has any rank with equal probability, so that at most #{rank < t} / (t n) of n answers
can be such (Storey 2002, doi 10.1111/1467-9868.00346, with the lower tail for the upper). The bound is loose where the
encoder sees little of what is said.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from recclaims import Encoded, FeatureError, Item
from recclaims.features.digests import id_keys
from recclaims.features.encoded import unit_rows
from recclaims.features.encoders.efficientnet import EfficientNetLite0
from recclaims.features.encoders.sentence import SentenceEncoder
from recclaims.features.modality_gap import own_beats_others
from recclaims.features.resolve import make_encoder, of_one_space, why_unavailable
from recclaims.plugin_manager import registry

if TYPE_CHECKING:
    from recclaims.features.protocol import Encoder

#: The items that are looked at, at most, and at least.
MOST_ITEMS, FEWEST_ITEMS = 2_000, 100
#: Ranks below which answers to other images are counted.
TAIL = 0.05
#: Of the learnt space: principal components of what is seen, strength of the ridge, folds.
COMPONENTS, RIDGE, FOLDS = 128, 30.0, 5
#: Draws of other images for the spread of a mean rank by chance.
DRAWS = 50

Matrix = NDArray[np.float32]


@dataclass(frozen=True)
class SlotFit:
    """How one slot's values fit their items' images.

    Attributes:
        rank: the mean share of other images that a value is less like than its own; .5 is chance; NaN without values.
        margin: by how many standard deviations over images a value is more like its own than the mean image.
    """

    rank: float
    margin: float


@dataclass(frozen=True)
class OwnImage:
    """How a catalogue's answers fit their items' images.

    Attributes:
        by: what compared them.
        items: how many were looked at.
        slots: by the slot's name.
        rank: of all slots together.
        z: by how many standard deviations that is above what the images of other items give.
        foreign: the largest share of answers that can be answers to other images.
        text_z: the same as z of the items' own titles and descriptions; None where there are none.
    """

    by: str
    items: int
    slots: Mapping[str, SlotFit]
    rank: float
    z: float
    foreign: float
    text_z: float | None

    def record(self, slot: str) -> dict[str, Any]:
        """What results.json holds of it for a slot."""
        of_slot = self.slots[slot]
        known = not np.isnan(of_slot.rank)
        return {
            "image_by": self.by,
            "image_items": self.items,
            "image_rank": of_slot.rank if known else None,
            "image_margin": of_slot.margin if known else None,
            "image_fit": self.rank,
            "image_z": self.z,
            "image_foreign": self.foreign,
            "image_text_z": self.text_z,
        }


def why_not(images: str) -> str | None:
    """Why an encoder of images and texts that was named cannot be used; None where it can."""
    made = make_encoder(images, registry())
    if not all(of_one_space(made)):
        return f"images={images} has no images and texts in one space, as st:openai/clip-vit-base-patch32 has"
    return why_unavailable(made)


def own_image(items: Sequence[Item], said: Sequence[Mapping[str, str]], images: str = "") -> OwnImage | None:
    """Compare answers with images.

    Args:
        items: of a catalogue.
        said: of each item, by slot, what its answer says; all slots in each, empty where it says nothing.
        images: an encoder of images and texts in one space; empty: EfficientNet-lite0 and a learnt one.

    Returns:
        None where fewer than FEWEST_ITEMS items have an answer and a readable image, or there is no encoder.

    Raises:
        RecclaimsError: the encoder failed.
    """
    there = [place for place, item in enumerate(items) if item.image_path is not None and any(said[place].values())]
    if len(there) < FEWEST_ITEMS or (not images and EfficientNetLite0().unavailable()):
        return None
    keys = id_keys([items[place].item_id for place in there])
    chosen = [there[place] for place in np.argsort(keys, kind="stable")[:MOST_ITEMS].tolist()]
    slots = list(said[0])
    texts = [[f"{slot}: {said[place][slot]}" if said[place][slot] else "" for place in chosen] for slot in slots]
    texts.append([items[place].text for place in chosen])
    some = [items[place] for place in chosen]
    seen, readable, written = _shared(some, texts, images) if images else _apart(some, texts)
    if readable.sum() < FEWEST_ITEMS:
        return None
    seen, written = seen[readable], [rows[readable] for rows in written]
    likeness = [text @ seen.T for text in written] if images else _learnt(seen, written)
    *of_slots, of_text = [_standardised(one, rows) for one, rows in zip(likeness, written, strict=True)]
    there_is = [_has_text(rows) for rows in written]
    together = np.sum(of_slots, axis=0)
    ranks = own_beats_others(together)
    random = np.random.default_rng(0)
    return OwnImage(
        by=images or "efficientnet-lite0, learnt",
        items=len(seen),
        slots={slot: _slot(one, has) for slot, one, has in zip(slots, of_slots, there_is[:-1], strict=True)},
        rank=float(ranks.mean()),
        z=_above_chance(together, random),
        foreign=min(1.0, float((ranks < TAIL).mean() / TAIL)),
        text_z=_above_chance(of_text, random) if there_is[-1].any() else None,
    )


def _slot(likeness: NDArray[np.float64], has: NDArray[np.bool_]) -> SlotFit:
    if not has.any():
        return SlotFit(np.nan, np.nan)
    own = np.diag(likeness) / np.maximum(likeness.std(axis=1), 1e-12)
    return SlotFit(float(own_beats_others(likeness)[has].mean()), float(own[has].mean()))


def _above_chance(likeness: NDArray[np.float64], random: np.random.Generator) -> float:
    """By how many standard deviations the mean rank of own images is above that of images dealt at random."""
    dealt = [own_beats_others(likeness[:, random.permutation(len(likeness))]).mean() for _ in range(DRAWS)]
    return float((own_beats_others(likeness).mean() - np.mean(dealt)) / max(np.std(dealt), 1e-12))


def _standardised(likeness: NDArray[np.floating], written: Matrix) -> NDArray[np.float64]:
    """Less what every image gives a text, and in units of one spread; zero for a text that says nothing."""
    centred = np.asarray(likeness, dtype=np.float64)
    centred = centred - centred.mean(axis=1, keepdims=True)
    centred[~_has_text(written)] = 0
    scaled: NDArray[np.float64] = centred / max(float(centred.std()), 1e-12)
    return scaled


def _has_text(rows: Matrix) -> NDArray[np.bool_]:
    return np.asarray(rows.any(axis=1))


def _learnt(seen: Matrix, written: Sequence[Matrix]) -> list[NDArray[np.float64]]:
    """The likeness of every text with what is predicted from every image, (n, n) each."""
    from sklearn.decomposition import PCA  # not while pytest collects
    from sklearn.linear_model import Ridge

    width = min(COMPONENTS, len(seen) // 8, seen.shape[1])
    rows = PCA(width, svd_solver="covariance_eigh").fit_transform(unit_rows(seen).astype(np.float64))
    rows /= max(float(rows.std()), 1e-12)
    has = [_has_text(text) for text in written]
    targets = [
        np.where(one[:, None], text - text[one].mean(axis=0) if one.any() else 0.0, 0.0)
        for text, one in zip(written, has, strict=True)
    ]
    joined = np.concatenate(targets, axis=1)
    predicted = np.empty_like(joined)
    fold = np.arange(len(rows)) % FOLDS
    for part in range(FOLDS):
        fitted = Ridge(alpha=RIDGE).fit(rows[fold != part], joined[fold != part])
        predicted[fold == part] = fitted.predict(rows[fold == part])
    widths = np.cumsum([target.shape[1] for target in targets])[:-1]
    return [target @ one.T for target, one in zip(targets, np.split(predicted, widths, axis=1), strict=True)]


def _apart(items: Sequence[Item], texts: Sequence[Sequence[str]]) -> tuple[Matrix, NDArray[np.bool_], list[Matrix]]:
    """What an image encoder sees, (n, d), of which items, and what a text encoder reads of each column of texts."""
    seen, readable = _encoded(EfficientNetLite0(), items)
    flat = SentenceEncoder().embed([text for column in texts for text in column])
    return seen, readable, _blank(np.split(flat, len(texts)), texts)


def _shared(
    items: Sequence[Item], texts: Sequence[Sequence[str]], images: str
) -> tuple[Matrix, NDArray[np.bool_], list[Matrix]]:
    """The same in the space of one encoder, rows scaled to length 1."""
    sees, reads = (make_encoder(name, registry()) for name in of_one_space(make_encoder(images, registry())))
    seen, readable = _encoded(sees, items)
    distinct = list(dict.fromkeys(text for column in texts for text in column if text))
    rows, _ = _encoded(reads, [Item(str(number), text) for number, text in enumerate(distinct)])
    place = {text: number for number, text in enumerate(distinct)}
    read = [unit_rows(rows)[[place.get(text, 0) for text in column]] for column in texts]
    return unit_rows(seen), readable, _blank(read, texts)


def _encoded(encoder: Encoder, items: Sequence[Item]) -> tuple[Matrix, NDArray[np.bool_]]:
    """An encoder's rows, and which of them are good."""
    made = encoder.encode(items)
    if not isinstance(made, Encoded):
        return made, np.ones(len(items), dtype=bool)
    good = np.array(["error" not in record for record in made.records])
    if not good.any():
        raise FeatureError(f"encoder '{encoder.name}' failed for every item: {made.records[0]['error']}")
    return made.matrix, good


def _blank(rows: Sequence[Matrix], texts: Sequence[Sequence[str]]) -> list[Matrix]:
    """Rows of zeros where there is no text."""
    there_is = [np.array([bool(text) for text in column])[:, None] for column in texts]
    return [np.where(has, one, 0) for has, one in zip(there_is, rows, strict=True)]
