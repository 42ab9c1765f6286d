"""A small catalogue that has everything: pictures, texts and attributes, plain ones and odd ones."""

from __future__ import annotations

from pathlib import Path

from recclaims.data.catalogue import Item

_COLOURS = ("red", "green", "blue", "black", "orange", "purple", "gold", "navy")
_SHAPES = ("disc", "square")


def plain_items(folder: Path) -> list[Item]:
    """Sixteen things that differ in colour and shape: in their pictures, texts and attributes alike.

    Args:
        folder: where their pictures are written.
    """
    from PIL import Image, ImageDraw

    items = []
    for number, (colour, shape) in enumerate((c, s) for c in _COLOURS for s in _SHAPES):
        picture = Image.new("RGB", (64, 48), "white")
        draw = ImageDraw.Draw(picture)
        (draw.ellipse if shape == "disc" else draw.rectangle)((12, 8, 52, 40), fill=colour)
        path = folder / f"{number}.png"
        picture.save(path)
        attributes = {"colour": (colour,), "shape": (shape,)}
        description = f"This {shape} is {colour}; it is number {number} of the catalogue."
        items.append(Item(f"i{number}", f"{colour} {shape}", description, attributes, image_path=path))
    return items


def odd_items(folder: Path) -> list[Item]:
    """Things as catalogues really have them: long, foreign or bare texts; tiny, tall, grey or see-through pictures."""
    from PIL import Image

    pictures = {
        "tiny": Image.new("RGB", (1, 1), "red"),
        "tall": Image.new("RGB", (5, 400), "blue"),
        "grey": Image.new("L", (40, 40), 128),
        "clear": Image.new("RGBA", (40, 40), (0, 255, 0, 40)),
        "palette": Image.new("P", (40, 40), 3),
    }
    texts = {
        "tiny": ("a", ""),
        "tall": ("", "word " * 3000),
        "grey": ("星の王子さま 🎬", "\u202eright to left\u202c"),
        "clear": ("<b>markup</b> & 'quotes' \\ %s {x}", "line\nbreak\ttab\x00nul"),
        "palette": ("1234", "?!…"),
    }
    items = []
    for name, picture in pictures.items():
        path = folder / f"{name}.png"
        picture.save(path)
        title, description = texts[name]
        attributes = {"kind of thing": (name, "odd"), "": ("",)} if name == "grey" else {"kind of thing": (name,)}
        items.append(Item(name, title, description, attributes, image_path=path))
    return items
