"""A broken image costs one item, and none unpacks to more than is borne."""

import struct
import zlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

from recclaims.data import catalogue
from recclaims.data.catalogue import Item
from recclaims.errors import DatasetError
from recclaims.features.extraction import extract
from recclaims.features.images import encode_images


def png(width, height, rows=b""):
    """A PNG that says it is this large, with these rows as its content."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows, 9)) + chunk(b"IEND", b"")


def text_bomb():
    """A PNG whose comment unpacks to 200 MB."""
    whole = png(2, 2, b"\0\0\0" * 2)
    data = b"c\0\0" + zlib.compress(b"a" * 200_000_000, 9)
    chunk = struct.pack(">I", len(data)) + b"zTXt" + data + struct.pack(">I", zlib.crc32(b"zTXt" + data))
    return whole[:33] + chunk + whole[33:]


def vector(kind):
    import io

    file = io.BytesIO()
    Image.new("RGB", (4, 4)).save(file, kind)
    return file.getvalue()


BROKEN = {
    "a bomb of 30,000 x 30,000": (lambda: png(30_000, 30_000), "Image size (900000000 pixels) exceeds limit"),
    "a line of 2^31 - 1": (lambda: png(2**31 - 1, 1), "Image size (2147483647 pixels) exceeds limit"),
    "a bomb that Pillow only warns of": (
        lambda: png(10_000, 9_500),
        "10000 x 9500 pixels; at most 64,000,000 are decoded",
    ),
    "a text that unpacks": (text_bomb, "cannot be read: "),
    "truncated": (lambda: vector("PNG")[:-30], "cannot be read: "),
    "no pixels": (lambda: png(0, 0), "cannot be read: "),
    "PostScript, which another program would run": (lambda: vector("EPS"), "cannot be read: cannot identify"),
    "a format that is not on the list": (lambda: vector("TIFF"), "cannot be read: cannot identify"),
    "SVG": (lambda: b'<svg xmlns="http://www.w3.org/2000/svg"/>', "cannot be read: cannot identify"),
    "empty": (bytes, "cannot be read: cannot identify"),
}


@pytest.mark.parametrize(("content", "reason"), BROKEN.values(), ids=BROKEN)
def test_a_broken_image_is_one_line_and_one_item_less(tmp_path, content, reason):
    (tmp_path / "bad.png").write_bytes(content())
    Image.new("RGB", (4, 4), "red").save(tmp_path / "good.png")
    items = [Item(name, image_path=tmp_path / f"{name}.png") for name in ("good", "bad")]
    with pytest.raises(DatasetError, match="image of item 'bad'") as caught:
        items[1].image()
    assert reason in str(caught.value)

    class Mean:
        name, modality, version = "mean", "visual", "1"

        def encode(self, items):
            return encode_images(items, lambda images: images.mean(dim=(2, 3)))

    features = extract(Mean(), items)
    assert features.filled.tolist() == [False, True]
    assert reason in features.records[1]["error"]
    np.testing.assert_allclose(features.matrix[0], [255, 0, 0], atol=1e-3)


def test_an_image_file_beyond_the_limit_is_not_opened(tmp_path):
    path = tmp_path / "large.png"
    path.write_bytes(png(1, 1, b"\0\0"))
    with path.open("r+b") as file:
        file.truncate(catalogue.MAX_IMAGE_BYTES + 1)
    with pytest.raises(DatasetError, match=r"has 100,000,001 bytes; at most 100,000,000 are read"):
        Item("a", image_path=path).image()


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG"])
def test_of_an_animation_the_first_frame_counts(tmp_path, kind):
    frames = [Image.new("RGB", (4, 4), colour) for colour in ("red", "blue", "green")]
    path = tmp_path / "moving"
    frames[0].save(path, kind, save_all=True, append_images=frames[1:], duration=40)
    assert Item("a", image_path=path).image().getpixel((0, 0)) == pytest.approx((255, 0, 0), abs=6)


def test_what_a_bomb_is_called_does_not_depend_on_other_threads(tmp_path):
    """Images are decoded in threads, which share Python's filters of warnings."""
    (tmp_path / "bad.png").write_bytes(png(10_000, 9_500))
    Image.new("RGB", (4, 4), "red").save(tmp_path / "good.png")

    def told(number):
        try:
            Item("i", image_path=tmp_path / ("bad.png" if number % 2 else "good.png")).image()
        except DatasetError as error:
            return str(error)
        return ""

    with ThreadPoolExecutor(8) as threads:
        reasons = list(threads.map(told, range(2_000)))
    assert not any(reasons[::2])
    assert all("10000 x 9500 pixels" in reason for reason in reasons[1::2])
