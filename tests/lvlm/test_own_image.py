"""Whether answers fit their own images: what is known of the shipped icons as answers, as it is and dealt anew."""

import json
from dataclasses import replace

import numpy as np
import pytest

import recclaims
from recclaims.data.emoji import Emoji
from recclaims.features.encoders.efficientnet import EfficientNetLite0
from recclaims.features.encoders.sentence import SentenceEncoder
from recclaims.lvlm import own_image
from recclaims.lvlm.answers import Keywords

from ..features import tiny_embedders

pytestmark = pytest.mark.skipif(
    bool(EfficientNetLite0().unavailable() or SentenceEncoder().unavailable()), reason="no packaged weights"
)
N = 200


@pytest.fixture(scope="module")
def items():
    return Emoji(items=N, users=60).load().items


@pytest.fixture(scope="module")
def seen(items):
    """What the real encoder sees, once for all tests: the same rows for the same items."""
    return {item.item_id: row for item, row in zip(items, EfficientNetLite0().encode(items), strict=True)}


@pytest.fixture(autouse=True)
def _once(seen, monkeypatch):
    """Icons are not encoded for every test again; what is measured from the rows is measured."""
    whole = own_image._encoded

    def encoded(encoder, items):
        if not isinstance(encoder, EfficientNetLite0) or items[0].item_id not in seen:
            return whole(encoder, items)
        return np.stack([seen[item.item_id] for item in items]), np.ones(len(items), dtype=bool)

    monkeypatch.setattr(own_image, "_encoded", encoded)


def said(items):
    return [
        {"Kind": item.attributes["subcategory"][0].replace("-", " "), "Category": item.attributes["category"][0]}
        for item in items
    ]


def swapped(said, rate, seed=0):
    """So many answers given to other items, by lot."""
    place = np.random.default_rng(seed).permutation(len(said))[: round(rate * len(said))]
    out = list(said)
    for one, other in zip(place.tolist(), np.roll(place, 1).tolist(), strict=True):
        out[one] = said[other]
    return out


def test_what_is_true_of_an_icon_fits_it_better_than_other_icons(items):
    found = own_image.own_image(items, said(items))
    assert found.items == N
    assert found.z > 10
    assert found.text_z > 5
    assert found.rank > 0.75
    assert found.foreign < 0.3  # of 200, each item in the tail adds .1
    assert all(slot.rank > 0.7 and slot.margin > 0.5 for slot in found.slots.values())


def test_answers_of_other_items_are_found_by_their_share(items):
    shares = [own_image.own_image(items, swapped(said(items), rate)).foreign for rate in (0, 0.3, 0.6)]
    # A bound, loosely met: never less than was planted but for chance.
    assert shares[0] + 0.2 < min(shares[1:])
    assert shares[1] > 0.2
    assert shares[2] > 0.45


def test_answers_that_are_all_of_other_items_are_at_chance(items):
    found = own_image.own_image(items, swapped(said(items), 1))
    assert abs(found.z) < 3
    assert found.text_z > 5
    assert found.foreign > 0.6


def test_the_order_of_items_decides_nothing(items):
    answers = said(items)
    order = np.random.default_rng(3).permutation(N).tolist()
    again = own_image.own_image([items[place] for place in order], [answers[place] for place in order])
    assert again == own_image.own_image(items, answers)


def test_a_slot_without_values_has_no_rank(items):
    answers = [{**one, "Mood": ""} for one in said(items)]
    record = own_image.own_image(items, answers).record("Mood")
    assert record["image_rank"] is record["image_margin"] is None
    assert record["image_fit"] > 0.75


def test_few_items_or_none_with_images_tell_nothing(items):
    assert own_image.own_image(items[:50], said(items[:50])) is None
    blind = [replace(item, image_path=None) for item in items]
    assert own_image.own_image(blind, said(items)) is None


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return str(tiny_embedders.clip(tmp_path_factory.mktemp("clip") / "clip"))


def test_an_encoder_of_images_and_texts_can_be_named(items, clip):
    """Of random weights: what it says is at chance, and that it is one of random weights shows in the texts, too."""
    answered = [replace(item, answers={"a_keyword": answer(one)}) for item, one in zip(items, said(items), strict=True)]
    encoder = Keywords(f"a_keyword?domain=movies&images=st:{clip}")
    assert encoder.unavailable() is None
    records = encoder.diagnose(answered)
    assert {record["image_by"] for record in records} == {f"st:{clip}"}
    assert abs(records[0]["image_text_z"]) < 4
    wrong = Keywords(f"a_keyword?images=st:{clip}?modality=visual".replace("?modality", "%3Fmodality"))
    assert "has no images and texts in one space, as st:openai/clip" in wrong.unavailable()


def answer(one):
    return f"[Genre] {{{one['Kind']}}}, [Audience] {{{one['Category']}}}, [Mood] {{calm}}"


@pytest.mark.parametrize(("rate", "verdict"), [(0, False), (1, True)])
def test_a_claim_rests_on_no_answers_of_other_items(items, tmp_path, rate, verdict):
    data = Emoji(items=N, users=60).load()
    rows = [
        {"asin": item.item_id, "result": answer(one)}
        for item, one in zip(items, swapped(said(items), rate), strict=True)
    ]
    path = tmp_path / "a.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)))
    results = recclaims.evaluate(
        data, answers=f"a_keyword={path}", encoders=["keywords:a_keyword?domain=movies"], claims="keywords",
        profile="smoke", replicates=2, workers=0, store=tmp_path / "store", progress=False,
    )  # fmt: skip
    told = {"answers fit other items' images as well as their own" in case.reason for case in results.document.claims}
    assert told == {verdict}
    assert {str(case.verdict) == "inadmissible" for case in results.document.claims} == {verdict}
    (row,) = [record for record in results.document.keywords if record.slot == "Genre"]
    assert (row.image_rank > 0.7) is not verdict
