import pytest

from recclaims.engine.profile import Profile, profile_names
from recclaims.errors import UnknownNameError
from recclaims.plugin_manager import load
from recclaims.recommenders import builtin

PROFILES = [Profile.named(name) for name in profile_names()]
RECOMMENDERS = load().recommenders


def test_the_last_word_is_the_most_particular():
    profile = Profile(
        "mine",
        1,
        training={"epochs": 1, "a": 1, "b": 1, "c": 1},
        flavour={"mmrec": {"a": 2, "b": 2, "c": 2}},
        recommender={"vbpr": {"b": 3, "c": 3}},
        dataset={"toy": {"vbpr": {"c": 4}}},
    )
    assert profile.of(builtin.VBPR, "toy") == {"epochs": 1, "a": 2, "b": 3, "c": 4}
    assert profile.of(builtin.VBPR, "other") == {"epochs": 1, "a": 2, "b": 3, "c": 3}
    assert profile.of(builtin.BPR, "toy") == {"epochs": 1, "a": 1, "b": 1, "c": 1}
    assert profile.of(builtin.MOSTPOP, "toy") == {}


@pytest.mark.parametrize("profile", PROFILES, ids=lambda p: p.name)
def test_profiles_name_recommenders_that_exist(profile):
    for table in (
        profile.recommender,
        *profile.dataset.values(),
        *(dict.fromkeys(s.recommenders) for s in profile.searches),
    ):
        assert set(table) <= set(RECOMMENDERS)
    assert {r.flavour for r in RECOMMENDERS.values()} >= set(profile.flavour) | set(profile.flavours)


@pytest.mark.parametrize("profile", PROFILES, ids=lambda p: p.name)
def test_what_is_set_is_read(profile):
    """A misspelt hyper-parameter would silently leave the default."""
    from recclaims.recommenders._recbole.fit import TRAINING

    for recommender in RECOMMENDERS.values():
        known = set(recommender.parameters) | set(TRAINING)
        assert set(profile.of(recommender)) <= known, recommender.name
        search = profile.search(recommender.name)
        assert set(search.space if search else ()) <= known, recommender.name


@pytest.mark.parametrize("profile", PROFILES, ids=lambda p: p.name)
def test_both_arms_of_a_knn_comparison_have_the_same_neighbours(profile):
    arms = [RECOMMENDERS["attribute-knn"], RECOMMENDERS["itemknn"]]
    settings = [{**r.parameters, **profile.of(r)} for r in arms]
    shared = settings[1].keys()
    assert {name: settings[0][name] for name in shared} == settings[1]
    searches = [profile.search(r.name) for r in arms]
    assert (searches[0] is None) == (searches[1] is None)
    if searches[0]:
        assert searches[0].trials == searches[1].trials
        assert {**searches[0].space, **searches[1].space} == searches[0].space


def test_an_unknown_profile_is_answered_with_a_near_one():
    with pytest.raises(UnknownNameError, match="did you mean 'quick'"):
        Profile.named("quik")
