"""Vision-language models, tiny and random, through the code that the real ones go through."""

import json
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from transformers import LogitsProcessor

from recclaims import AnsweringEncoder, trust
from recclaims.data.catalogue import Item
from recclaims.errors import FeatureError, NotAvailableError, RecclaimsError, UnknownNameError
from recclaims.features.encoded import FeatureReport, made_on
from recclaims.features.extraction import extract
from recclaims.features.resolve import facts_of, make_encoder
from recclaims.features.spec import methods_of
from recclaims.lvlm.checkpoints import NAMES, Checkpoint
from recclaims.lvlm.generation import stop_tokens
from recclaims.lvlm.vision_language import VisionLanguage
from recclaims.plugin_manager import registry

from .tiny import BUILDERS as NATIVE
from .tiny_phi3 import phi3_vision

BUILDERS = NATIVE | {"phi-3.5-vision": phi3_vision}
#: After how many tokens each item stops: at once, early, late, and never within the limit.
STOPS = (0, 2, 7, 99)
LIMIT = 9
#: In float32. Prompts of Phi-3.5-vision have thousands of tokens.
ROUNDING = {name: 1e-4 if name == "phi-3.5-vision" else 1e-5 for name in BUILDERS}


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory):
    return {name: build(tmp_path_factory.mktemp(name)) for name, build in BUILDERS.items()}


@pytest.fixture(params=BUILDERS)
def kind(request):
    return request.param


@pytest.fixture
def checkpoint(kind, checkpoints):
    return checkpoints[kind]


@pytest.fixture
def rounding(kind):
    return ROUNDING[kind]


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """Items whose images differ in size, so that prompts differ in length."""
    folder = tmp_path_factory.mktemp("pictures")
    random = np.random.default_rng(0)
    items = []
    for i, (width, height) in enumerate([(56, 56), (84, 56), (30, 90), (120, 60)]):
        Image.fromarray(random.integers(0, 255, (height, width, 3)).astype(np.uint8)).save(folder / f"{i}.png")
        items.append(Item(str(i), image_path=folder / f"{i}.png", domain="movies"))
    return items


class StopAt(LogitsProcessor):
    """Force the stop token after so many tokens and forbid it before: random weights do not stop by themselves."""

    def __init__(self, after, stop, forbidden):
        self.after, self.stop, self.forbidden, self.step = after, stop, forbidden, 0

    def __call__(self, input_ids, scores):
        scores = scores.clone()
        scores[:, self.forbidden] = -torch.inf
        for row, after in enumerate(self.after):
            if self.step == after:
                scores[row] = -torch.inf
                scores[row, self.stop] = 0
        self.step += 1
        return scores


def encoder(folder, settings="", stops=STOPS):
    """The encoder, with answers of given lengths; questions are known by their seeds."""
    made = VisionLanguage(f"{folder}?max_new_tokens={LIMIT}{settings}")
    if stops is None:
        return made
    model, processor = made.loaded
    end, forbidden = processor.tokenizer.eos_token_id, sorted(stop_tokens(model, processor))
    from recclaims.lvlm.answering import _seed

    after = {_seed(made.seed, str(i)): stop for i, stop in enumerate(stops)}
    made.logits_processors = lambda questions: [StopAt([after[q.seed] for q in questions], end, forbidden)]
    return made


def test_checkpoints_are_small(checkpoint):
    assert sum(path.stat().st_size for path in checkpoint.iterdir()) < 1_000_000


def said(records):
    """What was answered, without how it was computed."""
    return [{key: value for key, value in record.items() if key not in ("batch", "device")} for record in records]


@pytest.mark.parametrize("pooling", ["eos", "mean", "last_prompt_token"])
def test_a_batch_gives_what_single_items_give(checkpoint, rounding, pictures, pooling):
    made = encoder(checkpoint, f"&pooling={pooling}")
    together = made.encode(pictures)
    reordered = made.encode(pictures[::-1])
    alone = [made.encode([item]) for item in pictures]
    np.testing.assert_allclose(together.matrix, np.concatenate([one.matrix for one in alone]), atol=rounding, rtol=0)
    np.testing.assert_allclose(together.matrix, reordered.matrix[::-1], atol=rounding, rtol=0)
    assert said(together.records) == said(record for one in alone for record in one.records)
    # The rows differ by far more than the rounding that is allowed.
    distances = np.abs(together.matrix[:, None] - together.matrix[None]).max(axis=2)
    assert distances[~np.eye(4, dtype=bool)].min() > 1e-2


