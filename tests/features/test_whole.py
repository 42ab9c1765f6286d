"""Checkpoints from which tensors were taken: what follows them is refused, what does not is as before."""

import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from safetensors.torch import load_file, save_file

from recclaims.data.catalogue import Item
from recclaims.errors import FeatureError
from recclaims.features.encoders.sentence import SentenceEncoder
from recclaims.features.extraction import extract
from recclaims.features.resolve import make_encoder
from recclaims.features.whole import watched
from recclaims.plugin_manager import registry

from . import tiny_embedders

POOLER = ("pooler.dense.bias", "pooler.dense.weight")


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("embedders")
    return {name: getattr(tiny_embedders, name)(folder / name) for name in ("clip", "qwen3_vl_embedding", "bert")}


@pytest.fixture(scope="module")
def items(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pictures")
    random = np.random.default_rng(0)
    made = []
    for number, title in enumerate(["red shoe", "blue boat"]):
        path = folder / f"{number}.png"
        Image.fromarray(random.integers(0, 255, (40, 40, 3), dtype=np.uint8)).save(path)
        made.append(Item(str(number), title, image_path=path))
    return made


def changed(model, folder, change):
    """A copy of a model whose tensors were changed, by their names."""
    copy = Path(shutil.copytree(model, folder / "changed"))
    (file,) = copy.rglob("*.safetensors")
    tensors = load_file(file)
    change(tensors)
    save_file(tensors, file, metadata={"format": "pt"})
    return copy


def without(*names):
    def take(tensors):
        for name in names:
            del tensors[name]

    return take


def rows(name, items):
    return extract(make_encoder(name, registry()), items).matrix


@pytest.mark.parametrize(
    ("model", "modality", "lost"),
    [
        ("clip", "visual", "vision_model.encoder.layers.1.mlp.fc2.bias"),
        ("clip", "textual", "text_model.embeddings.token_embedding.weight"),
        ("qwen3_vl_embedding", "multimodal", "visual.blocks.0.norm1.weight"),
        ("bert", "textual", "encoder.layer.0.attention.self.query.weight"),
    ],
)
def test_rows_that_follow_a_missing_tensor_are_refused(models, items, tmp_path, model, modality, lost):
    kept = list(load_file(next(models[model].rglob("*.safetensors"))))
    (name,) = [one for one in kept if one.endswith(lost)]
    folder = changed(models[model], tmp_path, without(name))
    with pytest.raises(FeatureError) as caught:
        rows(f"st:{folder}?modality={modality}", items)
    assert re.search(rf"the weights lack 1 of the model's tensors, such as \S*{re.escape(lost)},", str(caught.value))
    assert str(folder) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_what_follows_no_missing_tensor_is_as_before(models, items, tmp_path):
    """A pooler that an average of the tokens does not read; the tower of images, where texts are asked for."""
    bert = changed(models["bert"], tmp_path / "bert", without(*POOLER))
    np.testing.assert_array_equal(rows(f"st:{bert}", items), rows(f"st:{models['bert']}", items))
    clip = changed(models["clip"], tmp_path / "clip", without("visual_projection.weight"))
    query = "?modality=textual"
    np.testing.assert_array_equal(rows(f"st:{clip}{query}", items), rows(f"st:{models['clip']}{query}", items))
    with pytest.raises(FeatureError, match=r"lack 1 of the model's tensors, such as visual_projection\.weight"):
        rows(f"st:{clip}", items)


def test_sbert_refuses_rows_and_phrases_that_follow_a_missing_tensor(models, items, tmp_path):
    folder = changed(models["bert"], tmp_path, without("embeddings.LayerNorm.weight", *POOLER))
    said = r"sbert:.*: the weights lack 3 of the model's tensors, such as embeddings\.LayerNorm\.weight"
    with pytest.raises(FeatureError, match=said):
        rows(f"sbert:{folder}", items)
    with pytest.raises(FeatureError, match=said):
        SentenceEncoder(str(folder)).embed(["a", "b"])


def test_a_tensor_of_another_shape_is_named(models, items, tmp_path):
    def cut(tensors):
        tensors["embeddings.word_embeddings.weight"] = tensors["embeddings.word_embeddings.weight"][:-1].contiguous()

    height = len(load_file(models["bert"] / "model.safetensors")["embeddings.word_embeddings.weight"])
    folder = changed(models["bert"], tmp_path, cut)
    said = (
        rf"embeddings\.word_embeddings\.weight is {height - 1} x 32 in the weights and {height} x 32 by config\.json$"
    )
    for name in (f"st:{folder}", f"sbert:{folder}"):
        with pytest.raises(FeatureError, match=said):
            rows(name, items)


def test_transformers_is_left_as_it_was(models):
    from transformers import AutoModel, PreTrainedModel

    before = PreTrainedModel.__dict__["from_pretrained"]
    with watched("x"):
        assert PreTrainedModel.__dict__["from_pretrained"] is not before
        model, report = AutoModel.from_pretrained(models["bert"], output_loading_info=True)
    assert (type(model).__name__, report["missing_keys"]) == ("BertModel", set())
    with pytest.raises(ZeroDivisionError), watched("x"):
        _ = 1 / 0
    assert PreTrainedModel.__dict__["from_pretrained"] is before
