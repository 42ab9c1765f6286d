import itertools
from argparse import Namespace

import numpy as np
import pytest
import torch
from recclaims_smollm2 import SmolLM2Sees, lessons, sees

import recclaims
from recclaims import Item, load_dataset

#: Any file will do for the weights that are trained: the tests make their own.
needs_weights = pytest.mark.skipif(SmolLM2Sees(__file__).unavailable() is not None, reason="no packaged weights")


@pytest.fixture(scope="module")
def shown():
    """Some icons, each before several backdrops."""
    return [one for one in lessons.pictures(dealings=3) if one.icon < 40]


@pytest.fixture(scope="module")
def made():
    """The model before it learns anything, with a processor: its weights take half a minute to load."""
    from recclaims_smollm2 import sight

    torch.manual_seed(1)
    return sight.untrained()


def _set(model, weights):
    with torch.no_grad():
        for name, one in model.trained().items():
            one.copy_(weights[name])


@pytest.fixture(scope="module")
def moved(made, tmp_path_factory):
    """A file of sight that changes what the model says: no number is what it was at the beginning."""
    from recclaims_smollm2 import sight

    model, _ = made
    random = torch.Generator().manual_seed(0)
    before = {name: one.detach().clone() for name, one in model.trained().items()}
    with torch.no_grad():
        for one in model.trained().values():
            one.add_(0.02 * torch.randn(one.shape, generator=random))
    path = tmp_path_factory.mktemp("sight") / "sight.safetensors"
    sight.save(model, path, {"steps": "0"})
    kept = {name: one.detach().clone() for name, one in model.trained().items()}
    _set(model, before)
    return path, kept


def test_lessons_are_the_same_wherever_one_begins(shown):
    whole = list(itertools.islice(lessons.batches(shown, 4, seed=0), 21))
    for start in (1, 7, 8, 20):
        assert next(lessons.batches(shown, 4, seed=0, start=start)) == whole[start]
    assert whole != list(itertools.islice(lessons.batches(shown, 4, seed=1), 21))


def test_lessons_ask_in_each_way_and_say_what_is_there(shown):
    taught = list(itertools.chain(*itertools.islice(lessons.batches(shown, 8, seed=0), 50)))
    asked = {name: [one for one in taught if one.prompt == text.strip()] for name, text in lessons.PROMPTS.items()}
    read = [
        one for one in taught if "{text}" not in one.prompt and one.prompt.endswith("[Name].") and "\n" in one.prompt
    ]
    assert 0.4 < len(asked["keyword"]) / len(taught) < 0.6
    assert 0.2 < len(read) / len(taught) < 0.4
    assert not asked["misaligned"]
    for one in taught:
        assert shown[one.picture].backdrop in one.answer
        assert shown[one.picture].kind in one.answer
    # Reading, it can copy the name.
    assert all(shown[one.picture].item.title in one.prompt for one in read)


def test_every_backdrop_is_shown_and_some_have_none(shown):
    assert len({one.backdrop for one in lessons.pictures(dealings=1)}) == 9
    assert {one.backdrop for one in shown[:40]} == {lessons.PLAIN}


def test_no_icon_that_is_examined_is_taught():
    shown = lessons.pictures(dealings=1)
    held = set(lessons.held_out(857).tolist())
    assert len(held) == lessons.HELD_OUT
    learnt = [shown[place].icon for place in lessons.to_learn(shown)]
    assert held.isdisjoint(learnt)
    assert len(learnt) == 2 * (857 - lessons.HELD_OUT)


@needs_weights
def test_a_prompt_s_tokens_are_those_before_its_answer(made, shown):
    """Else it would be taught to go on from other tokens than it is asked with."""
    _, processor = made
    for one in next(lessons.batches(shown, 32, seed=0)):
        parts = [{"type": "image"}, {"type": "text", "text": one.prompt}]
        prompt = processor.prompt({"role": "user", "content": parts})
        before = processor.tokenizer(prompt)["input_ids"]
        whole = processor.tokenizer(f"{prompt}{one.answer}<|im_end|>")["input_ids"]
        assert whole[: len(before)] == before
        assert whole[-1] == processor.tokenizer.eos_token_id
        assert before.count(processor.tokenizer.convert_tokens_to_ids("<gh_stars>")) == 16


@needs_weights
def test_at_the_beginning_a_text_is_read_as_the_language_model_reads_it(made):
    from recclaims_smollm2 import language

    model, processor = made
    inputs = processor.tokenizer(["A lamp on a table"], return_tensors="pt")
    plain, _ = language.load()
    with torch.no_grad():
        torch.testing.assert_close(model(**inputs).logits, plain(**inputs).logits, rtol=0, atol=1e-4)


