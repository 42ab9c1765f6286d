import os
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recclaims.data.items_file import read_items
from recclaims.lvlm.diagnosis import compliance, compliance_table
from recclaims.lvlm.parsing import Failure, Layout, parse_keywords, unwrap
from recclaims.lvlm.prompts import domain_names, find_domain

PETS = find_domain("pets").slots
WHOLE = {
    "Category": ("Toys",),
    "Pet Type": ("Dog",),
    "Purpose": ("Chewing",),
    "Material": ("Rubber",),
    "Usage Context": ("Outdoor",),
}

LAYOUTS = {
    "asked": "[Category] {Toys}, [Pet Type] {Dog}, [Purpose] {Chewing}, [Material] {Rubber}, [Usage Context] {Outdoor}",
    "full stop": "[Category] {Toys}, [Pet Type] {Dog}, [Purpose] {Chewing}, [Material] {Rubber}, "
    "[Usage Context] {Outdoor}.",
    "line by line": "[Category] {Toys}  \n[Pet Type] {Dog}  \n[Purpose] {Chewing}\n[Material] {Rubber}\n"
    "[Usage Context] {Outdoor}",
    "a list of one": "['[Category] {Toys}, [Pet Type] {Dog}, [Purpose] {Chewing}, [Material] {Rubber}, "
    "[Usage Context] {Outdoor}']",
    "bare braces": "Category {Toys} Pet Type {Dog} Purpose {Chewing} Material {Rubber} Usage Context {Outdoor}",
    "colons": "Category: Toys, Pet Type: Dog, Purpose: Chewing, Material: Rubber, Usage Context: Outdoor",
    "colon lines": "Category: Toys\nPet Type: Dog\nPurpose: Chewing\nMaterial: Rubber\nUsage Context: Outdoor",
    "bold": "**Category:** Toys\n**Pet Type:** Dog\n- **Purpose**: Chewing\n- **Material**: Rubber\n"
    "5. **Usage Context**: Outdoor",
    "boxed without braces": "[Category] Toys, [Pet Type] Dog, [Purpose] Chewing, [Material] Rubber, "
    "[Usage Context] Outdoor.",
    "JSON": '{"Category": "Toys", "Pet Type": "Dog", "Purpose": "Chewing", "Material": "Rubber", '
    '"Usage Context": "Outdoor"}',
    "a table": "| Category | Toys |\n| Pet Type | Dog |\n| Purpose | Chewing |\n| Material | Rubber |\n"
    "| Usage Context | Outdoor |",
    "other case and underscores": "category: Toys; PET_TYPE: Dog; purpose: Chewing; material: Rubber; "
    "usage_context: Outdoor",
    "another order": "Usage Context: Outdoor. Material: Rubber. Purpose: Chewing. Pet Type: Dog. Category: Toys.",
    "brackets left open": "[Category] {Toys], [Pet Type] {Dog}, [Purpose] {Chewing}, [Material] {Rubber}, "
    "[Usage Context] {Outdoor",
    "a name for the first slot": "[Kong] {Toys}, [Pet Type] {Dog}, [Purpose] {Chewing}, [Material] {Rubber}, "
    "[Usage Context] {Outdoor}",
    "values alone": "{Toys}, {Dog}, {Chewing}, {Rubber}, {Outdoor}",
    "boxes alone": "[Toys], [Dog], [Chewing], [Rubber], [Outdoor]",
    "a plain list": "Toys, Dog, Chewing, Rubber, Outdoor",
    "an introduction": "Sure! Here is the filled line:\n\nCategory: Toys, Pet Type: Dog, Purpose: Chewing, "
    "Material: Rubber, Usage Context: Outdoor",
    "text run on": "[Category] {Toys}, [Pet Type] {Dog}, [Purpose] {Chewing}, [Material] {Rubber}, "
    "[Usage Context] {Outdoor}\n\n\nInstruction 1:\nWrite a story. [Category] {Cats}, [Pet Type] {Bird}",
    "a sentence run on": "Category: Toys, Pet Type: Dog, Purpose: Chewing, Material: Rubber, Usage Context: Outdoor. "
    "The picture shows a ball on a rope, which is not what one would expect of such a shop.",
}


