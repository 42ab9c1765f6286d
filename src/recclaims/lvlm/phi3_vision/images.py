"""Images as Phi-3-vision sees them: crops of 336 x 336 pixels, and the whole image in one of that size."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    import torch

#: A crop's side in pixels, that of CLIP's input.
SIDE = 336
#: A crop's side in tokens: 24 patches of 14 pixels, merged two by two.
TOKENS = 12
#: The most crops of an image that is the only one in its prompt, as the model's card advises.
SINGLE = 16


@dataclass(frozen=True)
class Crops:
    """An image in pieces.

    Attributes:
        pixels: float32 (1 + rows * columns, 3, 336, 336); the whole image, then the crops row by row.
        rows: crops from top to bottom.
        columns: crops from left to right.
    """

    pixels: torch.Tensor
    rows: int
    columns: int


def grid(width: int, height: int, most: int) -> tuple[int, int]:
    """The size to which an image is scaled: as many crops wide as fit into `most` with its proportions.

    Args:
        width: in pixels, at least as large as height.
        height: in pixels.
        most: how many crops there may be.

    Returns:
        Width, a multiple of 336, and height, which is padded to one.
    """
    ratio = width / height
    columns = 1
    while (columns + 1) * math.ceil((columns + 1) / ratio) <= most:
        columns += 1
    # Not less than a pixel, for images like a line.
    return columns * SIDE, max(1, int(columns * SIDE / ratio))


def token_count(rows: int, columns: int) -> int:
    """How many tokens stand for an image: both pictures with a separator behind each row, and one between them."""
    return rows * TOKENS * (columns * TOKENS + 1) + 1 + TOKENS * (TOKENS + 1)


def cut(image: Image.Image, most: int, mean: list[float], std: list[float]) -> Crops:
    """Scale, pad with white above and below (a tall image: left and right), normalise, and cut into crops.

    Args:
        image: any size and mode.
        most: how many crops there may be.
        mean: of each colour, by which pixels from 0 to 1 are normalised.
        std: likewise.
    """
    import torch

    image = image.convert("RGB")
    tall = image.width < image.height
    if tall:
        image = image.transpose(Image.Transpose.TRANSPOSE)
    width, height = grid(image.width, image.height, most)
    padded = Image.new("RGB", (width, math.ceil(height / SIDE) * SIDE), (255, 255, 255))
    padded.paste(image.resize((width, height), Image.Resampling.BILINEAR), (0, (padded.height - height) // 2))
    if tall:
        padded = padded.transpose(Image.Transpose.TRANSPOSE)
    values = torch.from_numpy(np.array(padded)).permute(2, 0, 1).contiguous().to(torch.float32).div(255)
    values = (values - torch.tensor(mean)[:, None, None]) / torch.tensor(std)[:, None, None]
    rows, columns = values.shape[1] // SIDE, values.shape[2] // SIDE
    crops = values.unfold(1, SIDE, SIDE).unfold(2, SIDE, SIDE).permute(1, 2, 0, 3, 4).reshape(-1, 3, SIDE, SIDE)
    whole = torch.nn.functional.interpolate(values[None], size=(SIDE, SIDE), mode="bicubic")
    return Crops(torch.cat([whole, crops]), rows, columns)
