"""The items of a catalogue."""

from __future__ import annotations

import hashlib
import io
import os
import threading
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, NamedTuple

from recclaims.data.read_only import ReadOnlyDict
from recclaims.errors import ChangedError, DatasetError, RecclaimsError
from recclaims.regular_file import open_regular

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageFile import ImageFile

#: The largest image that is decoded, in pixels (a guard against decompression bombs), and the largest file.
MAX_PIXELS = 64_000_000
MAX_IMAGE_BYTES = 100_000_000
#: Decoders that are tried; Pillow has forty more, some of which start other programs. Of an animation the first
#: frame counts.
FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP")
#: Part of what features depend on; raised when the same files and texts reach encoders as something else.
READING = 2
#: Steps between the shades of a grey PNG of 2 or 4 bits, once there are 256.
_SHADE = {"L;2": 85, "L;4": 17}
_ORIENTATION = 0x0112
_ONE_HEADER = threading.Lock()


class Seen(NamedTuple):
    """What an item's files held when the catalogue's fingerprint was taken: see contents.content_of."""

    image: str | None
    backdrop: str | None


@dataclass(frozen=True, slots=True)
class Item:
    """One item of a catalogue, as an encoder sees it; read-only, because all encoders of a process share it.

    `attributes` maps a slot to its values, as in `{"genres": ("Comedy", "Romance")}`; `answers` maps a model and prompt
    to the raw text that a vision-language model gave for this item. `backdrop` is an image that shows through where the
    item's own is transparent, scaled to its size; the default is white. `domain` says what kind of thing it is
    (`movies`) and decides what a model is asked about it; it may be a file of prompts. `seen` is the content that its
    files must still have when they are read.
    """

    item_id: str
    title: str = ""
    description: str = ""
    attributes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    answers: Mapping[str, str] = field(default_factory=dict)
    image_path: Path | None = None
    backdrop: Path | None = None
    domain: str = ""
    seen: Seen | None = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        attributes = self.attributes
        if not isinstance(attributes, ReadOnlyDict):
            attributes = ReadOnlyDict((slot, tuple(values)) for slot, values in attributes.items())
            object.__setattr__(self, "attributes", attributes)
        if not isinstance(self.answers, ReadOnlyDict):
            object.__setattr__(self, "answers", ReadOnlyDict(self.answers))

    def image(self) -> Image | None:
        """Open the image as RGB, turned upright by its EXIF orientation, or return None if the item has none.

        Raises:
            DatasetError: the file is missing, too large or not an image of FORMATS; the message names it.
            ChangedError: it is not the file that was `seen`.
        """
        if self.image_path is None:
            return None
        where = f"{self.image_path}: image of item '{self.item_id}'"
        from PIL import UnidentifiedImageError

        try:
            image, backdrop = self.seen or (None, None)
            picture = _decoded(self.image_path, self.backdrop, where, image, backdrop)
            if self.seen and image is None:
                raise ChangedError(f"{where} could not be read earlier in this run but can be now; start the run again")
            return picture
        except FileNotFoundError:
            if self.seen and self.seen.image is not None:
                raise ChangedError(f"{where} was removed during the run; start the run again") from None
            raise DatasetError(f"{where} does not exist") from None
        except RecclaimsError:
            raise
        except UnidentifiedImageError:  # whose own words hold an address or a descriptor, another one in every run
            raise DatasetError(f"{where} cannot be read: cannot identify its format") from None
        except Exception as error:  # what a decoder makes of a broken file can be anything
            raise DatasetError(f"{where} cannot be read: {error or type(error).__name__}") from None

    @property
    def text(self) -> str:
        """Title and description as one text, empty if the item has neither."""
        title, description = self.title.strip(), self.description.strip()
        return f"{title.rstrip('.')}. {description}" if title and description else title or description

    def has(self, modality: str) -> bool:
        """Say whether the item has content for `modality` (visual, textual or multimodal)."""
        if modality == "visual":
            return self.image_path is not None
        if modality == "textual":
            return bool(self.text)
        return self.image_path is not None and bool(self.text)


def _decoded(
    path: Path, backdrop: Path | None, where: str, seen: str | None = None, backdrop_seen: str | None = None
) -> Image:
    with open_regular(path) as file:
        size = os.fstat(file.fileno()).st_size
        content = file.read(MAX_IMAGE_BYTES + 1) if size <= MAX_IMAGE_BYTES else b""
    if max(size, len(content)) > MAX_IMAGE_BYTES:
        raise DatasetError(f"{where} has {max(size, len(content)):,} bytes; at most {MAX_IMAGE_BYTES:,} are read")
    if seen is not None and hashlib.sha256(content).hexdigest() != seen:
        raise ChangedError(f"{where} changed during the run; start the run again")
    with _header(io.BytesIO(content)) as picture:
        if picture.width * picture.height > MAX_PIXELS:
            raise DatasetError(
                f"{where} has {picture.width} x {picture.height} pixels; at most {MAX_PIXELS:,} are decoded"
            )
        return _opaque(_upright(_eight_bits(picture)), backdrop, where, backdrop_seen)


def _header(file: IO[bytes]) -> ImageFile:
    """Open an image without decoding it."""
    from PIL import Image

    # Images are decoded in threads, and whoever leaves catch_warnings puts back the filters of all.
    with _ONE_HEADER, warnings.catch_warnings():
        # Pillow only warns of an image that is half as large again as it would refuse; ours is the smaller limit.
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        return Image.open(file, formats=FORMATS)


def _eight_bits(picture: Image) -> Image:
    """The picture with at most 256 shades a channel, and the shade that counts as transparent told in the same ones.

    Pillow clips what has more to white, and leaves that shade as the file counts it.
    """
    tiles = getattr(picture, "tile", ())
    raw = str(tiles[0].args) if tiles else ""  # how the file packs its shades; gone once they are read
    clear = picture.info.get("transparency")
    if picture.mode.startswith("I"):
        import numpy as np
        from PIL import Image

        shades = np.asarray(picture)
        small = Image.fromarray((shades.clip(0, 0xFFFF) >> 8).astype(np.uint8))
        small.info = dict(picture.info)
        if clear is not None:
            small.putalpha(Image.fromarray(np.where(shades == clear, 0, 255).astype(np.uint8)))
            del small.info["transparency"]
        return small
    if isinstance(clear, tuple) and "16" in raw:
        picture.info["transparency"] = tuple(shade >> 8 for shade in clear)
    elif isinstance(clear, int) and raw in _SHADE:
        picture.info["transparency"] = clear * _SHADE[raw]
    return picture


def _upright(picture: Image) -> Image:
    """The picture turned as its EXIF orientation says, which is how programs show it."""
    from PIL import ImageOps

    try:
        orientation = picture.getexif().get(_ORIENTATION)
    except Exception:  # what else a camera wrote may be broken; the picture is shown all the same
        return picture
    return ImageOps.exif_transpose(picture) if orientation in range(2, 9) else picture


def _opaque(picture: Image, backdrop: Path | None, where: str, seen: str | None) -> Image:
    """The picture as RGB; what a transparent pixel's own colour is depends on the program that wrote it."""
    if not picture.has_transparency_data:
        return picture.convert("RGB")
    from PIL import Image

    below = Image.new("RGBA", picture.size, "white")
    if backdrop is not None:
        shown = _decoded(backdrop, None, f"{backdrop}: backdrop of {where}", seen)
        below = shown.resize(picture.size).convert("RGBA")
    below.alpha_composite(picture.convert("RGBA"))
    return below.convert("RGB")