def test_what_is_recorded(checkpoint, pictures):
    records = encoder(checkpoint).encode(pictures).records
    assert [record["tokens"] for record in records] == [1, 3, 8, 9]
    assert [record["truncated"] for record in records] == [False, False, False, True]
    assert records[0]["text"] == ""
    assert all(record["text"] for record in records[1:])


def test_the_embedding_is_the_state_of_the_stop_token_itself(checkpoint, rounding, pictures):
    """Redone by hand: one sequence without padding, a whole forward pass per token, no generate and no cache."""
    made = encoder(checkpoint)
    model, processor = made.loaded
    end = processor.tokenizer.eos_token_id
    config = model.config
    marks = (getattr(config, name, None) for name in ("image_token_id", "video_token_id"))
    never = [*stop_tokens(model, processor), *(mark for mark in marks if mark is not None)]
    encoded = made.encode(pictures)
    for item, stop, row, record in zip(pictures, STOPS, encoded.matrix, encoded.records, strict=True):
        parts = [{"type": "image", "image": item.image()}, {"type": "text", "text": made._prompt_for(item.domain)}]
        inputs = processor.apply_chat_template(
            [{"role": "user", "content": parts}],
            tokenize=True,
            add_generation_prompt=True,
            return_dict=True,
            return_tensors="pt",
        )
        answer = []

        def forward(token, inputs=inputs):
            if token is not None:
                for name, value in (("input_ids", token), ("attention_mask", 1), ("mm_token_type_ids", 0)):
                    if name in inputs:
                        inputs[name] = torch.cat([inputs[name], torch.full((1, 1), value)], dim=1)
            with torch.no_grad():
                return model(**inputs, output_hidden_states=True, use_cache=False)

        for _ in range(min(stop, LIMIT)):
            logits = forward(answer[-1] if answer else None).logits[0, -1].clone()
            logits[never] = -torch.inf
            answer.append(int(logits.argmax()))
        if answer:
            forward(answer[-1])
        np.testing.assert_allclose(row, forward(end).hidden_states[-1][0, -1], atol=rounding, rtol=0)
        assert record["text"] == processor.tokenizer.decode(answer, skip_special_tokens=True).strip()


@pytest.mark.parametrize("stops", [(0, 2, 1, 0), (0, 2, 7, 99)])
def test_the_prompt_goes_in_once_and_decoding_ends_with_the_last_stop_token(checkpoint, pictures, stops):
    """Prompt, answer, stop token: no pass over all of it for the states, and no step more than the longest needs."""
    made = encoder(checkpoint, stops=stops)
    lengths = []
    head = made.loaded[0].get_output_embeddings()
    hook = head.register_forward_hook(lambda _, given, __: lengths.append(given[0].shape[1]))
    made.encode(pictures)
    hook.remove()
    assert len(lengths) == 1 + min(max(stops), LIMIT) + 1
    assert set(lengths[1:]) == {1}


def test_settings_of_the_checkpoint_do_not_leak_into_greedy_answers(checkpoint, pictures):
    """The checkpoint asks for sampling and a penalty on repetition; both would make a row depend on its batch."""
    said = json.loads((checkpoint / "generation_config.json").read_text())
    assert said["do_sample"]
    assert said["repetition_penalty"] > 1
    made = encoder(checkpoint, stops=None)
    first, second = made.encode(pictures), made.encode(pictures)
    np.testing.assert_array_equal(first.matrix, second.matrix)


def test_sampling_depends_on_item_and_seed_alone(checkpoint, pictures):
    texts = {}
    for seed in (0, 1):
        made = encoder(checkpoint, f"&temperature=1.5&seed={seed}", stops=None)
        together = made.encode(pictures)
        alone = [made.encode([item]).records[0] for item in pictures[::-1]][::-1]
        assert said(together.records) == said(alone)
        texts[seed] = [record["text"] for record in together.records]
    assert texts[0] != texts[1]


def test_low_temperature_is_greedy(checkpoint, pictures):
    greedy = encoder(checkpoint, stops=None).encode(pictures)
    cool = encoder(checkpoint, "&temperature=1e-6", stops=None).encode(pictures)
    assert list(greedy.records) == list(cool.records)


