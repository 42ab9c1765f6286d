"""From items to batches of image tensors, for every visual encoder."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections import deque
from collections.abc import Callable, Generator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from recclaims.data.catalogue import Item
from recclaims.errors import DatasetError
from recclaims.features.encoded import Encoded

if TYPE_CHECKING:
    import torch

SIZE = 224
#: One by one: on a CPU larger batches leave the cache (160 posters, one thread: 30 images a second, 18 in eights).
BATCH = 1
#: Threads that decode images while the network runs: 6 ms for a small poster, where EfficientNet-lite0 takes 33.
DECODERS = 4


def pixels(item: Item) -> NDArray[np.float32]:
    """The item's image, resized to 224 x 224 as it is: float32 (3, 224, 224), values 0 to 255."""
    from PIL import Image

    picture = item.image()
    if picture is None:
        raise ValueError(f"item '{item.item_id}' has no image")
    resized = picture.resize((SIZE, SIZE), Image.Resampling.BICUBIC)
    return np.asarray(resized, dtype=np.float32).transpose(2, 0, 1)


def encode_images(
    items: Sequence[Item],
    embed: Callable[[torch.Tensor], torch.Tensor],
    batch: int = BATCH,
    read: Callable[[Item], NDArray[np.float32]] = pixels,
) -> NDArray[np.float32] | Encoded:
    """Run `embed` over the items' images, once over equal ones.

    Args:
        items: every one has an image.
        embed: float32 (b, 3, 224, 224) with values 0 to 255 -> float32 (b, d).
        batch: images held at once.
        read: how an item's image becomes what `embed` is given, all of one shape.

    Returns:
        float32 (n, d); where an image cannot be read, with a record that says so, and a row that is not to be read.
    """
    import torch

    known: dict[bytes, int] = {}  # of each distinct image, its row
    places: list[int] = []
    records: list[Mapping[str, Any]] = []
    rows: list[NDArray[np.float32]] = []
    waiting: list[NDArray[np.float32]] = []

    def run() -> None:
        if waiting:
            rows.append(embed(torch.from_numpy(np.stack(waiting))).float().cpu().numpy())
            waiting.clear()

    with torch.inference_mode(), contextlib.closing(_ahead(items, read)) as decoded:
        for picture in decoded:
            if isinstance(picture, DatasetError):
                records.append({"error": str(picture)})
                places.append(-1)
                continue
            digest = hashlib.sha256(picture.tobytes()).digest()
            if digest not in known:
                known[digest] = len(known)
                waiting.append(picture)
            records.append({})
            places.append(known[digest])
            if len(waiting) == batch:
                run()
        run()
    if not rows:
        return Encoded(np.zeros((len(items), 1), dtype=np.float32), records)
    made = np.concatenate([*rows, np.zeros((1, rows[0].shape[1]), dtype=np.float32)])  # place -1: nothing to be read
    matrix = made[places]
    return Encoded(matrix, records) if any(records) else matrix


def _ahead(
    items: Sequence[Item], read: Callable[[Item], NDArray[np.float32]]
) -> Generator[NDArray[np.float32] | DatasetError]:
    """Each item's pixels, or why there are none, in order; decoded by threads that are a few items ahead.

    Pillow decodes and resizes without Python's lock, so that the network computes meanwhile.
    """
    threads = min(DECODERS, os.cpu_count() or 1)
    with ThreadPoolExecutor(threads) as pool:
        pending: deque[Future[NDArray[np.float32] | DatasetError]] = deque()
        try:
            for item in items:
                pending.append(pool.submit(_read, item, read))
                if len(pending) > 4 * threads:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            for future in pending:
                future.cancel()


def _read(item: Item, read: Callable[[Item], NDArray[np.float32]]) -> NDArray[np.float32] | DatasetError:
    try:
        return read(item)
    except DatasetError as error:
        return error
