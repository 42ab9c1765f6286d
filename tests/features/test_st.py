"""Encoders of images, texts and both, through sentence-transformers, with tiny models that are made here."""

import html
import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sentence_transformers import SentenceTransformer

from recclaims.data.catalogue import Item
from recclaims.data.dataset import Dataset, Interactions
from recclaims.engine.pipeline import Pipeline
from recclaims.engine.profile import Profile
from recclaims.engine.settings import Settings
from recclaims.errors import FeatureError, RecclaimsError
from recclaims.features.encoded import FeatureReport
from recclaims.features.encoders.sentence import SentenceEncoder
from recclaims.features.encoders.st import MultimodalEmbeddings
from recclaims.features.encoders.st_checkpoint import EmbeddingCheckpoint
from recclaims.features.extraction import extract
from recclaims.features.resolve import facts_of, make_encoder, suited
from recclaims.features.spec import requirements
from recclaims.plugin_manager import registry
from recclaims.store import Store
from recclaims.testing import EncoderContract

from . import tiny_embedders
from .test_hub import COMMIT, cached

MODELS = ("clip", "siglip2", "qwen3_vl_embedding", "bert")
#: What each can be asked for by itself; both together, or fused by us, is another matter.
CAN = {
    "clip": ("visual", "textual"),
    "siglip2": ("visual", "textual"),
    "qwen3_vl_embedding": ("visual", "textual", "multimodal"),
    "bert": ("textual",),
}
ALONE = [(model, modality) for model in MODELS for modality in CAN[model]]
#: How far a row may be from that of its item alone, relative to the largest entry, with weights in float32.
TOLERANCE = 1e-4


@pytest.fixture(scope="session")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("embedders")
    return {name: str(getattr(tiny_embedders, name)(folder / name)) for name in MODELS}


@pytest.fixture(scope="module")
def items(tmp_path_factory):
    """Pictures of several shapes, texts of several lengths."""
    folder = tmp_path_factory.mktemp("pictures")
    random = np.random.default_rng(0)
    titles = ["red shoe", "a long title of a thing with many words", "x", "blue boat and sail", "a red hat", "tree"]
    shapes = [(40, 30), (64, 64), (30, 80), (33, 57), (90, 31), (48, 48)]
    made = []
    for number, (title, shape) in enumerate(zip(titles, shapes, strict=True)):
        path = folder / f"{number}.png"
        Image.fromarray(random.integers(0, 255, (*shape, 3), dtype=np.uint8)).save(path)
        made.append(Item(str(number), title, image_path=path))
    return made


def encoder(argument):
    return make_encoder(f"st:{argument}", registry())


def off(one, other):
    return np.abs(one - other).max() / np.abs(other).max()


@pytest.mark.parametrize(("model", "modality"), ALONE)
def test_a_row_is_the_same_in_any_batch_and_in_any_order(models, items, model, modality):
    name = f"{models[model]}?modality={modality}"
    together = encoder(f"{name}&batch=6").encode(items)
    assert not any("error" in record for record in together.records)
    assert {record["batch"] for record in together.records} == {6}
    assert together.matrix.dtype == np.float32
    one = encoder(f"{name}&batch=1")
    alone = np.concatenate([one.encode([item]).matrix for item in items])
    assert off(together.matrix, alone) < TOLERANCE
    backwards = encoder(f"{name}&batch=4").encode(items[::-1]).matrix[::-1]
    assert off(backwards, alone) < TOLERANCE
    # Different items have clearly different rows.
    apart = np.abs(alone[:, None] - alone[None]).max(axis=2) / np.abs(alone).max()
    assert apart[~np.eye(len(items), dtype=bool)].min() > 100 * TOLERANCE


@pytest.mark.parametrize(("model", "modality"), ALONE)
def test_rows_are_those_of_sentence_transformers(models, items, model, modality):
    """As its own documentation has it, item by item."""
    loaded = SentenceTransformer(models[model], device="cpu")
    inputs = {
        "visual": [item.image() for item in items],
        "textual": [item.text for item in items],
        "multimodal": [{"text": item.text, "image": item.image()} for item in items],
    }[modality]
    # SigLIP2 reads its vector at the last place of a text, which its own processor pads to a fixed length.
    full = {"text": {"padding": "max_length", "max_length": tiny_embedders.LIMIT}}
    more = {"processing_kwargs": full} if model == "siglip2" else {}
    expected = np.stack([loaded.encode_document(one, **more) for one in inputs])
    assert off(encoder(f"{models[model]}?modality={modality}").encode(items).matrix, expected) < TOLERANCE


