"""An item's text drawn into its image, for an encoder of images that reads both from the picture."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from recclaims.data.catalogue import Item
from recclaims.errors import FeatureError
from recclaims.features.encoded import Encoded
from recclaims.features.resolve import why_unavailable
from recclaims.features.spec import A_MODEL, EncoderSpec, requirements, spec_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image
    from PIL.ImageFont import FreeTypeFont

    from recclaims.features.protocol import Encoder

NAME = "rendered"
NEEDS_A_READER = f"{NAME} needs an encoder of images: {NAME}:st:org/model?modality=visual"
#: Raised when the same item gives another picture.
VERSION = "1"
#: The picture is square, its lower part for the text; sizes in pixels. Vision-language models cut pictures of this size
#: into 256 to 1,024 patches and can read the letters; a network that sees 224 pixels sees them half as large.
SIDE, PANEL, EDGE, LETTERS, LINE = 448, 160, 8, 20, 24
#: DejaVu Sans, which comes with matplotlib: Latin, Greek, Cyrillic, Arabic and more, not Chinese, Japanese or Korean.
FONT = ("fonts", "ttf", "DejaVuSans.ttf")


class Rendered:
    """Embeddings of pictures that hold an item's image above and its title and description below, as letters.

    The encoder behind the colon sees one picture and no text. A text that is too long for the panel is cut, and
    characters that the font does not have (see FONT) are left out; both are counted as cut. An item is encoded if it
    has an image and a text of which something can be drawn.

    Args:
        encoder: an encoder that reads images: `rendered:st:org/model?modality=visual`, `rendered:lvlm:FOLDER`.
    """

    name, modality = NAME, "multimodal"
    #: Without an argument there is no case: no model is a default.
    spec = EncoderSpec(requires=frozenset({A_MODEL}), on_request=True)

    def __init__(self, encoder: str = "") -> None:
        self._asked = encoder
        self._reader: Encoder | None = None
        if encoder:
            self.name = f"{NAME}:{encoder}"

    def make_parts(self, make: Callable[[str], Encoder]) -> None:
        """Make the encoder that reads the pictures; it is no part of a fusion, as it never sees the items alone.

        Raises:
            FeatureError: it reads no images, or fuses what other encoders made of them.
        """
        if not self._asked:
            return
        self._reader = reader = make(self._asked)
        spec = spec_of(reader)
        if "visual" not in requirements(reader):
            raise FeatureError(f"{self.name}: {reader.name} reads no images")
        if spec.parts:
            raise FeatureError(f"{self.name}: {reader.name} encodes image and text apart; write ?modality=visual")
        self.spec = EncoderSpec(chunk=spec.chunk, place=spec.place, beside=spec.beside, imputation=spec.imputation)

    @property
    def reader(self) -> Encoder:
        """What reads the pictures."""
        if self._reader is None:
            raise FeatureError(NEEDS_A_READER)
        return self._reader

    @property
    def version(self) -> str:
        """How pictures are drawn, and the version of what reads them."""
        return VERSION if self._reader is None else f"{VERSION};{self._reader.version}"

    def unavailable(self) -> str | None:
        """Why there is nothing to read the pictures with."""
        return NEEDS_A_READER if self._reader is None else why_unavailable(self._reader)

    def covers(self, item: Item) -> bool:
        """Whether there are an image and a text that the font has letters for."""
        return item.image_path is not None and bool(_drawable(item.text)[0])

    def encode(self, items: Sequence[Item]) -> NDArray[np.float32] | Encoded:
        """Draw, and let the reader encode: float32 (n, d), with what was cut."""
        drawn = [Drawn.of(item) for item in items]
        answer = self.reader.encode(drawn)
        cut = [_laid_out(item.text)[1] for item in items]
        if not any(cut) and not isinstance(answer, Encoded):
            return answer
        given: Sequence[Any] = answer.records if isinstance(answer, Encoded) else [{}] * len(items)
        records = [{**record, "cut": True} if is_cut else record for record, is_cut in zip(given, cut, strict=True)]
        return Encoded(answer.matrix if isinstance(answer, Encoded) else answer, records)


class Drawn(Item):
    """An item whose picture holds its text, and that has no other text."""

    __slots__ = ("_text",)
    _text: str

    @classmethod
    def of(cls, item: Item) -> Drawn:
        """The item as it is shown to the reader."""
        fields = {name: getattr(item, name) for name in Item.__dataclass_fields__}
        made = cls(**{**fields, "title": "", "description": ""})
        object.__setattr__(made, "_text", item.text)
        return made

    def image(self) -> Image | None:
        """The picture; raises DatasetError as that of an item does."""
        own = super().image()
        return None if own is None else render(own, self._text)


def render(image: Image, text: str) -> Image:
    """A white square with the image above, scaled to fit, and the text below in black: RGB, SIDE x SIDE.

    Args:
        image: RGB.
        text: cut where the panel ends.
    """
    from PIL import Image, ImageDraw

    picture = Image.new("RGB", (SIDE, SIDE), "white")
    scale = min(SIDE / image.width, (SIDE - PANEL) / image.height)
    size = max(1, round(image.width * scale)), max(1, round(image.height * scale))
    shown = image.resize(size, Image.Resampling.BICUBIC)
    picture.paste(shown, ((SIDE - size[0]) // 2, (SIDE - PANEL - size[1]) // 2))
    draw = ImageDraw.Draw(picture)
    for number, line in enumerate(_laid_out(text)[0]):
        draw.text((EDGE, SIDE - PANEL + EDGE + number * LINE), line, fill="black", font=_font())
    return picture


def _laid_out(text: str) -> tuple[list[str], bool]:
    """The lines of a text as the panel holds them, and whether something of it is not there."""
    drawable, less = _drawable(text)
    lines, width = [""], SIDE - 2 * EDGE
    for word in drawable.split():
        longer = f"{lines[-1]} {word}".lstrip()
        if _font().getlength(longer) <= width:
            lines[-1] = longer
            continue
        lines += [word] if lines[-1] else []
        lines[-1] = word
        while _font().getlength(lines[-1]) > width:  # one word that is longer than a line
            fits = next(n for n in range(len(lines[-1]) - 1, 0, -1) if _font().getlength(lines[-1][:n]) <= width)
            lines[-1:] = [lines[-1][:fits], lines[-1][fits:]]
    most = (PANEL - EDGE) // LINE
    return lines[:most], less or len(lines) > most


def _drawable(text: str) -> tuple[str, bool]:
    """What of a text the font has letters for, and whether it lacks some."""
    kept = "".join(letter for letter in text if letter.isspace() or _is_there(letter))
    return kept.strip(), len(kept) < len(text)


@functools.cache
def _font() -> FreeTypeFont:
    import matplotlib as mpl
    from PIL import ImageFont

    return ImageFont.truetype(str(Path(mpl.get_data_path(), *FONT)), LETTERS)


@functools.cache
def _is_there(letter: str) -> bool:
    """Whether the font draws a letter as something else than the box for those that it does not have."""
    shape, box = (_font().getmask(one) for one in (letter, "\uffff"))
    return (shape.size, bytes(shape)) != (box.size, bytes(box))
