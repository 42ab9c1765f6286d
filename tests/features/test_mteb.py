"""Models that mteb knows how to load, on tiny checkpoints that stand where the real weights would."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from safetensors.torch import load_file, save_file

from recclaims import trust
from recclaims.data.catalogue import Item
from recclaims.errors import FeatureError, RecclaimsError
from recclaims.features.encoders.mteb_model import MtebModel
from recclaims.features.extraction import extract
from recclaims.features.resolve import facts_of, make_encoder, suited
from recclaims.plugin_manager import registry
from recclaims.testing import EncoderContract

from . import tiny_embedders
from .test_hub import cached

mteb = pytest.importorskip("mteb", reason="needs mteb: pip install 'recclaims[mteb]'")

#: What mteb's registry says of them is used here, with other weights: prompts for documents; image and text added.
E5, CLIP = "intfloat/e5-small-v2", "openai/clip-vit-base-patch32"
TOLERANCE = 1e-4


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mteb")
    made = {E5: tiny_embedders.bert(folder / "bert"), CLIP: tiny_embedders.clip(folder / "clip")}
    # So that the prompt is mteb's.
    path = made[E5] / "config_sentence_transformers.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"prompts": {}}))
    return made


@pytest.fixture(scope="module")
def items(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pictures")
    random = np.random.default_rng(0)
    made = []
    for number, (title, shape) in enumerate(
        [("red shoe", (40, 30)), ("a long title of a thing", (64, 64)), ("x", (30, 80)), ("tree", (48, 48))]
    ):
        path = folder / f"{number}.png"
        Image.fromarray(random.integers(0, 255, (*shape, 3), dtype=np.uint8)).save(path)
        made.append(Item(str(number), title, image_path=path))
    return made


@pytest.fixture
def named(folders):
    """The reference of a model in its folder."""
    return lambda name, more="": f"mteb:{name}?folder={folders[name]}{more}"


def rows(reference, items):
    return extract(make_encoder(reference, registry()), items).matrix


def off(one, other):
    return np.abs(one - other).max() / np.abs(other).max()


def test_texts_get_the_prompt_that_mteb_has_for_documents(named, folders, items):
    from sentence_transformers import SentenceTransformer

    loaded = SentenceTransformer(str(folders[E5]), device="cpu")
    plain, expected = (loaded.encode([before + item.text for item in items]) for before in ("", "passage: "))
    found = rows(named(E5), items)
    assert off(found, expected) < TOLERANCE
    assert off(found, plain) > 100 * TOLERANCE


def test_images_and_texts_are_read_as_mteb_reads_them(named, folders, items):
    import torch
    from transformers import CLIPModel, CLIPProcessor

    model, processor = (one.from_pretrained(folders[CLIP]) for one in (CLIPModel, CLIPProcessor))
    with torch.inference_mode():
        images, texts = (
            np.concatenate([one(item) for item in items])
            for one in (
                lambda item: model.get_image_features(**processor(images=item.image(), return_tensors="pt"))[1].numpy(),
                lambda item: model.get_text_features(**processor(text=item.text, return_tensors="pt"))[1].numpy(),
            )
        )
    for modality, expected in (("visual", images), ("textual", texts), ("multimodal", images + texts)):
        assert off(rows(named(CLIP, f"&modality={modality}"), items), expected) < TOLERANCE
    assert off(rows(named(CLIP), items), images + texts) < TOLERANCE


@pytest.mark.parametrize(("name", "modality"), [(E5, "textual"), (CLIP, "multimodal"), (CLIP, "visual")])
def test_a_row_is_the_same_in_any_batch(named, items, name, modality):
    together, alone = (rows(named(name, f"&modality={modality}&batch={batch}"), items) for batch in (4, 1))
    assert off(together, alone) < TOLERANCE


def test_modalities_are_those_of_the_registry(named):
    assert facts_of(f"mteb:{E5}", registry()).modality == "textual"
    assert facts_of(f"mteb:{CLIP}", registry()).modality == "multimodal"
    assert suited(f"mteb:{CLIP}", {"textual"}, registry()) == f"mteb:{CLIP}?modality=textual"
    assert suited(f"mteb:{CLIP}", {"textual", "visual"}, registry()) == f"mteb:{CLIP}"
    with pytest.raises(FeatureError, match=r"the model reads text alone; write \?modality=textual"):
        make_encoder(f"mteb:{E5}?modality=visual", registry())


def test_the_key_has_the_revision_of_the_registry_or_the_content_of_the_folder(named, folders):
    revision = mteb.get_model_meta(E5).revision
    assert MtebModel(E5).version == f"1;mteb-{mteb.__version__};{E5}@{revision}"
    local = make_encoder(named(E5), registry()).version
    assert re.fullmatch(rf"1;mteb-{re.escape(mteb.__version__)};{E5};sha256-\w+", local)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("openai/text-embedding-3-small", "a service on the network: items would leave this machine"),
        ("cross-encoder/ms-marco-MiniLM-L6-v2", "a cross-encoder, which does not make one vector of an item"),
        ("jinaai/jina-embeddings-v3", "code of its repository; allow that with --claims-trust-remote-code"),
    ],
)
def test_what_cannot_be_used_says_why(name, said):
    reason = make_encoder(f"mteb:{name}", registry()).unavailable()
    assert said in reason
    assert reason.startswith(f"mteb:{name}: ")


def test_a_model_that_is_not_here_is_named_with_its_revision(tmp_path, monkeypatch):
    monkeypatch.delenv("RECCLAIMS_ALLOW_DOWNLOADS", raising=False)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    revision = mteb.get_model_meta(E5).revision
    assert f"hf download {E5} --revision {revision}," in make_encoder(f"mteb:{E5}", registry()).unavailable()
    place = cached(tmp_path, E5).parent
    (place / revision).mkdir()
    assert make_encoder(f"mteb:{E5}", registry()).unavailable() is None


def test_bad_arguments_are_one_line():
    for argument, said in (
        ("intfloat/e5-smal-v2", "mteb has no model 'intfloat/e5-smal-v2'; did you mean 'intfloat/e5-small-v2'?"),
        (f"{E5}?folder=nowhere", "there is no folder nowhere"),
        (f"{E5}?pooling=mean", "unknown key 'pooling'"),
        (f"{E5}?modality=image", "unknown modality 'image'"),
    ):
        with pytest.raises(RecclaimsError, match=re.escape(said)) as caught:
            make_encoder(f"mteb:{argument}", registry())
        assert "\n" not in str(caught.value)


def test_weights_that_are_missing_are_not_filled_with_random_numbers(named, folders, items, tmp_path):
    folder = Path(shutil.copytree(folders[CLIP], tmp_path / "copy"))
    tensors = load_file(folder / "model.safetensors")
    del tensors["visual_projection.weight"]
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(FeatureError, match=r"the weights lack 1 of the model's tensors, such as visual_projection"):
        rows(f"mteb:{CLIP}?folder={folder}&modality=visual", items)
    texts = "&modality=textual"
    np.testing.assert_array_equal(rows(f"mteb:{CLIP}?folder={folder}{texts}", items), rows(named(CLIP, texts), items))


def test_code_of_a_repository_does_not_run_unless_it_is_trusted(folders, items, tmp_path):
    """CLIP's loader asks for it by itself for one of the models in the registry; here a folder brings some."""
    folder = Path(shutil.copytree(folders[CLIP], tmp_path / "copy"))
    config = json.loads((folder / "config.json").read_text())
    config |= {"model_type": "own", "auto_map": {"AutoConfig": "own.Config", "AutoModel": "own.Model"}}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "own.py").write_text(f"import pathlib\n\npathlib.Path({str(tmp_path / 'ran')!r}).touch()\n")
    meta = mteb.get_model_meta(CLIP)

    class Asking:
        def __init__(self, name, revision=None, device=None):
            from transformers import AutoModel

            AutoModel.from_pretrained(name, trust_remote_code=True)

    encoder = MtebModel(f"{CLIP}?folder={folder}")
    encoder.meta = meta.model_copy(update={"loader": Asking})
    with pytest.raises(FeatureError, match="allow that with --claims-trust-remote-code"):
        extract(encoder, items)
    assert not (tmp_path / "ran").exists()
    with trust.given(True), pytest.raises(FeatureError):
        extract(encoder, items)
    assert (tmp_path / "ran").exists()