def test_texts_of_siglip_are_padded_as_it_was_trained(models, items):
    """Its own way, through transformers alone; padded to the longest of a batch, rows would follow the batch."""
    import torch
    from transformers import AutoModel, AutoProcessor

    model, processor = AutoModel.from_pretrained(models["siglip2"]), AutoProcessor.from_pretrained(models["siglip2"])
    told = processor(
        text=[item.text for item in items], padding="max_length", max_length=tiny_embedders.LIMIT, return_tensors="pt"
    )
    with torch.inference_mode():
        expected = model.get_text_features(**told).pooler_output.numpy()
    assert off(encoder(f"{models['siglip2']}?modality=textual").encode(items).matrix, expected) < TOLERANCE


@pytest.mark.parametrize("model", MODELS)
def test_what_files_say_a_model_reads_is_what_the_model_says(models, model):
    found = EmbeddingCheckpoint.of(models[model], "", "x").reads
    loaded = SentenceTransformer(models[model], device="cpu")
    asked = {"text": "text", "image": "image", "image+text": ("image", "text")}
    assert found == {name for name, modality in asked.items() if loaded.supports(modality)}


@pytest.mark.parametrize("model", ["clip", "siglip2"])
def test_what_files_say_after_a_model_was_saved_by_sentence_transformers(models, model, tmp_path):
    loaded = SentenceTransformer(models[model], device="cpu")
    loaded.save(str(tmp_path / "saved"))
    assert EmbeddingCheckpoint.of(str(tmp_path / "saved"), "", "x").reads == {"text", "image"}
    # As models of this kind were saved before it knew images by itself.
    old = tmp_path / "old"
    (old / "0_CLIPModel").mkdir(parents=True)
    modules = [{"idx": 0, "name": "0", "path": "0_CLIPModel", "type": "sentence_transformers.models.CLIPModel"}]
    (old / "modules.json").write_text(json.dumps(modules))
    assert EmbeddingCheckpoint.of(str(old), "", "x").reads == {"text", "image"}


@pytest.mark.parametrize(
    ("model", "modality"),
    [("clip", "multimodal"), ("siglip2", "multimodal"), ("qwen3_vl_embedding", "multimodal"), ("bert", "textual")],
)
def test_the_default_is_the_most_that_model_and_dataset_have(models, model, modality):
    name = f"st:{models[model]}"
    assert facts_of(name, registry()).modality == modality
    assert suited(name, {"visual", "textual", "attributes"}, registry()) == name
    if modality == "multimodal":
        assert suited(name, {"textual"}, registry()) == f"{name}?modality=textual"
        assert suited(name, {"visual"}, registry()) == f"{name}?modality=visual"
        asked = f"{name}?modality=multimodal"
        assert suited(asked, {"visual"}, registry()) == asked
        assert requirements(make_encoder(asked, registry())) == {"visual", "textual"}
    assert facts_of(f"{name}?modality=textual", registry()).requires == {"textual"}


def test_a_default_keeps_its_other_settings(models):
    name = f"st:{models['clip']}?batch=2&prompt="
    assert suited(name, {"visual"}, registry()) == f"{name}&modality=visual"


def test_halves_of_a_model_that_reads_nothing_together_are_fused(models, items):
    made = extract(encoder(models["clip"]), items)
    halves = [encoder(f"{models['clip']}?modality={one}").encode(items).matrix for one in ("visual", "textual")]
    expected = np.concatenate([half / np.linalg.norm(half, axis=1, keepdims=True) for half in halves], axis=1)
    np.testing.assert_allclose(made.matrix, expected, rtol=1e-6)
    assert [(block.modality, block.width) for block in made.blocks] == [("visual", 24), ("textual", 24)]
    with pytest.raises(FeatureError, match="no image and text together"):
        encoder(models["clip"]).encode(items)


def test_image_and_text_together_are_more_than_either(models, items):
    """Another image or another text makes another row."""
    joint = encoder(models["qwen3_vl_embedding"])
    rows = joint.encode(items).matrix
    assert rows.shape == (6, 32)
    for change in ({"title": "something else"}, {"image_path": items[1].image_path}):
        assert off(joint.encode([replace(items[0], **change)]).matrix[0], rows[0]) > 100 * TOLERANCE