def test_gumbel_noise_draws_from_the_softmax():
    from recclaims.lvlm.generation import _sampling

    scores = torch.tensor([[0.0, 1.0, 2.0, -torch.inf]])
    draws = 4000
    drawn = [int(_sampling(2.0, [seed])(None, scores).argmax()) for seed in range(draws)]
    expected = torch.softmax(scores[0] / 2, 0).numpy()
    seen = np.bincount(drawn, minlength=4) / draws
    assert seen[3] == 0
    np.testing.assert_allclose(seen, expected, atol=4 * np.sqrt(0.25 / draws))


def test_top_p_leaves_out_what_is_unlikely():
    from recclaims.lvlm.generation import _sampling

    scores = torch.log(torch.tensor([[0.5, 0.3, 0.15, 0.05]]))
    drawn = {p: {int(_sampling(1.0, [seed], p)(None, scores).argmax()) for seed in range(300)} for p in (1, 0.9, 0.4)}
    assert drawn == {1: {0, 1, 2, 3}, 0.9: {0, 1, 2}, 0.4: {0}}


def test_a_variant_is_the_same_encoder_asked_otherwise(checkpoints, pictures):
    greedy = VisionLanguage(f"{checkpoints['llava']}?max_new_tokens={LIMIT}")
    asked = {"temperature": "0", "top_p": "1", "seed": "0", "max_new_tokens": str(LIMIT)}
    assert greedy.spec.answering == {**asked, "batch": "auto"}
    assert VisionLanguage(f"{greedy.name}&batch=3").spec.answering["batch"] == "3"
    assert greedy.variant({"temperature": None, "seed": None}) == greedy.name
    sampled = make_encoder(greedy.variant({"temperature": "1.5", "top_p": "0.9", "seed": "3"}), registry())
    assert sampled.settings.temperature == 1.5
    assert sampled.settings.top_p == 0.9
    assert sampled.spec.answering["seed"] == "3"
    assert sampled.variant({"temperature": None, "top_p": None, "seed": None}) == greedy.name
    assert sampled.version == greedy.version
    assert not np.allclose(sampled.encode(pictures).matrix, greedy.encode(pictures).matrix)


@pytest.mark.parametrize(("name", "settings"), [("org/model", {}), ("a", {"domain": "x y/ä&b=c.toml", "top_p": "0.9"})])
def test_an_argument_is_joined_as_it_is_split(name, settings):
    from recclaims.features.arguments import join_argument, split_argument

    assert split_argument(join_argument(name, settings), ("domain", "top_p"), "lvlm") == (name, settings)


class OutOfMemory(LogitsProcessor):
    def __init__(self, most, sizes):
        self.most, self.sizes = most, sizes

    def __call__(self, input_ids, scores):
        self.sizes.append(len(scores))
        if len(scores) > self.most:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return scores


def test_the_batch_halves_where_memory_does_not_suffice(checkpoints, pictures):
    folder = checkpoints["qwen2-vl"]
    made = encoder(folder, "&batch=4")
    expected = made.encode(pictures).matrix
    sizes = []
    inner = made.logits_processors
    made.logits_processors = lambda questions: [*inner(questions), OutOfMemory(2, sizes)]
    np.testing.assert_allclose(made.encode(pictures).matrix, expected, atol=1e-5)
    assert sizes[0] == 4
    assert set(sizes[1:]) == {2}
    # In bfloat16 the batch shows: what was halved leaves a trace.
    sizes.clear()
    features = extract(made, pictures)
    assert made_on(features.records) == [{"device": "cpu", "batch": 2, "items": 4}]
    assert made_on(encoder(folder, "&batch=3").encode(pictures).records) == [
        {"device": "cpu", "batch": 3, "items": 3}, {"device": "cpu", "batch": 1, "items": 1}
    ]  # fmt: skip
    made.logits_processors = lambda questions: [OutOfMemory(0, sizes)]
    with pytest.raises(NotAvailableError, match="not enough memory for a single item"):
        made.encode(pictures)


def test_a_broken_image_is_recorded_and_left_out(checkpoint, pictures, tmp_path):
    (tmp_path / "broken.png").write_bytes(b"nothing")
    Image.new("RGB", (4000, 3)).save(tmp_path / "ribbon.png")
    items = [
        pictures[0],
        Item("broken", image_path=tmp_path / "broken.png", domain="movies"),
        Item("none", domain="movies"),
        pictures[1],
        Item("ribbon", image_path=tmp_path / "ribbon.png", domain="movies"),
    ]
    made = encoder(checkpoint, "&chunk=2&pooling=last_prompt_token", stops=None)
    features = extract(made, items)
    assert "broken.png: image of item 'broken' cannot be read" in features.records[1]["error"]
    assert features.records[2] == {}
    assert features.filled[:4].tolist() == [False, True, True, False]
    assert np.isfinite(features.matrix).all()
    mean = features.matrix[~features.filled].mean(axis=0)
    np.testing.assert_allclose(features.matrix[1], mean, rtol=1e-4, atol=1e-6)
    report = FeatureReport.of(features)
    assert report.failed == sum("error" in record for record in features.records)
    assert report.imputed == report.failed + 1


