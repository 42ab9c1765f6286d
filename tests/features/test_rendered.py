"""Text drawn into images: the letters are there, fit their panel, and the reader sees one picture and no text."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from recclaims.data.catalogue import Item
from recclaims.errors import FeatureError
from recclaims.features.encoded import Encoded
from recclaims.features.encoders.rendered import PANEL, SIDE, Drawn, render
from recclaims.features.extraction import extract
from recclaims.features.resolve import facts_of, make_encoder
from recclaims.features.shown import shown_name
from recclaims.plugin_manager import load


class Ink:
    """How dark the picture is above and below, and whatever text it was given."""

    name, modality, version = "ink", "visual", "7"

    def encode(self, items):
        assert not any(item.text for item in items)
        shown = [255 - np.asarray(item.image().convert("L"), dtype=np.float32) for item in items]
        return np.stack([[one[: SIDE - PANEL].sum(), one[SIDE - PANEL :].sum(), 1] for one in shown]) / 255


class Failing(Ink):
    name = "failing"

    def encode(self, items):
        return Encoded(super().encode(items), [{"error": "no"} if item.item_id == "b" else {} for item in items])


@pytest.fixture
def registry():
    known = load(group="none")
    return replace(known, encoders={**known.encoders, "ink": Ink, "failing": Failing})


@pytest.fixture
def items(tmp_path):
    path = tmp_path / "blue.png"
    Image.new("RGB", (60, 40), "blue").save(path)
    return [
        Item("a", "A cup", image_path=path),
        Item("b", "A cup", "of tea, and of whatever else one may want to drink in the morning.", image_path=path),
        Item("c", "A cup"),
        Item("d", image_path=path),
        Item("e", "漢字", image_path=path),
        Item("f", "Чашка 漢字", image_path=path),
    ]


def test_an_item_needs_an_image_and_letters(registry, items):
    features = extract(make_encoder("rendered:ink", registry), items)
    assert features.filled.tolist() == [False, False, True, True, True, False]
    above, below = features.matrix[:, 0], features.matrix[:, 1]
    assert above[0] == above[1] == above[5]
    assert below[1] > 5 * below[0] > 100


def test_what_the_font_lacks_or_the_panel_cannot_hold_is_counted(registry, items):
    long = replace(items[0], item_id="g", description="so on, " * 200)
    encoded = make_encoder("rendered:ink", registry).encode([items[0], items[5], long])
    assert [bool(record.get("cut")) for record in encoded.records] == [False, True, True]


def test_what_the_reader_says_of_an_item_stays(registry, items):
    encoded = make_encoder("rendered:failing", registry).encode(items[:2])
    assert encoded.records == [{}, {"error": "no"}]


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=400))
def test_any_text_stays_in_its_panel(text):
    picture = np.asarray(render(Image.new("RGB", (50, 80), "red"), text))
    assert picture.shape == (SIDE, SIDE, 3)
    above, empty = picture[: SIDE - PANEL], np.asarray(render(Image.new("RGB", (50, 80), "red"), ""))
    np.testing.assert_array_equal(above, empty[: SIDE - PANEL])
    # A margin on all sides, so that no letter is cut in half.
    assert (picture[-2:] == 255).all()
    assert (picture[SIDE - PANEL :, -2:] == 255).all()


def test_the_same_words_look_the_same(items):
    first, again = (np.asarray(Drawn.of(item).image()) for item in (items[0], replace(items[0], item_id="z")))
    np.testing.assert_array_equal(first, again)
    assert (np.asarray(Drawn.of(items[1]).image()) != first).any()


def test_it_is_as_its_reader_is(registry, tmp_path):
    encoder = make_encoder("rendered:ink", registry)
    assert (encoder.name, encoder.modality, encoder.version) == ("rendered:ink", "multimodal", "1;7")
    assert facts_of("rendered:ink", registry).requires == {"visual", "textual"}
    assert "ImageNet" in make_encoder("rendered:resnet50", registry).unavailable()


def test_without_a_reader_it_says_what_to_write(registry):
    assert "rendered:st:org/model?modality=visual" in make_encoder("rendered", registry).unavailable()


@pytest.mark.parametrize("reader", ["sbert", "attributes", "late_fusion"])
def test_a_reader_that_sees_no_picture_is_refused(registry, reader):
    with pytest.raises(FeatureError, match=r"reads no images|encodes image and text apart"):
        make_encoder(f"rendered:{reader}", registry)


def test_a_path_of_its_reader_is_not_shown(registry, tmp_path):
    class Local(Ink):
        def __init__(self, path):
            from recclaims.features.spec import EncoderSpec

            self.spec = EncoderSpec(place=path)

    folder = tmp_path / "secret" / "model"
    folder.mkdir(parents=True)
    known = replace(registry, encoders={**registry.encoders, "local": Local})
    shown = shown_name(make_encoder(f"rendered:local:{folder}", known))
    assert shown.startswith("rendered:local:model:")
    assert "secret" not in shown
