"""From items to batches of image tensors, for every visual encoder."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from recclaims.datasets.catalogue import Item
from recclaims.encoders.features import Encoded
from recclaims.errors import DatasetError

if TYPE_CHECKING:
    import torch

SIZE = 224
#: One by one: on a CPU larger batches leave the cache (160 posters, one thread: 30 images a second, 18 in eights).
BATCH = 1


def pixels(item: Item) -> NDArray[np.float32]:
    """The item's image, resized to 224 x 224 as it is: float32 (3, 224, 224), values 0 to 255."""
    from PIL import Image

    picture = item.image()
    if picture is None:
        raise ValueError(f"item '{item.item_id}' has no image")
    resized = picture.resize((SIZE, SIZE), Image.Resampling.BICUBIC)
    return np.asarray(resized, dtype=np.float32).transpose(2, 0, 1)


def encode_images(
    items: Sequence[Item], embed: Callable[[torch.Tensor], torch.Tensor], batch: int = BATCH
) -> NDArray[np.float32] | Encoded:
    """Run `embed` over the items' images.

    Args:
        items: every one has an image.
        embed: float32 (b, 3, 224, 224) with values 0 to 255 -> float32 (b, d).
        batch: images held at once.

    Returns:
        float32 (n, d); where an image cannot be read, with a record that says so, and a row that is not to be read.
    """
    import torch

    rows: list[NDArray[np.float32]] = []
    records: list[Mapping[str, Any]] = []
    with torch.inference_mode():
        for start in range(0, len(items), batch):
            pictures = []
            for item in items[start : start + batch]:
                try:
                    pictures.append(pixels(item))
                    records.append({})
                except DatasetError as error:
                    records.append({"error": str(error)})
            if pictures:
                rows.append(embed(torch.from_numpy(np.stack(pictures))).float().cpu().numpy())
    good = [not record for record in records]
    if all(good):
        return np.concatenate(rows)
    matrix = np.zeros((len(items), rows[0].shape[1] if rows else 1), dtype=np.float32)
    if rows:
        matrix[good] = np.concatenate(rows)
    return Encoded(matrix, records)
