"""What every visual encoder gets: images in order, equal ones once, and a record where one cannot be read."""

import numpy as np
import pytest
from PIL import Image

from recclaims.data.catalogue import Item
from recclaims.features.encoded import Encoded
from recclaims.features.images import encode_images, pixels


@pytest.fixture
def items(tmp_path):
    """Forty items of ten colours, so that each image is there four times; every seventh cannot be read."""
    made = []
    for n in range(40):
        path = tmp_path / f"{n}.png"
        if n % 7 == 3:
            path.write_bytes(b"no image")
        else:
            Image.new("RGB", (5, 5), (n % 10 * 20, 0, 0)).save(path)
        made.append(Item(str(n), image_path=path))
    return made


@pytest.mark.parametrize("batch", [1, 4, 100])
def test_images_are_encoded_in_order_and_equal_ones_once(items, batch):
    seen = []

    def red(images):
        seen.extend(images[:, 0, 0, 0].tolist())
        return images[:, :2, 0, 0]

    encoded = encode_images(items, red, batch)
    assert isinstance(encoded, Encoded)
    assert ["error" in record for record in encoded.records] == [n % 7 == 3 for n in range(40)]
    readable = [n for n in range(40) if n % 7 != 3]
    np.testing.assert_array_equal(encoded.matrix[readable, 0], [n % 10 * 20 for n in readable])
    assert sorted(seen) == [colour * 20 for colour in range(10)]


def test_readable_images_are_a_matrix_without_records(items):
    readable = [item for n, item in enumerate(items) if n % 7 != 3]
    matrix = encode_images(readable, lambda images: images.mean(dim=(2, 3)))
    assert matrix.dtype == np.float32
    np.testing.assert_allclose(matrix, [pixels(item).mean(axis=(1, 2)) for item in readable], rtol=1e-6)


def test_no_readable_image_is_no_error(items):
    encoded = encode_images(items[3:4], lambda images: images.mean(dim=(2, 3)))
    assert encoded.matrix.shape == (1, 1)


def test_what_the_network_raises_comes_out(items):
    def broken(images):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        encode_images(items, broken)
