"""Phi-3-vision of our own against what the authors' code gave for the same small checkpoint."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.numpy import load_file, save_file

from recclaims import FeatureError
from recclaims.data.catalogue import Item
from recclaims.lvlm.phi3_vision.images import cut, grid, token_count
from recclaims.lvlm.phi3_vision.loading import load
from recclaims.lvlm.vision_language import VisionLanguage

from . import phi3_original
from .phi3_original import NEW_TOKENS, PROMPTS, SIZES, excerpt
from .tiny_phi3 import PREPROCESSOR, phi3_vision, picture

EXPECTED = Path(__file__).with_name("phi3_expected.json")
#: A folder with the authors' code, and a Python with the release it was written for.
CODE, PYTHON = (os.environ.get(f"RECCLAIMS_PHI3_{name}") for name in ("CODE", "PYTHON"))


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    return phi3_vision(tmp_path_factory.mktemp("phi3"))


@pytest.fixture
def copied(checkpoint, tmp_path):
    return Path(shutil.copytree(checkpoint, tmp_path / "copy"))


@pytest.fixture(scope="module")
def loaded(checkpoint):
    model, processor = load(str(checkpoint), True, {"dtype": "auto"})
    return model.eval(), processor


def asked(text, *images):
    return [
        {"role": "user", "content": [*({"type": "image", "image": i} for i in images), {"type": "text", "text": text}]}
    ]


@pytest.fixture(scope="module")
def ours(loaded):
    """The arrays that phi3_original writes, from our model."""
    model, processor = loaded
    made = {}

    def run(place, inputs, last=0):
        # Counted from the padding, as the authors' forward does where it is not told otherwise.
        places = torch.arange(inputs["input_ids"].shape[1]).expand_as(inputs["input_ids"])
        out = model(**inputs, position_ids=places, output_hidden_states=True, use_cache=False)
        made[f"{place}/logits"], made[f"{place}/states"] = out.logits.numpy(), out.hidden_states[-1].numpy()
        made[f"{place}/input_ids"], made[f"{place}/pixel_values"] = (
            inputs["input_ids"].numpy(),
            inputs["pixel_values"].numpy(),
        )
        made[f"{place}/image_sizes"] = inputs["image_sizes"].numpy() * 336

    conversations = [asked(text, picture(*size)) for size, text in zip(SIZES, PROMPTS, strict=True)]
    with torch.inference_mode():
        for place, conversation in enumerate(conversations):
            inputs = processor.apply_chat_template(conversation)
            run(place, inputs)
            greedy = {"do_sample": False, "repetition_penalty": 1.0, "min_new_tokens": NEW_TOKENS, "eos_token_id": 1}
            ids = model.generate(**inputs, max_new_tokens=NEW_TOKENS, **greedy)
            made[f"{place}/greedy"] = ids[:, inputs["input_ids"].shape[1] :].numpy()
        run("batch", processor.apply_chat_template(conversations))
        for name in ("logits", "states"):
            made[f"batch/{name}"] = made[f"batch/{name}"][:, -1]
        run("pair", processor.apply_chat_template(asked("Compare", *(picture(*size) for size in SIZES[:2]))))
    return made


def flat(document):
    """A document's numbers by their place."""
    if isinstance(document, dict):
        return {f"{key}/{more}": value for key, inner in document.items() for more, value in flat(inner).items()}
    return {"": np.asarray(document)}


def test_numbers_are_those_of_the_authors_code(ours):
    expected, found = flat(json.loads(EXPECTED.read_text())), flat(excerpt(ours))
    assert found.keys() == expected.keys()
    for place, value in expected.items():
        np.testing.assert_allclose(found[place], value, atol=1e-4, rtol=0, err_msg=place)
    # They would not be the same for any image, prompt or order.
    states = np.stack([value for place, value in expected.items() if place.endswith("state/") and "batch" not in place])
    assert np.abs(states[:, None] - states[None]).max(axis=2)[~np.eye(len(states), dtype=bool)].min() > 1e-2
    assert len({tuple(value) for place, value in expected.items() if place.endswith("greedy/")}) > 3