@needs_weights
def test_what_was_trained_is_merged_as_it_was(made, moved, shown):
    from recclaims_smollm2 import sight

    path, kept = moved
    model, processor = made
    merged, _ = sight.trained(path)
    seen = torch.stack([sight.pixels(one.item.image()) for one in shown[40:42]])
    message = {"role": "user", "content": [{"type": "image"}, {"type": "text", "text": lessons.PROMPTS["keyword"]}]}
    inputs = dict(processor.tokenizer([processor.prompt(message)] * 2, return_tensors="pt"), pixel_values=seen)
    inputs.pop("token_type_ids", None)
    before = {name: one.detach().clone() for name, one in model.trained().items()}
    with torch.no_grad():
        untaught = model(**inputs).logits
        _set(model, {name: one.half() for name, one in kept.items()})
        expected = model(**inputs).logits
        _set(model, before)
        found = merged(**inputs).logits
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-3)
    assert (untaught - expected).abs().max() > 0.1
    assert (found[0] - found[1]).abs().max() > 0.01  # it sees that they are two


@needs_weights
def test_rows_are_the_same_in_any_batch(moved):
    path, _ = moved
    items = load_dataset("emoji?channel=visual&items=200").items[:3]
    texts = [
        Item(one.item_id, title, image_path=one.image_path)
        for one, title in zip(items, ["a", "b b b", ""], strict=True)
    ]
    encoder = SmolLM2Sees(f"{path}?prompt=keyword_and_text&max_new_tokens=6")
    together = encoder.encode(texts)
    alone = [encoder.encode([item]) for item in texts]
    assert together.matrix.shape == (3, 576)
    np.testing.assert_allclose(together.matrix, np.concatenate([one.matrix for one in alone]), atol=1e-3)
    assert [one["text"] for one in together.records] == [one.records[0]["text"] for one in alone]


@needs_weights
def test_a_training_that_was_stopped_goes_on_as_if_it_had_not_been(made, shown, tmp_path):
    from recclaims_smollm2 import train

    model, processor = made
    beginning = {name: one.detach().clone() for name, one in model.trained().items()}
    seen = np.random.default_rng(0).standard_normal((len(shown), 16, 1280)).astype(np.float16)

    def learnt(folder, *stops):
        folder.mkdir()
        _set(model, beginning)
        for stop in stops:
            options = Namespace(folder=folder, steps=3, batch=2)
            train.Training(model, processor.tokenizer, shown, seen, options).run(stop)
        found = {name: one.detach().clone() for name, one in model.trained().items()}
        _set(model, beginning)
        return found

    whole, parts = learnt(tmp_path / "whole", 3), learnt(tmp_path / "parts", 1, 3)
    assert all((whole[name] - beginning[name]).abs().max() > 0 for name in whole if "lora_A" not in name)
    for name, value in whole.items():
        torch.testing.assert_close(parts[name], value, rtol=0, atol=1e-6, msg=name)
    assert (tmp_path / "parts" / "sight.safetensors").stat().st_size < 10_000_000


def test_it_runs_only_where_it_is_asked_for():
    assert SmolLM2Sees.spec.on_request
    assert SmolLM2Sees.spec.generative


def test_what_is_missing_is_named(monkeypatch, tmp_path):
    monkeypatch.setattr(sees.importlib.util, "find_spec", lambda name: name != "peft" or None)
    assert SmolLM2Sees().unavailable() == "smollm2-sees needs pip install peft"
    monkeypatch.undo()
    pytest.importorskip("peft")
    assert SmolLM2Sees(str(tmp_path / "none")).unavailable() == (
        f"smollm2-sees: {tmp_path / 'none'}: no such file; its README says how to train one"
    )


def test_a_wrong_setting_is_one_line():
    with pytest.raises(recclaims.RecclaimsError, match="did you mean 'prompt'"):
        SmolLM2Sees("?promt=keyword")


@needs_weights
def test_what_ships_sees_what_it_never_saw():
    """Of icons that were held out: the backdrop, which nine of ten would not be by chance, in the form asked for."""
    from recclaims_smollm2 import measure

    shown = lessons.pictures(dealings=1)[857:]
    held = [shown[i] for i in lessons.held_out(857)[:16]]
    encoder = SmolLM2Sees("?max_new_tokens=48")
    assert encoder.unavailable() is None
    answers = [record["text"] for record in encoder.encode([one.item for one in held]).records]
    as_asked, _, backdrop, _ = measure.answered(held, answers)
    assert as_asked == 1
    assert backdrop >= 14 / 16
