import math
import subprocess
import sys
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from recclaims.data.catalogue import Item
from recclaims.data.items_file import read_items
from recclaims.data.reference import open_source
from recclaims.errors import FeatureError, UnknownNameError
from recclaims.features.encoders.sentence import SentenceEncoder
from recclaims.features.extraction import extract
from recclaims.features.resolve import facts_of, make_encoder
from recclaims.features.spec import spec_of
from recclaims.lvlm.answers import Answers, Keywords, guess_slots
from recclaims.lvlm.cleaning import OTHER, clean, clusters, normalise
from recclaims.lvlm.diagnosis import slot_reports
from recclaims.lvlm.parsing import parse_keywords
from recclaims.lvlm.prompts import domain_names, find_domain
from recclaims.plugin_manager import registry

from ..toy import write_toy

MOVIES = find_domain("movies").slots
needs_minilm = pytest.mark.skipif(SentenceEncoder().unavailable() is not None, reason="no packaged weights")


def answer(genre, audience="Adults", form="Live Action", mood="Tense", setting="Urban"):
    values = (genre, audience, form, mood, setting)
    return ", ".join(f"[{slot}] {{{value}}}" for slot, value in zip(MOVIES, values, strict=True))


def items(*texts, name="m"):
    return [Item(str(i), answers={name: text} if text is not None else {}) for i, text in enumerate(texts)]


def test_words_become_lemmas():
    assert normalise("Young  Adults") == "young adult"
    assert normalise("Families") == "family"
    assert normalise("紧张") == "紧张"


def letters(texts):
    """An embedding by eye: a, b, c, ... point away from each other, a1 and a2 nearly the same way."""
    rows = np.zeros((len(texts), 26), dtype=np.float32)
    for i, text in enumerate(texts):
        rows[i, ord(text[0]) - ord("a")] = 1
        rows[i, 25] = 0.01 * len(text)
    return rows


def test_a_cluster_goes_by_its_most_frequent_member():
    counts = Counter({"a": 2, "ab": 5, "abc": 1, "b": 1, "c": 4, "cd": 4})
    assert clusters(counts, letters) == {"a": "ab", "ab": "ab", "abc": "ab", "b": "b", "c": "c", "cd": "c"}
    assert clusters(Counter(["x"]), letters) == {"x": "x"}
    assert clusters(Counter(), letters) == {}


def test_only_the_most_frequent_values_of_a_slot_are_kept():
    rows = [{"one": (value,), "two": ("z",)} for value in "aaabbcd"]
    cleaned = clean(rows, letters, top=2)
    assert [row["one"] for row in cleaned] == [("a",)] * 3 + [("b",)] * 2 + [(OTHER,)] * 2
    assert {row["two"] for row in cleaned} == {("z",)}


def test_the_order_of_items_does_not_matter():
    rows = [{"one": (value,)} for value in "dcba"]
    forward, backward = clean(rows, letters, top=2), clean(rows[::-1], letters, top=2)
    assert forward == backward[::-1]


@needs_minilm
def test_keywords_are_columns_by_slot_and_value():
    catalogue = items(answer("Comedy"), answer("Comedies", mood="Calm"), "I'm sorry, I cannot", None, answer("Horror"))
    encoder = make_encoder("keywords:m", registry())
    features = extract(encoder, catalogue)
    assert encoder.slots == MOVIES
    assert features.filled.tolist() == [False, False, True, True, False]
    assert set(np.unique(features.matrix)) == {0, 1}
    assert not features.matrix[[2, 3]].any()  # the empty set, not a mean of sets
    assert (features.matrix.sum(axis=1)[[0, 1, 4]] == 5).all()
    # Genre has two values and Mood two, the others one: comedy and comedies are one.
    assert features.matrix.shape == (5, 7)
    assert (features.matrix[0] != features.matrix[1]).sum() == 2
    assert features.imputation == "zero"


@needs_minilm
def test_the_paper_takes_the_first_of_several_values():
    catalogue = items(answer("Comedy/Horror"), answer("Horror"), answer("Western"))
    assert (extract(Keywords("m"), catalogue).matrix.sum(axis=1) == 5).all()
    assert extract(Keywords("m?values=all"), catalogue).matrix.sum(axis=1).tolist() == [6, 5, 5]


