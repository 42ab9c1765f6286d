import dataclasses
import hashlib
import itertools
import json
import re

import numpy as np
import pytest

from recclaims.data.emoji import BACKDROPS, MAKERS, N_ITEMS, Emoji
from recclaims.data.marks import GROUPS, PICTURES, SENTENCES, group_of
from recclaims.data.planting import deal_pairs
from recclaims.data.reference import open_source
from recclaims.errors import DatasetError, UnknownNameError
from recclaims.plugin_manager import load
from recclaims.resources import shipped


@pytest.fixture(scope="module")
def registry():
    return load(group="none")


def read(registry, query=""):
    return open_source(f"emoji{query}", registry).load()


@pytest.fixture(scope="module")
def default(registry):
    return read(registry)


def test_every_item_has_an_image_a_name_and_a_category(default):
    assert len(default.items) == N_ITEMS
    for item in default.items:
        assert item.image().size == (64, 64)
        assert item.title
        assert set(item.attributes) == {"category", "subcategory"}
    assert len({item.attributes["category"] for item in default.items}) == 5
    images = {hashlib.sha256(item.image_path.read_bytes()).digest() for item in default.items}
    assert len(images) == N_ITEMS


def test_licences_lie_beside_what_they_license():
    assert "Apache License" in shipped("fixtures", "emoji", "LICENSE-APACHE-2.0").read_text()
    assert "MIT License" in shipped("fixtures", "emoji", "LICENSE-MIT").read_text()
    listed = [
        json.loads(line)["image"] for line in shipped("fixtures", "emoji", "items.jsonl").read_text().splitlines()
    ]
    there = {f"images/{path.name}" for path in shipped("fixtures", "emoji", "images").iterdir()}
    assert set(listed) == there
    backdrops = {path.stem for path in shipped("fixtures", "emoji", "backdrops").iterdir()}
    assert backdrops == set(BACKDROPS)
    marks = {path.stem for path in shipped("fixtures", "emoji", "marks").iterdir()}
    assert marks == set(PICTURES)


def test_it_says_that_it_is_planted_and_how(default):
    card = default.card()
    assert card["planted"]
    assert card["parameters"] == {
        "dose": 0.5, "channel": "both", "users": 943, "items": 857, "seed": 0, "crowd": 0, "simulation": 1,
    }  # fmt: skip
    assert default.name == "emoji-planted-dose0.5-both"
    assert default.strategy == "random"
    assert default.relevance is None


CHANNELS = ("channel=visual", "channel=textual", "channel=joint")
BY_POPULARITY = "channel=textual&groups_by=popularity"
VARIANTS = (
    "users=944", "items=856", "dose=0.25", "dose=0", "seed=1", "head=0.5", "tail=0.5", "missing=0.3",
    *CHANNELS, BY_POPULARITY,
)  # fmt: skip
AT_DOSE_0 = (*(f"dose=0&{channel}" for channel in CHANNELS), "dose=0&seed=1")


def test_every_parameter_changes_name_and_fingerprint(registry, default):
    made = [default, *(read(registry, f"?{query}") for query in VARIANTS + AT_DOSE_0)]
    for one, other in itertools.combinations(made, 2):
        assert one.name != other.name
        assert one.fingerprint != other.fingerprint


@pytest.mark.parametrize("query", VARIANTS + AT_DOSE_0 + ("dose=0.1234567&users=1000000&items=40&seed=4294967295",))
def test_k_can_select_by_the_name(registry, query):
    assert re.fullmatch(r"[\w.-]+", open_source(f"emoji?{query}", registry).name)


def test_close_doses_have_names_of_their_own(registry):
    names = {open_source(f"emoji?dose={dose}", registry).name for dose in ("0.1234567", "0.12345671", "0.12")}
    assert len(names) == 3


def test_the_same_reference_is_the_same_data(registry, default):
    again = read(registry)
    assert again.fingerprint == default.fingerprint
    assert again.catalogue_fingerprint == default.catalogue_fingerprint


def test_the_interactions_of_the_default_are_those_of_this_version(default):
    """Another digest is another simulation: raise planting.VERSION."""
    columns = np.concatenate([default.interactions.users, default.interactions.items]).astype("<i4")
    assert hashlib.sha256(columns.tobytes()).hexdigest()[:16] == "be336405b2060666"


