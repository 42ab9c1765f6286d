import numpy as np
import pytest

from recclaims.data.movielens import MovieLens100K
from recclaims.errors import NotAvailableError


@pytest.fixture(scope="module")
def ml100k():
    return MovieLens100K().load()


def test_has_the_known_sizes(ml100k):
    card = ml100k.card()
    assert (card["users"], card["items"], card["interactions"]) == (943, 1682, 100_000)
    assert card["items_with_text"] == 1682
    assert card["items_with_image"] == 0
    assert card["duplicates_dropped"] == 0
    assert ml100k.relevance == 4.0


def test_items_are_in_the_order_of_their_ids(ml100k):
    assert [item.item_id for item in ml100k.items] == [str(i) for i in range(1, 1683)]
    assert ml100k.items[0].title == "Toy Story (1995)"
    assert ml100k.items[0].attributes == {"genres": ("Animation", "Children's", "Comedy")}


def test_a_known_rating(ml100k):
    # The first line of the file: user 196 gave film 242 three stars.
    interactions = ml100k.interactions
    user, item = ml100k.user_ids.index("196"), 241
    (row,) = np.flatnonzero((interactions.users == user) & (interactions.items == item))
    assert interactions.ratings[row] == 3
    assert interactions.timestamps[row] == 881250949


def test_ratings_are_the_published_counts(ml100k):
    assert np.bincount(ml100k.interactions.ratings.astype(int)).tolist() == [
        0,
        6110,
        11370,
        27145,
        34174,
        21201,
    ]


def test_without_recbole_it_says_how_to_get_it(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(NotAvailableError, match=r"pip install --no-deps recbole==1\.2\.1"):
        MovieLens100K().load()