@needs_minilm
def test_like_meanings_are_one_value_with_the_real_encoder():
    embed = SentenceEncoder().embed
    merged = clusters(Counter({"sci-fi": 3, "science fiction": 9, "romance": 2, "romantic": 1, "rubber": 1}), embed)
    assert merged["sci-fi"] == "science fiction"
    assert merged["romantic"] == "romance"
    assert merged["rubber"] == "rubber"


@needs_minilm
def test_answers_are_embedded_as_sentences():
    catalogue = items("A man on a horse", None, "['A man on a horse']", "A dinner in Paris", name="m_description")
    features = extract(make_encoder("answers:m_description", registry()), catalogue)
    assert features.matrix.shape == (4, 384)
    assert features.filled.tolist() == [False, True, False, False]
    np.testing.assert_array_equal(features.matrix[0], features.matrix[2])
    assert not np.allclose(features.matrix[0], features.matrix[3], atol=0.1)


@pytest.mark.parametrize("name", ["keywords:qwen3_keyword", "answers:qwen3_keyword"])
def test_an_unknown_answer_shows_the_nearest(name):
    catalogue = items(answer("Comedy"), name="qwen2_keyword")
    with pytest.raises(
        UnknownNameError, match="unknown answer 'qwen3_keyword'; did you mean 'qwen2_keyword'"
    ) as caught:
        extract(make_encoder(name, registry()), catalogue)
    assert "\n" not in str(caught.value)


def test_answers_that_hold_no_keywords_are_named():
    catalogue = items("A man on a horse", "Two people and a car")
    with pytest.raises(FeatureError, match="none of 2 answers names a slot of Genre, Audience"):
        extract(Keywords("m?domain=movies"), catalogue)


def test_settings_are_checked_when_the_encoder_is_made():
    with pytest.raises(UnknownNameError, match="unknown key 'valus'; did you mean 'values'"):
        make_encoder("keywords:m?valus=all", registry())
    with pytest.raises(UnknownNameError, match="unknown value 'firts'; did you mean 'first'"):
        make_encoder("keywords:m?values=firts", registry())
    with pytest.raises(UnknownNameError, match="unknown domain 'movie'; did you mean 'movies'"):
        make_encoder("keywords:m?domain=movie", registry())


SHIPPED = [find_domain(name).slots for name in domain_names()]


def test_the_slots_are_those_of_the_domain_or_the_answers():
    pets = ["Category: Toys, Pet Type: Dog", "[Category] {Toys}", "{a} {b} {c} {d} {e}"]
    assert guess_slots(pets) == find_domain("pets").slots
    assert guess_slots([answer("Comedy")]) == MOVIES
    mine = ["[Kind] {bird}, [Backdrop] {dots}", "a swan", "[Name] {swan}, [Sky] {grey}", "a swan"]
    assert guess_slots(mine) == guess_slots(mine[::-1]) == ("Name", "Sky")
    assert guess_slots([*mine, mine[0]]) == ("Kind", "Backdrop")
    # One slot was cut off everywhere: it was asked for nevertheless.
    assert guess_slots([answer("Comedy").rsplit(",", 1)[0]] * 3) == MOVIES
    odd = "[K\x07ind] {bird}, [Backdrop] {dots}, [ ] {a}, [__] {b}, [back drop] {c}, [Back_drop] {d}"
    assert guess_slots([odd]) == ("Backdrop", "back drop")
    assert guess_slots(["".join(f"[s{i}] {{v}}" for i in range(2_000))]) in SHIPPED
    assert guess_slots(["no keywords", "at all"]) in SHIPPED
    encoder = Keywords("m")
    encoder.prepare([replace(item, domain="recipes") for item in items("Cuisine: Thai")])
    assert encoder.slots == find_domain("recipes").slots


def test_without_answers_there_is_no_case():
    mine = registry()
    for name in ("keywords:m", "answers:m"):
        assert facts_of(name, mine).requires == {"answers"}
    for name in ("keywords", "answers"):
        assert not facts_of(name, mine).requires <= {"visual", "textual", "attributes", "answers"}
        assert f"{name}:NAME" in make_encoder(name, mine).unavailable()