def test_qwen_refuses_a_ribbon_and_goes_on(checkpoints, pictures, tmp_path):
    Image.new("RGB", (4000, 3)).save(tmp_path / "ribbon.png")
    items = [pictures[0], Item("ribbon", image_path=tmp_path / "ribbon.png", domain="movies"), pictures[1]]
    encoded = encoder(checkpoints["qwen2-vl"], stops=None).encode(items)
    assert ["error" in record for record in encoded.records] == [False, True, False]
    assert "aspect ratio" in encoded.records[1]["error"]


def test_a_model_that_fails_for_all_is_an_error_and_nothing_is_kept(checkpoints, pictures):
    made = encoder(checkpoints["llava"])
    made.logits_processors = lambda questions: [1 / 0]
    with pytest.raises(FeatureError, match="failed: ZeroDivisionError"):
        made.encode(pictures)


def test_too_many_cut_off_answers_are_inadmissible(checkpoints, pictures):
    cut = FeatureReport.of(extract(encoder(checkpoints["llava"]), pictures))
    assert cut.truncated == 1
    assert "1 of 4 answers were cut off" in cut.inadmissible()
    whole = FeatureReport.of(extract(encoder(checkpoints["llava"], stops=(0, 1, 2, 3)), pictures))
    assert whole.inadmissible() is None


def test_prompts_decide(checkpoints, pictures):
    folder = checkpoints["qwen2-vl"]
    rows = [
        VisionLanguage(f"{folder}?pooling=last_prompt_token&{query}").encode(pictures[:1]).matrix[0]
        for query in ("", "prompt=description", "prompt=misaligned", "domain=pets", "domain=movies")
    ]
    assert np.abs(rows[0] - rows[4]).max() < 1e-6  # movies is the item's own domain
    assert min(np.abs(a - b).max() for i, a in enumerate(rows[:4]) for b in rows[:i]) > 1e-3


@pytest.fixture
def reading(tmp_path):
    """A domain whose prompts read an item's title and description."""
    path = tmp_path / "shop.toml"
    page = (Path(__file__).parents[2] / "docs" / "vision-language.md").read_text()
    path.write_text(next(block for block in re.findall(r"```toml\n(.*?)```", page, re.DOTALL) if "{text}" in block))
    return path


def test_a_prompt_can_read_the_items_text(checkpoint, rounding, pictures, reading):
    made = encoder(checkpoint, f"&domain={reading}&prompt=with_text", stops=None)
    one = pictures[0]
    lamp, spoon = (replace(one, title=title) for title in ("A lamp", "A silver spoon"))
    rows = made.encode([lamp, spoon, replace(spoon, domain=""), one]).matrix
    np.testing.assert_allclose(rows[1], rows[2], atol=rounding, rtol=0)
    distances = np.abs(rows[[0, 1, 3]][:, None] - rows[[0, 1, 3]][None]).max(axis=2)
    assert distances[~np.eye(3, dtype=bool)].min() > 1e-2


def test_special_tokens_in_a_text_are_left_out(checkpoint, rounding, pictures, reading):
    """They would end the turn, or stand for an image that is not there."""
    made = encoder(checkpoint, f"&domain={reading}&prompt=with_text", stops=None)
    special = "".join(made.loaded[1].tokenizer.get_added_vocab())
    assert special
    rows = made.encode([replace(pictures[0], title=title) for title in ("A lamp", f"A {special}lamp")]).matrix
    np.testing.assert_allclose(rows[0], rows[1], atol=rounding, rtol=0)


class Llava(AnsweringEncoder):
    """An encoder of a plugin: a name, what its weights are known by, and how they are loaded."""

    name, model_version, folder = "my-llava", "tiny", Path()

    def load(self):
        return VisionLanguage(str(self.folder)).load()


@pytest.fixture
def mine(checkpoints):
    return type("Mine", (Llava,), {"folder": checkpoints["llava"]})


