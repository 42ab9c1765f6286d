"""Features are kept under the key of the files that they were made of, whatever happens to the files meanwhile."""

import json
import os
import time

import numpy as np
import pytest
from PIL import Image

from recclaims.data.catalogue import MAX_IMAGE_BYTES, Item
from recclaims.data.dataset import Dataset, Interactions
from recclaims.data.reference import open_source
from recclaims.engine.pipeline import Pipeline
from recclaims.engine.profile import Profile
from recclaims.engine.settings import Settings
from recclaims.errors import ChangedError, DatasetError
from recclaims.features import digests
from recclaims.features.images import encode_images
from recclaims.plugin_manager import load
from recclaims.store import Store

from ..toy import write_toy


def paint(path, shade):
    Image.new("RGB", (8, 8), (shade, shade, shade)).save(path)


@pytest.fixture
def data(tmp_path):
    folder = write_toy(tmp_path / "data")
    records = [json.loads(line) for line in (folder / "items.jsonl").read_text().splitlines()]
    for number, record in enumerate(records):
        record["image"] = f"{record['item_id']}.png"
        paint(folder / record["image"], number)
    (folder / "items.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    return folder


class Shades:
    """The mean shade of each image, as recclaims opens it or as a plugin might by itself."""

    name, modality, version = "shades", "visual", "1"
    after = None
    own = False

    def encode(self, items):
        type(self).after()
        if self.own:
            shades = [[np.asarray(Image.open(item.image_path)).mean(), 1] for item in items]
            return np.array(shades, dtype=np.float32)
        return encode_images(items, lambda images: images.mean(dim=(2, 3)))


@pytest.fixture
def pipeline(tmp_path):
    registry = load()
    registry.encoders["shades"] = Shades
    registry.origin["encoders", "shades"] = "test"
    return Pipeline(Settings(Profile.named("smoke"), replicates=1), registry, Store(tmp_path / "store"))


@pytest.mark.parametrize(("own", "change"), [(False, "another"), (False, "gone"), (True, "another")])
def test_images_that_change_after_their_hash_are_never_encoded(pipeline, data, monkeypatch, own, change):
    first = data / "i0.png"
    later = first.unlink if change == "gone" else lambda: paint(first, 200)
    monkeypatch.setattr(Shades, "after", staticmethod(later))
    monkeypatch.setattr(Shades, "own", own)
    recipe = pipeline.features_recipe(str(data), "shades")
    with pytest.raises(ChangedError, match=r"data.*(during the run|while they were read)"):
        pipeline.encode(str(data), "shades")
    assert pipeline.store.find("features", recipe) is None
    paint(first, 0)
    monkeypatch.setattr(Shades, "after", staticmethod(lambda: None))
    assert pipeline.features(str(data), "shades").matrix[0, 0] == 0


def test_an_image_that_could_not_be_read_at_first_is_not_read_later(data):
    dataset = open_source(str(data), load()).load()
    (data / "i3.png").unlink()
    items = {item.item_id: item for item in dataset.seen_items}
    with pytest.raises(DatasetError, match="does not exist"):
        items["i3"].image()
    paint(data / "i3.png", 3)
    with pytest.raises(ChangedError, match=r"i3\.png.* could not be read earlier"):
        items["i3"].image()


def test_a_file_too_large_for_an_image_is_not_read_for_its_hash(tmp_path):
    """A sparse file of a terabyte takes no room, and minutes to read."""
    path = tmp_path / "sparse.png"
    with path.open("wb") as file:
        file.truncate(1 << 40)
    item = Item("i", image_path=path, backdrop=path, domain=str(tmp_path / "sparse.toml"))
    (tmp_path / "sparse.toml").symlink_to(path)
    dataset = Dataset("d", [item], ["u"], Interactions(np.zeros(1, np.int32), np.zeros(1, np.int32)))
    started = time.process_time()
    assert dataset.catalogue_fingerprint
    assert time.process_time() - started < 5
    with pytest.raises(DatasetError, match=f"at most {MAX_IMAGE_BYTES:,} are read"):
        dataset.seen_items[0].image()


def test_a_pipe_for_an_image_does_not_hold_the_fingerprint_up(tmp_path):
    os.mkfifo(tmp_path / "pipe.png")
    item = Item("i", image_path=tmp_path / "pipe.png")
    dataset = Dataset("d", [item], ["u"], Interactions(np.zeros(1, np.int32), np.zeros(1, np.int32)))
    assert dataset.catalogue_fingerprint


@pytest.fixture
def large(tmp_path, monkeypatch):
    monkeypatch.setattr(digests, "LARGE", 10)
    digests.forget()
    path = tmp_path / "weights"
    path.write_bytes(b"a" * 100)
    return path


def test_a_kept_digest_does_not_outlive_a_rewriting_of_the_same_size_and_time(large):
    old = large.stat().st_mtime_ns
    before = digests.digest_of(large)
    large.write_bytes(b"b" * 100)
    os.utime(large, ns=(old, old))
    assert digests.digest_of(large) != before


def test_the_digest_of_a_file_that_rests_is_kept_until_it_is_forgotten(large, monkeypatch):
    monkeypatch.setattr(digests, "SETTLED", 0)
    time.sleep(0.05)
    n_read = []
    real = digests._digest
    monkeypatch.setattr(digests, "_digest", lambda *arguments: n_read.append(1) or real(*arguments))
    assert len({digests.digest_of(large) for _ in range(3)}) == 1
    assert len(n_read) == 1
    digests.forget()
    digests.digest_of(large)
    assert len(n_read) == 2