def test_at_dose_0_the_content_is_independent_of_the_interactions(registry):
    made = {channel: read(registry, f"?dose=0&channel={channel}") for channel in ("visual", "textual", "both", "joint")}
    users = [dataset.interactions.users for dataset in made.values()]
    items = [dataset.interactions.items for dataset in made.values()]
    for other in (1, 2, 3):
        np.testing.assert_array_equal(users[0], users[other])
        np.testing.assert_array_equal(items[0], items[other])
    assert len({dataset.catalogue_fingerprint for dataset in made.values()}) == 4


def test_the_visual_channel_is_in_the_image_alone(registry, default):
    planted = read(registry, "?channel=visual")
    assert [item.backdrop.stem for item in planted.items] == [BACKDROPS[g] for g in Emoji(channel="visual").groups()]
    for before, after in zip(default.items, planted.items, strict=True):
        assert dataclasses.replace(after, backdrop=None) == before
    for before, after in zip(default.items[::8], planted.items[::8], strict=True):
        own, shown = (np.asarray(item.image(), dtype=float) for item in (before, after))
        assert (np.abs(own - shown).max(axis=2) > 10).mean() > 0.05
    assert planted.catalogue_fingerprint != default.catalogue_fingerprint


def test_the_textual_channel_is_in_the_description_alone(registry, default):
    planted = read(registry, "?channel=textual")
    makers = [next(maker for maker in MAKERS if item.description.endswith(maker)) for item in planted.items]
    assert makers == [MAKERS[g] for g in Emoji(channel="textual").groups()]
    for before, after in zip(default.items, planted.items, strict=True):
        assert dataclasses.replace(after, description=before.description) == before


def test_items_lose_image_and_text_by_chance_and_nothing_else_changes(registry, default):
    few, more = (read(registry, f"?missing={share}") for share in (0.2, 0.4))
    gone = [{item.item_id for item in dataset.items if not item.has("visual")} for dataset in (few, more)]
    assert [len(one) for one in gone] == [171, 343]
    assert gone[0] < gone[1]
    for before, after in zip(default.items, more.items, strict=True):
        if after.item_id in gone[1]:
            assert not after.has("textual")
            assert (after.item_id, after.attributes) == (before.item_id, before.attributes)
        else:
            assert after == before
    np.testing.assert_array_equal(more.interactions.users, default.interactions.users)
    np.testing.assert_array_equal(more.interactions.items, default.interactions.items)


#: Digests of what other channels were before there was `joint`: stored cells and features are found by them.
KNOWN = {
    "": (
        "9ba6148d49a39b77",
        "ad5cdb6fb3c3fd91",
    ),
    "?channel=visual&seed=2": (
        "bfabe4d824c648cb",
        "653fdd0cea0fb22d",
    ),
    "?channel=textual&dose=1": (
        "6847d0f206c843aa",
        "0ab7bde4b01c41b0",
    ),
}


@pytest.mark.parametrize("query", KNOWN)
def test_other_channels_are_what_they_were(registry, query):
    dataset = read(registry, query)
    assert (dataset.fingerprint[:16], dataset.catalogue_fingerprint[:16]) == KNOWN[query]


def test_a_joint_mark_is_behind_the_icon_and_in_the_description_and_nowhere_else(registry, default):
    planted = read(registry, "?channel=joint")
    pictures, sentences = deal_pairs(N_ITEMS, len(PICTURES), len(SENTENCES), seed=0)
    assert [item.backdrop.stem for item in planted.items] == [[*PICTURES][place] for place in pictures]
    for before, after, place in zip(default.items, planted.items, sentences, strict=True):
        assert after.description == f"{before.description} {[*SENTENCES][place]}".strip()
        assert dataclasses.replace(after, backdrop=None, description=before.description) == before


@pytest.mark.parametrize("query", ["", "&seed=5", "&items=100"])
def test_no_two_items_have_the_same_pair_of_marks(registry, query):
    items = read(registry, f"?channel=joint{query}").items
    assert len({(item.backdrop, item.description.split(". ")[-1]) for item in items}) == len(items)


def test_more_items_than_pairs_are_refused():
    with pytest.raises(ValueError, match="7 items cannot have a pair each of 2 x 3 marks"):
        deal_pairs(7, 2, 3, seed=0)


