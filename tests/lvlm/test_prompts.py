import pytest

from recclaims.errors import RecclaimsError, UnknownNameError
from recclaims.lvlm.parsing import Layout, parse_keywords
from recclaims.lvlm.prompts import FOLDER, digest, domain_names, find_domain

SLOTS = {
    "baby": "Category, Age Group, Purpose, Material, Usage Context",
    "clothing": "Type, Color, Wear Location, Material, Style",
    "movies": "Genre, Audience, Visual Format, Mood, Setting",
    "pets": "Category, Pet Type, Purpose, Material, Usage Context",
    "recipes": "Dish Type, Cuisine, Primary Ingredient, Flavor Profile, Meal Type",
}


def test_the_papers_domains_ship_with_their_slots():
    assert {name: ", ".join(find_domain(name).slots) for name in domain_names()} == SLOTS


@pytest.mark.parametrize("name", SLOTS)
def test_a_domain_asks_what_it_should(name):
    domain = find_domain(name)
    assert set(domain.prompts) == {"keyword", "description", "misaligned"}
    worked = [line for line in domain.prompt("keyword").splitlines() if "{...}" not in line and "{" in line]
    assert len(worked) == 1, "one example"
    parsed = parse_keywords(worked[0], domain.slots)
    assert parsed.layout is Layout.ASKED
    assert set(parsed.values) == set(domain.slots)
    assert "at most 30 words" in domain.prompt("description")
    assert "rocket" in domain.prompt("misaligned")
    with pytest.raises(UnknownNameError, match=f"domain '{name}': unknown prompt 'keywords'; did you mean 'keyword'"):
        domain.prompt("keywords")


def test_each_prompt_has_a_digest_of_its_own():
    assert len({digest(name) for name in ("keyword", "description", "misaligned")}) == 3


def test_a_file_adds_a_domain(tmp_path):
    path = tmp_path / "shoes.toml"
    text = (FOLDER / "clothing.toml").read_text().replace('"clothing"', '"shoes"').replace("Wear Location", "Sole")
    path.write_text(text)
    domain = find_domain(str(path))
    assert (domain.name, domain.slots) == ("shoes", ("Type", "Color", "Sole", "Material", "Style"))


GOOD = 'domain = "x"\nversion = 1\nslots = ["A"]\n[prompts]\nkeyword = "[A] {..}"\n'
FAULTS = {
    "not TOML": ("domain =", "not TOML"),
    "misspelt key": (GOOD.replace("slots", "slot"), "unknown key 'slot'; did you mean 'slots'?"),
    "missing key": (GOOD.replace("version = 1\n", ""), "key 'version' is missing"),
    "no slots": (GOOD.replace('["A"]', "[]"), "key 'slots' is missing, empty or of the wrong type"),
    "slot twice": (GOOD.replace('["A"]', '["A", "a"]'), "not a list of different names"),
    "forgotten slot": (GOOD.replace('["A"]', '["A", "B"]'), "key 'prompts.keyword' does not ask for [B]"),
    "no text": (GOOD + "other = 3\n", "key 'prompts.other' is not a string"),
}


@pytest.mark.parametrize(("text", "message"), FAULTS.values(), ids=FAULTS)
def test_faults_name_the_file(tmp_path, text, message):
    path = tmp_path / "x.toml"
    path.write_text(text)
    with pytest.raises(RecclaimsError) as caught:
        find_domain(str(path))
    assert message in str(caught.value)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(RecclaimsError, match="no such file"):
        find_domain(str(tmp_path / "x.toml"))