def test_an_encoder_of_ones_own_is_asked_like_ours(mine, checkpoints, pictures):
    settings = f"?max_new_tokens={LIMIT}&prompt=description"
    ours, theirs = (
        extract(made, pictures) for made in (VisionLanguage(f"{checkpoints['llava']}{settings}"), mine(settings))
    )
    np.testing.assert_array_equal(ours.matrix, theirs.matrix)
    assert theirs.encoder == f"my-llava:{settings}"


def test_a_variant_of_ones_own_encoder(mine):
    assert mine().variant({"temperature": None}) == "my-llava"
    assert mine().variant({"temperature": "0.7"}) == "my-llava:?temperature=0.7"
    assert mine("?temperature=0.7").variant({"temperature": None}) == "my-llava"
    assert methods_of(mine()).variant


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("llava", "encoder 'my-llava' is one model and takes settings only: my-llava:?prompt=..."),
        ("?promt=keyword", "did you mean 'prompt'"),
        ("?batch=none", "my-llava: batch is 'none', not a number from 1 or 'auto'"),
    ],
)
def test_a_wrong_argument_of_ones_own_encoder_is_one_line(mine, argument, message):
    with pytest.raises(RecclaimsError) as error:
        mine(argument)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_without_a_domain_it_says_how_to_give_one(checkpoints, pictures):
    from dataclasses import replace

    with pytest.raises(RecclaimsError, match=r"`domain` in dataset.toml, or \?domain="):
        extract(VisionLanguage(str(checkpoints["llava"])), [replace(pictures[0], domain="")])


def test_dtype_is_the_checkpoints_unless_said(checkpoints):
    folder = checkpoints["qwen2-vl"]
    assert VisionLanguage(str(folder)).loaded[0].dtype == torch.float32
    assert VisionLanguage(f"{folder}?dtype=bfloat16").loaded[0].dtype == torch.bfloat16


def test_half_precision_gives_float32_features(checkpoints, pictures):
    encoded = VisionLanguage(f"{checkpoints['qwen2-vl']}?dtype=bfloat16&max_new_tokens=3").encode(pictures)
    assert encoded.matrix.dtype == np.float32
    assert np.isfinite(encoded.matrix).all()


FAULTS = {
    "qwen2-vl-2": "unknown model 'qwen2-vl-2'; did you mean 'qwen2-vl-2b'",
    "qwen2-vl-2b?promt=keyword": "unknown key 'promt'; did you mean 'prompt'",
    "qwen2-vl-2b?pooling=max": "unknown pooling 'max'; did you mean 'mean'? known: eos, last_prompt_token, mean",
    "qwen2-vl-2b?max_new_tokens=0": "max_new_tokens is '0', not a number from 1",
    "qwen2-vl-2b?temperature=nan": "temperature is 'nan', not a number from 0",
    "qwen2-vl-2b?top_p=1.2": "top_p is '1.2', not a number from 1e-06 to 1",
    "qwen2-vl-2b?domain=movie": "unknown domain 'movie'; did you mean 'movies'",
    "qwen2-vl-2b?domain=movies&prompt=keywords": "unknown prompt 'keywords'; did you mean 'keyword'",
}


@pytest.mark.parametrize(("argument", "message"), FAULTS.items())
def test_faults_are_one_line(argument, message):
    with pytest.raises(RecclaimsError) as caught:
        make_encoder(f"lvlm:{argument}", registry())
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.fixture
def empty_hub(monkeypatch, tmp_path):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.delenv("RECCLAIMS_ALLOW_DOWNLOADS", raising=False)
    return tmp_path / "hub"


@pytest.mark.parametrize("name", NAMES)
def test_absent_weights_are_named_with_how_to_get_them(name, empty_hub):
    reason = VisionLanguage(name).unavailable()
    assert f"hf download {NAMES[name]}" in reason
    assert "RECCLAIMS_ALLOW_DOWNLOADS=1" in reason
    assert "\n" not in reason


def test_offline_is_respected_even_where_downloads_are_allowed(empty_hub, monkeypatch):
    monkeypatch.setenv("RECCLAIMS_ALLOW_DOWNLOADS", "1")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    assert "not on this machine" in VisionLanguage("qwen2-vl-2b").unavailable()
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    assert VisionLanguage("qwen2-vl-2b").unavailable() is None