def test_items_without_one_of_the_modalities_are_counted(models, items, tmp_path):
    some = [
        replace(items[0], image_path=None),
        replace(items[1], title=""),
        replace(items[2], title="", image_path=None),
    ]
    some += items[3:]
    users = np.arange(6, dtype=np.int32)
    dataset = Dataset("d", some, [f"u{n}" for n in users], Interactions(users, users))
    pipeline = Pipeline(Settings(Profile.named("smoke"), replicates=1), registry(), Store(tmp_path / "store"))
    pipeline._datasets["d"] = dataset
    joint, apart = f"st:{models['qwen3_vl_embedding']}", f"st:{models['clip']}"
    assert pipeline.encode("d", joint).json("facts")["imputed"] == 3
    assert pipeline.partly_imputed("d", joint) == 0
    # Of a fusion, what is imputed in one half alone has a row of its own otherwise.
    assert pipeline.encode("d", apart).json("facts")["imputed"] == 1
    assert pipeline.partly_imputed("d", apart) == 2
    assert pipeline.partly_imputed("d", f"late_fusion:{apart}?modality=visual+{apart}?modality=textual") == 2


def test_a_fusion_of_one_space_says_how_images_and_texts_lie_to_each_other(models, tmp_path):
    pipeline = Pipeline(Settings(Profile.named("smoke"), replicates=1), registry(), Store(tmp_path / "store"))
    users = np.arange(30, dtype=np.int32)
    random = np.random.default_rng(0)
    some = []
    for number in users:
        path = tmp_path / f"{number}.png"
        Image.fromarray(random.integers(0, 255, (32, 32, 3), dtype=np.uint8)).save(path)
        some.append(Item(str(number), f"thing {number}" if number else "", image_path=path))
    pipeline._datasets["d"] = Dataset("d", some, [f"u{n}" for n in users], Interactions(users, users))
    clip, other = f"st:{models['clip']}", f"st:{models['siglip2']}"
    halves = f"{clip}?modality=visual+{clip}?modality=textual"
    gap = pipeline.modality_gap("d", clip)
    assert gap.items == 29  # of the other, the text is imputed
    assert 0 < gap.distance < 2
    assert pipeline.modality_gap("d", f"late_fusion-mean:{halves}") == gap
    assert pipeline.modality_gap("d", f"late_fusion:{clip}?modality=visual+{other}?modality=textual") is None
    short = f"{clip}?modality=visual&truncate_dim=8+{clip}?modality=textual"
    assert pipeline.modality_gap("d", f"late_fusion:{short}") is None
    assert pipeline.modality_gap("d", f"{clip}?modality=visual") is None


def test_a_broken_image_is_recorded_and_the_others_are_encoded(models, items, tmp_path):
    path = tmp_path / "broken.png"
    path.write_bytes(b"nothing")
    one = encoder(f"{models['clip']}?modality=visual&batch=3")
    found = one.encode([items[0], Item("x", image_path=path), items[1]])
    assert "broken.png: image of item 'x' cannot be read" in found.records[1]["error"]
    assert off(found.matrix[[0, 2]], one.encode(items[:2]).matrix) < TOLERANCE


def test_an_image_that_the_model_refuses_costs_no_other_its_row(models, items, tmp_path):
    """Qwen's processor takes no image that is more than 200 times as wide as high."""
    path = tmp_path / "strip.png"
    Image.new("RGB", (900, 2)).save(path)
    one = encoder(f"{models['qwen3_vl_embedding']}?batch=3")
    found = one.encode([items[0], replace(items[1], image_path=path), items[2]])
    assert ["error" in record for record in found.records] == [False, True, False]
    assert "ratio" in found.records[1]["error"]
    assert off(found.matrix[[0, 2]], one.encode([items[0], items[2]]).matrix) < TOLERANCE


def test_items_are_documents_unless_another_prompt_is_asked_for(models, items):
    loaded = SentenceTransformer(models["bert"], device="cpu")
    texts = [item.text for item in items]
    for asked, before in (
        ("", "passage: "),
        ("?prompt=document", "passage: "),
        ("?prompt=query", "query: "),
        ("?prompt=", ""),
        ("?prompt=Represent%20the%20product:%20", "Represent the product: "),
    ):
        expected = loaded.encode([before + text for text in texts], prompt="")
        assert off(encoder(models["bert"] + asked).encode(items).matrix, expected) < TOLERANCE


def test_the_prompt_reaches_a_model_of_images(models, items):
    rows = [encoder(models["qwen3_vl_embedding"] + asked).encode(items[:2]).matrix for asked in ("", "?prompt=")]
    assert off(*rows) > 100 * TOLERANCE


