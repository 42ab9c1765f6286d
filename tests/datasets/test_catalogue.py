import numpy as np
import pytest
from PIL import Image

from recclaims.datasets.catalogue import Item


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