def test_a_model_in_the_cache_is_used_and_known_by_its_revision(empty_hub, checkpoints, pictures, monkeypatch):
    import shutil

    folder = empty_hub / "models--Qwen--Qwen2-VL-2B-Instruct"
    shutil.copytree(checkpoints["qwen2-vl"], folder / "snapshots" / ("ab12" * 10))
    (folder / "refs").mkdir()
    (folder / "refs" / "main").write_text("ab12" * 10)
    made = VisionLanguage("qwen2-vl-2b?pooling=last_prompt_token")
    assert made.unavailable() is None
    assert "Qwen/Qwen2-VL-2B-Instruct@ab12ab12ab12" in made.version
    direct = VisionLanguage(f"{checkpoints['qwen2-vl']}?pooling=last_prompt_token")
    np.testing.assert_array_equal(made.encode(pictures).matrix, direct.encode(pictures).matrix)
    next(folder.rglob("*.safetensors")).unlink()
    assert "not on this machine" in VisionLanguage("qwen2-vl-2b").unavailable()  # a download that was stopped


@pytest.fixture
def foreign(tmp_path):
    """A folder of a model that only its own code knows."""
    (tmp_path / "config.json").write_text('{"model_type": "foreign_vl", "auto_map": {"AutoModelForCausalLM": "x.Y"}}')
    return tmp_path


def test_code_of_a_repository_is_not_run_without_trust(foreign):
    made = VisionLanguage(str(foreign))
    assert "transformers has no foreign_vl" in made.unavailable()
    assert "--claims-trust-remote-code (recclaims encode: --trust-remote-code)" in made.unavailable()
    assert "\n" not in made.unavailable()
    with trust.given(True):
        assert "the folder has no weights" in made.unavailable()
    assert "--claims-trust-remote-code" in made.unavailable()


def test_code_beside_a_model_that_is_known_needs_no_trust(foreign, checkpoints):
    (foreign / "config.json").write_text('{"model_type": "llava", "auto_map": {"AutoModelForCausalLM": "x.Y"}}')
    assert "the folder has no weights" in VisionLanguage(str(foreign)).unavailable()
    assert VisionLanguage(str(checkpoints["phi-3.5-vision"])).unavailable() is None


def test_a_folder_without_a_model_is_named(tmp_path):
    (tmp_path / "config.json").write_text("[")
    assert "has no config.json of a model" in VisionLanguage(str(tmp_path)).unavailable()
    assert "no such folder" in VisionLanguage(str(tmp_path / "none")).unavailable()


def test_four_bits_need_a_package(checkpoints):
    import importlib.util

    reason = VisionLanguage(f"{checkpoints['llava']}?dtype=int4").unavailable()
    if importlib.util.find_spec("bitsandbytes") is None:
        assert "dtype=int4 needs the package bitsandbytes: pip install bitsandbytes" in reason


def test_the_version_follows_weights_and_prompts(checkpoints, tmp_path):
    import shutil

    folder = tmp_path / "copy"
    shutil.copytree(checkpoints["llava"], folder)
    versions = {VisionLanguage(str(folder)).version}
    versions.add(VisionLanguage(f"{folder}?prompt=description").version)
    versions.add(VisionLanguage(f"{folder}?domain=pets").version)
    (folder / "extra.txt").write_text("changed")
    versions.add(VisionLanguage(str(folder)).version)
    assert len(versions) == 4


def test_it_joins_datasets_with_images_and_loads_nothing_meanwhile():
    assert facts_of("lvlm", registry()).requires == {"visual"}
    code = (
        "import sys; from recclaims.plugin_manager import registry; "
        "from recclaims.features.resolve import make_encoder; "
        "print(make_encoder('lvlm:qwen2-vl-2b?prompt=description', registry()).unavailable()); "
        "print({'torch', 'transformers', 'PIL'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "set()"


def test_short_names_name_models_of_the_hub():
    assert all(Checkpoint.of(name).model.count("/") == 1 for name in NAMES)
    with pytest.raises(UnknownNameError):
        Checkpoint.of("llama")


def test_weights_that_are_missing_are_not_filled_with_random_numbers(checkpoint, pictures, tmp_path):
    """Not even what chooses the next token alone: answers would be random, and rows look like any others."""
    folder = Path(shutil.copytree(checkpoint, tmp_path / "copy"))
    tensors = load_file(folder / "model.safetensors")
    name = next(one for one in ("lm_head.weight", "model.norm.weight", *sorted(tensors)) if one in tensors)
    del tensors[name]
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    shown = re.escape(name.removeprefix("language_model."))
    with pytest.raises(FeatureError, match=rf"the weights lack 1 of the model's tensors, such as {shown},"):
        extract(VisionLanguage(str(folder)), pictures)