@pytest.mark.skipif(
    not (CODE and PYTHON), reason="needs the authors' code (RECCLAIMS_PHI3_CODE, RECCLAIMS_PHI3_PYTHON)"
)
def test_all_numbers_are_those_of_the_authors_code(ours, checkpoint, tmp_path):
    command = [PYTHON, "-O", phi3_original.__file__, CODE, str(checkpoint), str(tmp_path / "out.npz")]
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    subprocess.run(command, check=True, env=environment | {"HF_HUB_OFFLINE": "1"})
    theirs = np.load(tmp_path / "out.npz")
    for place in theirs.files:
        expected, found = theirs[place], ours[place]
        if place.endswith("pixel_values"):  # theirs are filled up to the most crops there may be
            sizes = ours[place.replace("pixel_values", "image_sizes")] // 336
            expected = np.concatenate([one[: 1 + size.prod()] for one, size in zip(expected, sizes, strict=True)])
        np.testing.assert_allclose(found, expected, atol=1e-4, rtol=1e-4, err_msg=place)
    assert excerpt(theirs) == json.loads((tmp_path / "out.json").read_text())


@pytest.mark.parametrize(
    ("width", "height", "most", "expected"),
    [
        (100, 100, 16, (4 * 336, 4 * 336)), (100, 40, 16, (5 * 336, 672)), (1000, 10, 16, (16 * 336, 53)),
        (100, 100, 4, (2 * 336, 2 * 336)), (5000, 1, 16, (16 * 336, 1)),
    ],
)  # fmt: skip
def test_an_image_fills_as_many_crops_as_there_may_be(width, height, most, expected):
    assert grid(width, height, most) == expected


@pytest.mark.parametrize(("size", "rows", "columns"), [((100, 30), 2, 6), ((30, 100), 6, 2), ((1, 6000), 16, 1)])
def test_crops_follow_the_image_and_are_padded_with_white(size, rows, columns):
    black = cut(Image.new("L", size), 16, [0.0] * 3, [1.0] * 3)
    assert (black.rows, black.columns) == (rows, columns)
    assert black.pixels.shape == (1 + rows * columns, 3, 336, 336)
    corner = black.pixels[1][:, 0, 0]
    assert corner.tolist() == [1.0, 1.0, 1.0]
    assert black.pixels[1:].min() == 0


def test_tokens_of_an_image():
    # 144 tokens a crop and for the whole image, one behind each of their lines, one between the two.
    assert token_count(4, 4) == 17 * 144 + (4 + 1) * 12 + 1 == 2509


def test_only_a_single_image_has_sixteen_crops(loaded):
    _, processor = loaded
    square = picture(64, 64)
    inputs = processor.apply_chat_template([asked("a", square), asked("b", square, square), asked("c")])
    assert inputs["image_sizes"].tolist() == [[4, 4], [2, 2], [2, 2]]
    single, several, none = inputs["input_ids"]
    assert ((single == -1).sum(), (single < -1).sum()) == (2509, 0)
    assert (several == -1).sum() == (several == -2).sum() == token_count(2, 2)
    assert (none >= 0).all()
    assert inputs["attention_mask"].sum(dim=1).tolist()[0] == inputs["attention_mask"].shape[1]
    assert inputs["attention_mask"][2, 0] == 0  # on the left


def test_text_that_looks_like_an_image_is_none(loaded):
    _, processor = loaded
    inputs = processor.apply_chat_template(asked("see <|image_1|> and <|image_7|>", picture(64, 64)))
    assert (inputs["input_ids"] < 0).sum() == 2509


def test_the_end_of_a_turn_stops_an_answer(copied):
    """Not every release lists it with the stop tokens."""
    (copied / "generation_config.json").unlink()
    model, processor = load(str(copied), True, {"dtype": "auto"})
    ids = processor.tokenizer.convert_tokens_to_ids
    assert {ids("<|end|>"), ids("<|endoftext|>")} <= set(model.generation_config.eos_token_id)