@pytest.mark.parametrize("model", ["clip", "siglip2", "bert"])
def test_texts_that_the_model_cuts_are_counted(models, items, model):
    long = "word " * 60
    some = [replace(items[0], title=long), replace(items[1], title=long + "end"), items[2], items[4]]
    report = FeatureReport.of(extract(encoder(f"{models[model]}?modality=textual"), some))
    assert (report.truncated, report.cut_texts, report.failed) == (2, 2, 0)


def test_the_prompt_counts_among_the_tokens(models):
    short = Item("a", "x" * (tiny_embedders.LIMIT - 1))  # and the token at the end
    counts = [
        FeatureReport.of(extract(encoder(models["bert"] + asked), [short, Item("b", "y")])).cut_texts
        for asked in ("?prompt=", "")
    ]
    assert counts == [0, 1]


def test_texts_of_a_model_with_a_template_are_counted(models, items, tmp_path):
    loaded = SentenceTransformer(models["qwen3_vl_embedding"], device="cpu")
    loaded.max_seq_length = 60
    loaded.save(str(tmp_path / "short"))
    some = [replace(items[0], title="word " * 60), items[2]]
    made = encoder(f"{tmp_path / 'short'}?modality=textual").encode(some)
    assert [record.get("cut") for record in made.records] == [True, None]


def test_a_title_that_looks_like_an_image_s_address_is_a_text(models):
    address = Item("a", "https://shop.example/shoe.jpg")
    found = encoder(f"{models['clip']}?modality=textual").encode([address, Item("b", "shoe")])
    assert not any("error" in record for record in found.records)


def test_vectors_can_be_shortened(models, items):
    whole, short = (encoder(f"{models['clip']}?modality=visual{more}") for more in ("", "&truncate_dim=8"))
    np.testing.assert_allclose(short.encode(items).matrix, whole.encode(items).matrix[:, :8], rtol=1e-5)


@pytest.mark.parametrize(
    ("model", "query", "said"),
    [
        ("bert", "modality=visual", "the model reads text alone; write ?modality=textual"),
        ("bert", "modality=multimodal", "the model reads text alone; write ?modality=textual"),
        ("clip", "modality=image", "unknown modality 'image'"),
        ("clip", "pooling=mean", "unknown key 'pooling'"),
        ("clip", "truncate_dim=none", "truncate_dim is 'none', not a number from 1"),
        ("clip", "truncate_dim=0", "truncate_dim is '0', not a number from 1"),
        ("clip", "dtype=int4", "unknown dtype 'int4'"),
        ("clip", "revision=main", "a folder has no revision; leave revision out"),
    ],
)
def test_bad_settings_are_one_line(models, model, query, said):
    with pytest.raises(RecclaimsError, match=re.escape(said)) as caught:
        encoder(f"{models[model]}?{query}")
    assert models[model] in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("truncate_dim=25", "truncate_dim is 25, but the model's vectors have 24 numbers"),
        ("prompt=documents", "unknown prompt 'documents'"),
    ],
)
def test_settings_that_the_loaded_model_refuses_are_one_line(models, items, query, said):
    with pytest.raises(RecclaimsError, match=re.escape(said)):
        extract(encoder(f"{models['clip']}?modality=textual&{query}"), items)


def test_the_loaded_model_has_the_last_word(models, items, monkeypatch):
    monkeypatch.setattr(EmbeddingCheckpoint, "reads", frozenset({"text", "image", "image+text"}))
    with pytest.raises(FeatureError, match=r"does not read what modality=multimodal needs; it reads text and image"):
        extract(encoder(models["clip"]), items)


