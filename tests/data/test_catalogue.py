import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from recclaims.data.catalogue import Item


def written(tmp_path, mode, **options):
    """A 4 x 4 image, transparent in its left half, whose transparent pixels are black underneath."""
    pixels = np.zeros((4, 4, 4), dtype=np.uint8)
    pixels[:, 2:] = (200, 0, 0, 255)
    picture = Image.fromarray(pixels)
    if mode == "P":
        picture = Image.fromarray(np.repeat([[0, 0, 1, 1]], 4, axis=0).astype(np.uint8), "L").convert("P")
        picture.putpalette([0, 0, 0, 200, 0, 0])
        options["transparency"] = 0
    picture.convert(mode).save(tmp_path / "image.png", **options)
    return tmp_path / "image.png"


@pytest.mark.parametrize("mode", ["RGBA", "P", "LA"])
def test_transparent_pixels_show_the_backdrop(tmp_path, mode):
    path = written(tmp_path, mode)
    blue = tmp_path / "blue.png"
    Image.new("RGB", (9, 9), (0, 0, 255)).save(blue)
    on_white, on_blue = Item("i", image_path=path).image(), Item("i", image_path=path, backdrop=blue).image()
    assert on_blue.size == (4, 4)
    assert on_white.mode == on_blue.mode == "RGB"
    assert on_white.getpixel((0, 0)) == (255, 255, 255)
    assert on_blue.getpixel((0, 0)) == (0, 0, 255)
    assert on_white.getpixel((3, 3)) == on_blue.getpixel((3, 3)) != (255, 255, 255)


def test_an_opaque_image_is_left_alone(tmp_path):
    path = written(tmp_path, "RGB")
    image = Item("i", image_path=path, backdrop=path).image()
    np.testing.assert_array_equal(np.asarray(image), np.asarray(Image.open(path)))


def png(path, depth, colour, shades, clear):
    """A PNG of one row, written by hand: of bits a channel that Pillow does not write, with a transparent shade."""

    def chunk(name, content):
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    header = struct.pack(">IIBBBBB", 2, 1, depth, colour, 0, 0, 0)
    row = chunk(b"IDAT", zlib.compress(b"\0" + shades))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + clear + row + chunk(b"IEND", b""))
    return path


def test_a_grey_image_of_16_bits_shows_its_shades(tmp_path):
    shades = np.arange(256, dtype=np.uint8).reshape(16, 16)
    path = tmp_path / "deep.png"
    Image.fromarray(shades.astype(np.uint16) * 257).save(path)
    image = np.asarray(Item("i", image_path=path).image())
    np.testing.assert_array_equal(image, np.repeat(shades[:, :, None], 3, axis=2))


@pytest.mark.parametrize(
    ("depth", "colour", "shades", "clear", "left"),
    [
        (16, 0, struct.pack(">2H", 0x1234, 0x8000), 0x8000, 0x12),
        (16, 2, struct.pack(">6H", *[0x1234] * 3, *[0x8000] * 3), 0x8000, 0x12),
        (8, 0, bytes([0x12, 0x80]), 0x80, 0x12),
        (4, 0, bytes([0x18]), 8, 0x11),
        (2, 0, bytes([0b01100000]), 2, 0x55),
    ],
)
def test_a_transparent_shade_shows_what_is_below(tmp_path, depth, colour, shades, clear, left):
    content = struct.pack(">H", clear) * (3 if colour == 2 else 1)
    chunk = struct.pack(">I", len(content)) + b"tRNS" + content + struct.pack(">I", zlib.crc32(b"tRNS" + content))
    image = Item("i", image_path=png(tmp_path / "clear.png", depth, colour, shades, chunk)).image()
    assert [image.getpixel((0, 0)), image.getpixel((1, 0))] == [(left,) * 3, (255,) * 3]


@pytest.mark.parametrize("kind", ["jpeg", "png", "webp"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_an_image_stands_as_its_orientation_says(tmp_path, kind, orientation):
    """How the corner at the upper left comes to lie, for each of EXIF's eight orientations."""
    stored = Image.new("L", (64, 32), 255)
    stored.paste(0, (0, 0, 16, 16))
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / f"turned.{kind}"
    stored.save(path, kind, exif=exif, quality=95)
    image = np.asarray(Item("i", image_path=path).image())[:, :, 0] < 128
    assert image.shape == ((32, 64) if orientation < 5 else (64, 32))
    bottom, right = {1: (0, 0), 2: (0, 1), 3: (1, 1), 4: (1, 0), 5: (0, 0), 6: (0, 1), 7: (1, 1), 8: (1, 0)}[
        orientation
    ]
    rows, columns = np.flatnonzero(image.any(1)), np.flatnonzero(image.any(0))
    assert (rows.mean() > image.shape[0] / 2, columns.mean() > image.shape[1] / 2) == (bool(bottom), bool(right))


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "CMYK"])
def test_images_of_other_modes_are_converted_as_before(tmp_path, mode):
    random = np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    path = tmp_path / ("image.jpg" if mode == "CMYK" else "image.png")
    Image.fromarray(random).convert(mode).save(path)
    image = Item("i", image_path=path).image()
    np.testing.assert_array_equal(np.asarray(image), np.asarray(Image.open(path).convert("RGB")))


def test_broken_exif_costs_no_picture(tmp_path):
    path = tmp_path / "camera.png"
    Image.new("RGB", (4, 4), (9, 9, 9)).save(path, exif=b"Exif\0\0nonsense")
    assert Item("i", image_path=path).image().getpixel((0, 0)) == (9, 9, 9)