def test_llamas_tokenizer_is_read_as_its_file_has_it(copied):
    """As Llama's, transformers 5 would build another one from the class's name, without the start token here."""
    path = copied / "tokenizer_config.json"
    settings = json.loads(path.read_text())
    before = load(str(copied), True, {"dtype": "auto"})[1].tokenizer("a <|end|>\nb")["input_ids"]
    for add, start in ((True, [0]), (False, [])):
        path.write_text(json.dumps(settings | {"tokenizer_class": "LlamaTokenizer", "add_bos_token": add}))
        tokenizer = load(str(copied), True, {"dtype": "auto"})[1].tokenizer
        assert tokenizer("a <|end|>\nb")["input_ids"] == start + before[1:]


def test_yarn_scales_attention_its_own_way(copied):
    path = copied / "config.json"
    config = json.loads(path.read_text())
    config["rope_scaling"]["type"] = "yarn"
    path.write_text(json.dumps(config))
    su = np.sqrt(1 + np.log(32) / np.log(4096))
    for expected in (0.1 * np.log(32) + 1, su):
        model, _ = load(str(copied), True, {"dtype": "auto"})
        assert model.model.rotary_emb.attention_scaling == pytest.approx(expected)
        config["rope_scaling"]["type"] = "su"
        path.write_text(json.dumps(config))


@pytest.mark.parametrize("name", ["preprocessor_config.json", "tokenizer.json", "tokenizer_config.json"])
def test_a_missing_file_is_named(copied, name):
    (copied / name).unlink()
    assert (
        VisionLanguage(str(copied)).unavailable()
        == f"lvlm:{copied}: {copied}: {name} is missing; copy the whole checkpoint"
    )


def test_a_missing_part_of_the_weights_is_named(copied):
    index = {"weight_map": {"a": "model.safetensors", "b": "model-00002-of-00002.safetensors"}}
    (copied / "model.safetensors.index.json").write_text(json.dumps(index))
    assert "model-00002-of-00002.safetensors is missing" in VisionLanguage(str(copied)).unavailable()
    (copied / "model.safetensors.index.json").write_text("[")
    assert "a readable model.safetensors.index.json is missing" in VisionLanguage(str(copied)).unavailable()


def test_a_missing_weight_is_not_filled_with_random_numbers(copied):
    path = copied / "model.safetensors"
    weights = load_file(path)
    for name in ("model.vision_embed_tokens.sub_GN", "model.norm.weight"):
        del weights[name]
    save_file(weights, path, metadata={"format": "pt"})
    item = Item("a", image_path=copied / "a.png", domain="movies")
    picture(64, 64).save(item.image_path)
    with pytest.raises(FeatureError, match=r"the weights lack 2 of the model's tensors, such as model\.norm\.weight"):
        VisionLanguage(str(copied)).encode([item])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model_type": "phi3"}, "is a Phi-3 for text alone"),
        ({"embd_layer": "default"}, "has no embd_layer and img_processor"),
        ({"img_processor": {"model_name": "other"}}, "img_processor in config.json is other, not openai/clip"),
        (
            {"embd_layer": {"hd_transform_order": "glb_sub"}},
            'embd_layer.hd_transform_order in config.json is "glb_sub"',
        ),
    ],
)
def test_another_model_is_named(copied, change, message):
    path = copied / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    reason = VisionLanguage(str(copied)).unavailable()
    assert message in reason
    assert "\n" not in reason


def test_the_older_phi_3_vision_works_as_well(copied):
    """Same architecture and files; up to 16 crops for every image."""
    (copied / "preprocessor_config.json").write_text(json.dumps(PREPROCESSOR | {"num_crops": 16}))
    assert VisionLanguage(str(copied)).unavailable() is None
    _, processor = load(str(copied), True, {"dtype": "auto"})
    inputs = processor.apply_chat_template(asked("b", picture(64, 64), picture(64, 64)))
    assert inputs["image_sizes"].tolist() == [[4, 4], [4, 4]]