class TestText(EncoderContract):
    @pytest.fixture(autouse=True)
    def _named(self, folders):
        self.folder = folders[E5]

    def make(self):
        return MtebModel(f"{E5}?folder={self.folder}")


class TestImageAndText(EncoderContract):
    @pytest.fixture(autouse=True)
    def _named(self, folders):
        self.folder = folders[CLIP]

    def make(self):
        return MtebModel(f"{CLIP}?folder={self.folder}")


def test_the_suite_judges_it(named, tmp_path):
    """As a user asks for it, from the command to verdicts."""
    told = subprocess.run(
        [sys.executable, "-m", "pytest", "suite", "-p", "no:cacheprovider", "--claims-data", "emoji",
         "--claims-profile", "smoke", "--claims-encoder", named(E5), "--claims-encoder", named(CLIP),
         "--claims-store", str(tmp_path / "store"), "--claims-report", str(tmp_path / "report"),
         "-k", "test_noise and content-knn and permuted"],
        capture_output=True, text=True, check=False, cwd=Path(__file__).parents[2], env={**os.environ},
    )  # fmt: skip
    assert told.returncode in (0, 1), told.stdout + told.stderr
    document = json.loads((tmp_path / "report" / "results.json").read_text())
    verdicts = [case["verdict"] for case in document["claims"]]
    assert len(verdicts) == 2
    assert set(verdicts) <= {"supported", "contradicted", "no_difference", "inconclusive"}
    assert sorted(row["dimension"] for row in document["encoders"]) == [24, 32]
