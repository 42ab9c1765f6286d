"""What is known of the items: the words of DESIGN, as types."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from recclaims.errors import DatasetError

if TYPE_CHECKING:
    from PIL.Image import Image

#: The largest image that is decoded, in pixels: a guard against decompression bombs.
MAX_PIXELS = 64_000_000


@dataclass(frozen=True, slots=True)
class Item:
    """One item of a catalogue, as an encoder sees it.

    `attributes` maps a slot to its values, as in `{"genres": ("Comedy", "Romance")}`; `answers` maps a
    model and prompt to the raw text that a vision-language model once gave for this item. `domain` says what
    kind of thing it is (`movies`), which decides what a model is asked about it; it may be a file of prompts.
    """

    item_id: str
    title: str = ""
    description: str = ""
    attributes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    answers: Mapping[str, str] = field(default_factory=dict)
    image_path: Path | None = None
    domain: str = ""

    def image(self) -> Image | None:
        """Open the image as RGB, or return None where the item has none.

        Raises:
            DatasetError: the file is missing, too large or not an image; the message names it.
        """
        if self.image_path is None:
            return None
        from PIL import Image, UnidentifiedImageError

        try:
            with Image.open(self.image_path) as picture:
                if picture.width * picture.height > MAX_PIXELS:
                    raise DatasetError(
                        f"{self.image_path}: image of item '{self.item_id}' has {picture.width} x "
                        f"{picture.height} pixels; at most {MAX_PIXELS} are decoded"
                    )
                return picture.convert("RGB")
        except FileNotFoundError:
            raise DatasetError(f"{self.image_path}: image of item '{self.item_id}' does not exist") from None
        except (
            UnidentifiedImageError,
            OSError,
            SyntaxError,
            ValueError,
            Image.DecompressionBombError,
        ) as error:
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise DatasetError(f"{self.image_path}: image of item '{self.item_id}' cannot be read: {reason}") from None

    @property
    def text(self) -> str:
        """Title and description as one text, empty where the item has neither."""
        title, description = self.title.strip(), self.description.strip()
        return f"{title.rstrip('.')}. {description}" if title and description else title or description

    def has(self, modality: str) -> bool:
        """Say whether the item carries anything for `modality` (visual, textual or multimodal)."""
        if modality == "visual":
            return self.image_path is not None
        if modality == "textual":
            return bool(self.text)
        return self.image_path is not None and bool(self.text)
