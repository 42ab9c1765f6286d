"""The reference of claim `fusion`: it reads the marks off pixels and text, and nothing else."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from recclaims.data.emoji import Emoji
from recclaims.data.marks import GROUPS
from recclaims.data.reference import open_source
from recclaims.errors import FeatureError
from recclaims.features.encoders.joint_reference import JointReference
from recclaims.features.extraction import extract
from recclaims.plugin_manager import load
from recclaims.testing import EncoderContract
from recclaims.testing.catalogue import odd_items


@pytest.fixture(scope="module")
def items():
    return open_source("emoji?channel=joint", load(group="none")).load().items


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_it_reads_the_group_of_every_item(seed):
    source = Emoji(channel="joint", seed=seed)
    features = extract(JointReference(), source.load().items)
    assert not features.filled.any()
    np.testing.assert_array_equal(features.matrix[:, :GROUPS].argmax(axis=1), source.groups())


def test_items_of_a_group_are_near_and_no_two_are_the_same(items):
    matrix = extract(JointReference(), items).matrix.astype(np.float64)
    unit = matrix / np.linalg.norm(matrix, axis=1, keepdims=True)
    groups = Emoji(channel="joint").groups()
    same = groups[:, None] == groups
    cosine = unit @ unit.T
    assert cosine[same].min() > 0.84
    assert cosine[~same].max() < 0.08
    assert len(np.unique(matrix, axis=0)) == len(items)


def test_it_reads_pixels_and_not_the_name_of_a_file(items, tmp_path):
    """As a picture without a backdrop, under another name: only what it shows is left."""
    path = tmp_path / "shown.png"
    items[7].image().save(path)
    flat = replace(items[7], item_id="other", image_path=path, backdrop=None, seen=None)
    np.testing.assert_array_equal(*JointReference().encode([items[7], flat]).matrix)


def test_either_mark_alone_changes_the_group(items):
    one, other = items[0], items[1]
    encoder = JointReference()
    swapped = [one, replace(one, backdrop=other.backdrop), replace(one, description=other.description)]
    groups = encoder.encode(swapped).matrix[:, :GROUPS].argmax(axis=1)
    assert groups[1] != groups[0] != groups[2]


def test_what_shows_no_mark_is_said_item_by_item(items):
    bare = [replace(items[0], backdrop=None), replace(items[1], description="Nothing."), items[2]]
    records = JointReference().encode(bare).records
    assert "shows no picture of emoji?channel=joint" in records[0]["error"]
    assert "has no sentence of emoji?channel=joint" in records[1]["error"]
    assert records[2] == {}


def test_another_size_is_no_picture_of_it(items, tmp_path):
    path = tmp_path / "large.png"
    items[0].image().resize((128, 128), Image.Resampling.NEAREST).save(path)
    large = replace(items[0], image_path=path, backdrop=None, seen=None)
    assert "shows no picture" in JointReference().encode([large]).records[0]["error"]


class TestContract(EncoderContract):
    def make(self):
        return JointReference()

    def items(self, folder):
        return open_source("emoji?channel=joint&items=40", load(group="none")).load().items

    def test_it_encodes_odd_items(self, encoder, tmp_path):
        """It reads one dataset, and says so of everything else."""
        odd = odd_items(tmp_path)
        features = extract(encoder, [*self.items(tmp_path), *odd])
        np.testing.assert_array_equal(features.filled, [False] * 40 + [True] * len(odd))
        with pytest.raises(FeatureError, match=r"joint-reference.*emoji\?channel=joint, the only data that it reads"):
            extract(encoder, open_source("emoji", load(group="none")).load().items)