def test_one_mark_says_nothing_of_the_group():
    """Of two items with one mark in common as many share their group as of any two."""
    table = group_of(*np.indices((len(PICTURES), len(SENTENCES))))
    assert set(table.ravel()) == set(range(GROUPS))

    def alike(rows):
        counts = np.array([np.bincount(row, minlength=GROUPS) for row in rows])
        n = counts.sum(axis=1)
        return ((counts * (counts - 1)).sum(axis=1) / (n * (n - 1))).mean()

    chance = alike(table.reshape(1, -1))
    assert chance == pytest.approx(1 / GROUPS, rel=0.02)
    assert alike(table) == pytest.approx(chance, rel=0.03)
    assert alike(table.T) == pytest.approx(chance, rel=0.03)


@pytest.mark.parametrize("channel", ["visual", "textual", "both", "joint"])
def test_users_like_what_the_channel_shows(registry, channel):
    dataset = read(registry, f"?channel={channel}&dose=1")
    groups = Emoji(channel=channel).groups()

    def same(labels):
        """How often two items of a user are of one group."""
        counts = np.zeros((len(dataset.user_ids), labels.max() + 1))
        np.add.at(counts, (dataset.interactions.users, labels[dataset.interactions.items]), 1)
        n = counts.sum(axis=1)
        return ((counts * (counts - 1)).sum(axis=1) / (n * (n - 1))).mean()

    random = np.random.default_rng(0)
    chance = np.mean([same(random.permutation(groups)) for _ in range(20)])
    assert same(groups) > 1.8 * chance


def test_fewer_items_keep_the_categories(registry):
    few = read(registry, "?items=100")
    assert len(few.items) == 100
    assert len({item.attributes["category"] for item in few.items}) == 5
    assert few.interactions.items.max() < 100


def test_the_fewest_items_and_users_work(registry):
    tiny = read(registry, "?items=40&users=1")
    assert len(tiny.interactions) >= 10


FAULTS = {
    "dose=1.5": (DatasetError, "emoji?dose=1.5: dose is 1.5, not a number from 0 to 1"),
    "dose=nan": (DatasetError, "dose is nan, not a number from 0 to 1"),
    "dose=much": (DatasetError, "dose is 'much', not a number from 0 to 1"),
    "users=0": (DatasetError, "users is 0, not a whole number from 1 to 1,000,000"),
    "users=2.5": (DatasetError, "users is '2.5', not a whole number from 1 to 1,000,000"),
    "items=858": (DatasetError, "items is 858, not a whole number from 40 to 857"),
    "chanel=visual": (UnknownNameError, "unknown key 'chanel'; did you mean 'channel'?"),
    "channel=visul": (UnknownNameError, "emoji?channel=visul: unknown channel 'visul'; did you mean 'visual'?"),
    "dose=0&dose=1": (DatasetError, "emoji?dose=0&dose=1: key 'dose' is given twice"),
    "groups_by=popularity": (DatasetError, "channel=both has none of to deal; write channel=visual or channel=textual"),
    "groups_by=popular": (UnknownNameError, "did you mean 'popularity'?"),
    "splt=random": (UnknownNameError, "did you mean 'split'?"),
}


@pytest.mark.parametrize(("query", "fault"), FAULTS.items())
def test_faults_are_one_line(registry, query, fault):
    error, message = fault
    with pytest.raises(error) as caught:
        open_source(f"emoji?{query}", registry)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_groups_by_popularity_tell_how_popular_an_item_is(registry):
    dataset, groups = read(registry, f"?{BY_POPULARITY}"), Emoji(channel="textual", groups_by="popularity").groups()
    assert [MAKERS[group] in item.description for group, item in zip(groups, dataset.items, strict=True)] == [
        True
    ] * N_ITEMS
    counts = np.bincount(dataset.interactions.items, minlength=N_ITEMS)
    of_groups = [counts[groups == group].mean() for group in range(len(MAKERS))]
    assert of_groups[0] > 3 * of_groups[-1]
    assert set(np.bincount(groups)) == {N_ITEMS // len(MAKERS), N_ITEMS // len(MAKERS) + 1}


@pytest.mark.parametrize("query", ["relevance=4", "split=temporal"])
def test_there_are_no_ratings_and_no_times(registry, query):
    with pytest.raises(DatasetError, match=r"rating column|timestamp column"):
        read(registry, f"?{query}")


def test_the_protocol_is_in_the_name_too(registry):
    assert open_source("emoji?split=random&dose=0", registry).name == "emoji-planted-dose0-both?split=random"