def test_what_is_no_model_is_one_line(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(FeatureError, match=r"st:.*empty: .*empty is no model: it has neither modules\.json nor"):
        encoder(tmp_path / "empty")
    with pytest.raises(FeatureError, match=r"there is no folder .*absent"):
        encoder(tmp_path / "absent")
    with pytest.raises(FeatureError, match="write the model before the question mark"):
        encoder("?modality=visual")
    (tmp_path / "empty" / "config.json").write_text('{"model_type": "bert"}')
    (tmp_path / "empty" / "config_sentence_transformers.json").write_text('{"model_type": "CrossEncoder"}')
    with pytest.raises(FeatureError, match="is a CrossEncoder, which does not make one vector of an item"):
        encoder(tmp_path / "empty")
    assert MultimodalEmbeddings().unavailable() == "st needs a model: st:org/name, or st:FOLDER"


def test_a_folder_is_known_by_its_content_and_a_model_of_the_hub_by_its_revision(models, tmp_path, monkeypatch):
    assert encoder(models["clip"]).version == f"1;{EmbeddingCheckpoint(models['clip']).version}"
    assert encoder(models["clip"]).version != encoder(models["siglip2"]).version
    monkeypatch.delenv("RECCLAIMS_ALLOW_DOWNLOADS", raising=False)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    absent = encoder("org/model?modality=textual")
    assert absent.version == "1;org/model"
    assert "hf download org/model" in absent.unavailable()
    monkeypatch.setenv("RECCLAIMS_ALLOW_DOWNLOADS", "1")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    assert encoder("org/model?modality=textual").unavailable() is None
    assert "cannot be asked what it reads: write ?modality=" in encoder("org/model").unavailable()
    folder = cached(tmp_path)
    (folder / "config.json").write_text('{"model_type": "bert"}')
    assert encoder("org/model").unavailable() is None
    for revision in ("", "?revision=main", f"?revision={COMMIT}"):
        assert encoder(f"org/model{revision}").version == f"1;org/model@{COMMIT[:12]}"
    assert encoder("org/model?revision=v2").version == "1;org/model"
    with pytest.raises(FeatureError, match=r"revision is '\.\./x', not a branch"):
        encoder("org/model?revision=../x")


@pytest.mark.parametrize("model", ["clip", "siglip2", "qwen3_vl_embedding"])
def test_sbert_of_a_model_that_sees_images_says_what_to_write(models, items, model):
    with pytest.raises(FeatureError) as caught:
        extract(make_encoder(f"sbert:{models[model]}", registry()), items)
    assert str(caught.value).endswith(f"write st:{models[model]}, or st:{models[model]}?modality=textual")
    # Texts of another kind, as keywords, are what it was asked for.
    assert SentenceEncoder(models[model]).embed(["a", "b"]).shape[0] == 2


def test_sbert_still_reads_a_model_of_texts(models, items):
    assert SentenceEncoder(models["bert"]).encode(items).shape == (6, 32)


def test_the_suite_judges_by_image_by_text_and_by_both_as_each_model_can(models, tmp_path):
    """As a user asks for it, from the command to verdicts."""
    asked = [f"st:{models['clip']}", f"st:{models['siglip2']}?modality=visual", f"st:{models['qwen3_vl_embedding']}"]
    asked.append(f"st:{models['bert']}")
    told = subprocess.run(
        [sys.executable, "-m", "pytest", "suite", "-p", "no:cacheprovider", "--claims-data", "emoji",
         "--claims-profile", "smoke", *(part for one in asked for part in ("--claims-encoder", one)),
         "--claims-store", str(tmp_path / "store"), "--claims-report", str(tmp_path / "report"),
         "-k", "test_noise and content-knn and permuted"],
        capture_output=True, text=True, check=False, cwd=Path(__file__).parents[2],
    )  # fmt: skip
    assert told.returncode in (0, 1), told.stdout + told.stderr
    document = json.loads((tmp_path / "report" / "results.json").read_text())
    verdicts = {case["treatment"]: case["verdict"] for case in document["claims"]}
    assert len(verdicts) == len(asked)
    assert set(verdicts.values()) <= {"supported", "contradicted", "no_difference", "inconclusive"}
    rows = {row["encoder"]: row for row in document["encoders"]}
    dimensions = {name.split(":")[1]: row["dimension"] for name, row in rows.items()}
    assert dimensions == {"clip": 48, "siglip2": 32, "qwen3_vl_embedding": 32, "bert": 32}
    assert {(row["imputed"], row["failed"]) for row in rows.values()} == {(0, 0)}
    gaps = {name.split(":")[1]: row["modality_gap"] for name, row in rows.items() if row["modality_gap"]}
    assert list(gaps) == ["clip"]
    assert gaps["clip"] in html.unescape((tmp_path / "report" / "results.html").read_text())


class Contract(EncoderContract):
    """What every encoder must pass, of each model as it is read by default and by halves."""

    argument = ""

    @pytest.fixture(autouse=True)
    def _model(self, models):
        model, _, query = self.argument.partition("?")
        self.reference = f"{models[model]}?{query}" if query else models[model]

    def make(self):
        return encoder(self.reference)


class TestFused(Contract):
    argument = "clip"


class TestImage(Contract):
    argument = "siglip2?modality=visual"


class TestTogether(Contract):
    # One by one: an odd item's text is 15,000 letters long, and this model cuts none.
    argument = "qwen3_vl_embedding?batch=1"


class TestText(Contract):
    argument = "bert"