@pytest.mark.parametrize("answer", LAYOUTS.values(), ids=LAYOUTS)
def test_every_layout_gives_the_same_values(answer):
    parsed = parse_keywords(answer, PETS)
    assert parsed.values == WHOLE
    assert list(parsed.values) == list(PETS)
    assert parsed.failure is None


def test_only_what_was_asked_counts_as_asked():
    layouts = {name: parse_keywords(answer, PETS).layout for name, answer in LAYOUTS.items()}
    assert {name for name, layout in layouts.items() if layout is Layout.ASKED} == {
        "asked", "full stop", "a list of one",
    }  # fmt: skip
    assert {name for name, layout in layouts.items() if layout is Layout.POSITIONAL} == {
        "values alone", "boxes alone", "a plain list",
    }  # fmt: skip


FAILURES = {
    "": Failure.EMPTY,
    " \n\t ": Failure.EMPTY,
    "['']": Failure.EMPTY,
    "I'm sorry, but I cannot provide assistance with that request.": Failure.REFUSAL,
    '["I\'m sorry, but I cannot provide assistance with that request."]': Failure.REFUSAL,
    "No image available": Failure.REFUSAL,
    "As an AI, I don’t see a picture.": Failure.REFUSAL,
    "Category: unknown, Pet Type: N/A, Purpose: Not specified, Material: None, Usage Context: -": Failure.REFUSAL,
    "A rubber ball on a rope.": Failure.UNPARSABLE,
    "A ball for dogs, made of rubber, for the garden, and it is red, which is the colour of love": Failure.UNPARSABLE,
    "a, b, c": Failure.UNPARSABLE,
    "{}{}[][]": Failure.UNPARSABLE,
    "The category and the material of this product are hard to tell": Failure.UNPARSABLE,
}


@pytest.mark.parametrize(("answer", "failure"), FAILURES.items())
def test_an_answer_without_keywords_says_why(answer, failure):
    parsed = parse_keywords(answer, PETS)
    assert parsed.failure is failure
    assert not parsed.values


def test_missing_and_declined_slots_differ():
    parsed = parse_keywords("[Category] {Toys}, [Pet Type] {Unknown}, [Material] {rubber}", PETS)
    assert parsed.values == {"Category": ("Toys",), "Material": ("rubber",)}
    assert parsed.declined == ("Pet Type",)


def test_a_slot_may_have_several_values():
    answer = "[Category] {Toys/Balls}, [Pet Type] {Dog, Cat & Co}, [Purpose] {24/7 fun}, [Material] {Rubber}, {Rope}"
    values = parse_keywords(answer, PETS).values
    assert values["Category"] == ("Toys", "Balls")
    assert values["Pet Type"] == ("Dog", "Cat & Co")
    assert values["Purpose"] == ("24/7 fun",)
    assert values["Material"] == ("Rubber", "Rope")


def test_a_sentence_is_no_keyword():
    sentence = "a thing that one would throw far away so that the dog has to run for it"
    assert "Purpose" not in parse_keywords(f"Category: Toys, Purpose: {sentence}", PETS).values


def test_unwrapping_undoes_escapes_once():
    assert unwrap(r"""['a "b" \'c\'\nd \\n']""") == "a \"b\" 'c'\nd \\n"
    assert unwrap("[Genre] {x}") == "[Genre] {x}"


@given(st.text() | st.text(alphabet="[]{}:*_,.'\"\\ \nCategoryPetTypeMaterial|-"))
def test_any_text_gives_an_answer(text):
    parsed = parse_keywords(text, PETS)
    assert bool(parsed.values) == (parsed.failure is None)
    assert set(parsed.values) | set(parsed.declined) <= set(PETS)
    assert not set(parsed.values) & set(parsed.declined)
    assert all(value.strip() for values in parsed.values.values() for value in values)