def test_a_folder_says_that_it_has_answers(tmp_path):
    folder = write_toy(tmp_path, domain="movies")
    assert "answers" not in open_source(str(folder), registry()).modalities
    path = folder / "items.jsonl"
    lines = path.read_text().splitlines()
    lines[0] = lines[0][:-1] + ', "lvlm": {"m": "Genre: x"}}'
    path.write_text("\n".join(lines))
    source = open_source(str(folder), registry())
    assert "answers" in source.modalities
    item = source.load().items[0]
    assert (item.answers, item.domain) == ({"m": "Genre: x"}, "movies")
    assert read_items(path)[0].domain == ""


def test_answers_and_domain_are_in_the_catalogues_key(tmp_path):
    data = open_source(str(write_toy(tmp_path)), registry()).load()
    prints = {data.catalogue_fingerprint}
    for changes in ({"answers": {"m": "x"}}, {"answers": {"m": "y"}}, {"domain": "movies"}, {"domain": "pets"}):
        changed = replace(data, items=[replace(data.items[0], **changes), *data.items[1:]])
        prints.add(changed.catalogue_fingerprint)
    assert len(prints) == 5


def test_slots_are_diagnosed():
    texts = [answer("Comedy"), answer("Horror", setting="Unknown"), "Genre: Comedy", "I'm sorry, I cannot", ""]
    answers = [parse_keywords(text, MOVIES) for text in texts]
    genre, *_, setting = slot_reports(answers, MOVIES)
    assert (genre.answered, genre.declined, genre.missing, genre.distinct) == (3, 0, 2, 2)
    assert genre.entropy == pytest.approx(-(2 / 3 * math.log2(2 / 3) + 1 / 3 * math.log2(1 / 3)))
    assert (setting.answered, setting.declined, setting.missing, setting.entropy) == (1, 1, 3, 0)
    cleaned = [dict(parsed.values, Genre=(OTHER,)) if parsed.values else {} for parsed in answers]
    assert slot_reports(answers, MOVIES, cleaned)[0].other == 1.0


def test_making_them_imports_nothing_heavy():
    code = (
        "import sys; from recclaims.plugin_manager import registry; "
        "from recclaims.features.resolve import make_encoder; "
        "[make_encoder(n, registry()).unavailable() for n in ('keywords:m', 'answers:m')]; "
        "print({'torch', 'sklearn', 'simplemma', 'sentence_transformers'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_encoders_of_sets_say_so():
    sets = {name for name, made in registry().encoders.items() if spec_of(made).representation == "sets"}
    assert sets == {"attributes", "keywords"}
    assert Answers("m").name == "answers:m"


@needs_minilm
def test_the_diagnosis_is_of_what_the_features_hold():
    texts = [answer("Horror"), answer("Horrors"), answer("Comedy", "unknown"), "I'm sorry, but I cannot help.", None]
    texts += [f"Genre: Drama, Audience: Adults, Visual Format: {form}" for form in ("Film", "Cartoon")]
    catalogue = items(*texts)
    encoder = make_encoder("keywords:m?domain=movies&top=2", registry())
    records = encoder.diagnose(catalogue)
    assert [record["slot"] for record in records] == list(MOVIES)
    by_slot = {record["slot"]: record for record in records}
    assert {(r["answers"], r["compliance"], r["refusals"], r["empty"], r["unparsable"]) for r in records} == {
        (6, 0.5, 1, 0, 0)
    }
    assert {r["parsed"] for r in records} == {0.6}  # 3 of 5 that were given
    genre = by_slot["Genre"]
    assert (genre["answered"], genre["declined"], genre["missing"], genre["distinct"]) == (5, 0, 1, 3)
    assert genre["examples"] == ["horror", "drama"]
    assert genre["other"] == pytest.approx(1 / 5)
    assert by_slot["Audience"]["declined"] == 1
    assert by_slot["Mood"]["missing"] == 3
    columns = extract(encoder, catalogue).matrix.shape[1]
    assert sum(record["distinct"] for record in records) == columns