@pytest.mark.parametrize(
    "evil", ["*" * 200_000, "[" * 200_000, "[Category" * 20_000, "Category " * 30_000, "{a}," * 50_000]
)
def test_no_text_takes_long(evil):
    import time

    started = time.perf_counter()
    parse_keywords(evil, PETS)
    assert time.perf_counter() - started < 2


WORD = st.text(alphabet="abcdefghijklmnopqrstuvwxyz", min_size=3, max_size=9)
RENDERERS = {
    "boxed": lambda slots, values: ", ".join(f"[{s}] {{{v}}}" for s, v in zip(slots, values, strict=True)),
    "bare": lambda slots, values: " ".join(f"{s} {{{v}}}" for s, v in zip(slots, values, strict=True)),
    "colons": lambda slots, values: ", ".join(f"{s}: {v}" for s, v in zip(slots, values, strict=True)),
    "lines": lambda slots, values: "\n".join(f"{s}: {v}" for s, v in zip(slots, values, strict=True)),
    "listed": lambda slots, values: repr(["; ".join(f"[{s}] {{{v}}}" for s, v in zip(slots, values, strict=True))]),
}


@pytest.mark.parametrize("render", RENDERERS.values(), ids=RENDERERS)
@given(domain=st.sampled_from(domain_names()), words=st.lists(WORD, min_size=5, max_size=5))
def test_what_was_written_is_read(render, domain, words):
    slots = find_domain(domain).slots
    words = [f"x{word}" for word in words]  # neither a placeholder nor a slot's name
    assert [v for (v,) in parse_keywords(render(slots, words), slots).values.values()] == words


def test_compliance_is_counted_by_model():
    asked, colons = LAYOUTS["asked"], LAYOUTS["colons"]
    answers = {"good": [asked] * 3, "mixed": [asked, colons, "Category: Toys", "I'm sorry, I cannot", "", "what?"]}
    good, mixed = compliance(answers, PETS)
    assert (good.asked, good.whole, good.parsed) == (3, 3, 1.0)
    assert (mixed.asked, mixed.whole, mixed.partial, mixed.refusals, mixed.empty, mixed.unparsable) == (
        1,
        2,
        1,
        1,
        1,
        1,
    )
    assert mixed.parsed == 0.5
    assert "mixed" in compliance_table([good, mixed])


@pytest.mark.skipif("RECCLAIMS_DATA_DIR" not in os.environ, reason="RECCLAIMS_DATA_DIR is not set")
def test_real_answers_are_parsed(capsys):
    items = read_items(Path(os.environ["RECCLAIMS_DATA_DIR"]) / "ml100k" / "items.jsonl")
    names = Counter(name for item in items for name in item.answers if "keyword" in name)
    assert len(names) == 8
    answers = {name: [item.answers[name] for item in items if name in item.answers] for name in names}
    rows = compliance(answers, find_domain("movies").slots)
    with capsys.disabled():
        print("\n" + compliance_table(rows))
    assert all(row.answers == 1105 for row in rows)
    assert min(row.parsed for row in rows) >= 0.98


@pytest.mark.parametrize("asked", domain_names())
@pytest.mark.parametrize("layout", ["[{}] {{x{}}}", "{}: x{}", "{} {{x{}}}"])
def test_planted_drift_is_found_at_its_rate(asked, layout):
    def answer(slots, n):
        return ", ".join(layout.format(slot, n) for slot in slots)

    mine = find_domain(asked).slots
    others = [find_domain(name).slots for name in domain_names() if name != asked]
    planted = [answer(others[n % len(others)], n) for n in range(12)]
    sound = [answer(mine, n) for n in range(40)]
    # Slots left out, one too many, another order, refusals, free text and values without names are no drift.
    sound += [answer(mine[:n], n) for n in range(1, 5)] + [answer([*mine, "Color", "Mood"], 1), answer(mine[::-1], 2)]
    sound += ["I'm sorry, I cannot help.", "", "A red hat on a table.", "{a}, {b}, {c}, {d}, {e}", "Mood: calm"]
    (row,) = compliance({"m": [*planted, *sound]}, mine)
    assert row.drifted == len(planted)
    assert compliance({"m": sound}, mine)[0].drifted == 0
