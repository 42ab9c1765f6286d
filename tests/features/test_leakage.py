import numpy as np
import pytest
from scipy.sparse import csr_matrix
from scipy.sparse.linalg import svds

from recclaims.features.leakage import MOST_Z, Leakage, check

USERS, ITEMS, GROUPS = 600, 300, 20


@pytest.fixture(scope="module")
def planted():
    """Users whose taste is half of an item's group, which honest features show, and half of what they do not."""
    draw = np.random.default_rng(4)
    groups = np.eye(GROUPS)[draw.integers(0, GROUPS, ITEMS)]
    taste = draw.standard_normal((USERS, GROUPS)) @ groups.T
    taste += draw.standard_normal((USERS, 8)) @ draw.standard_normal((8, ITEMS)) / 8**0.5
    utility = taste - np.log(1 + draw.permutation(ITEMS)) + draw.gumbel(size=taste.shape)
    users = np.repeat(np.arange(USERS), 30)
    items = np.argsort(-utility, axis=1)[:, :30].ravel()
    held = draw.random(len(users)) < 0.2
    return groups.astype(np.float32), users, items, held


def ids(n, of):
    return [f"{of}{number}" for number in range(n)]


def checked(matrix, users, items, held=None):
    return check(np.float32(matrix), users, items, ids(USERS, "u"), ids(ITEMS, "i"), held)


def vectors(users, items, rank=16):
    counts = csr_matrix((np.ones(len(users)), (users, items)), (USERS, ITEMS))
    return svds(counts, k=rank, v0=np.ones(ITEMS))[2].T


def test_content_passes_however_well_it_explains_taste(planted):
    groups, users, items, held = planted
    noise = np.random.default_rng(0).standard_normal((ITEMS, 40))
    popularity = np.bincount(items, minlength=ITEMS)[:, None]
    for honest in (groups, noise, np.hstack([groups, noise]), popularity):
        for part in (held, None):
            assert checked(honest, users, items, part).inadmissible() is None


def test_a_given_split_tells_vectors_of_all_interactions_from_those_of_train(planted):
    groups, users, items, held = planted
    train, every = vectors(users[~held], items[~held]), vectors(users, items)
    assert checked(train, users, items, held).z < MOST_Z < checked(every, users, items, held).z
    beside = [np.hstack([groups, 0.1 * part]) for part in (train, every)]
    assert checked(beside[0], users, items, held).z < MOST_Z < checked(beside[1], users, items, held).z
    assert "make them without the validation and test parts" in checked(every, users, items, held).inadmissible()


def test_where_every_replicate_draws_a_split_vectors_of_any_train_part_are_caught(planted):
    _, users, items, held = planted
    found = checked(vectors(users[~held], items[~held]), users, items)
    assert found.z > MOST_Z
    assert "no split makes features of interactions admissible" in found.inadmissible()


def test_order_changes_nothing(planted):
    groups, users, items, held = planted
    draw = np.random.default_rng(1)
    mixed, rows, people = draw.permutation(len(users)), draw.permutation(ITEMS), draw.permutation(USERS)
    where, who = np.argsort(rows), np.argsort(people)
    for part in (held, None):
        again = check(
            groups[rows],
            who[users[mixed]],
            where[items[mixed]],
            [f"u{number}" for number in people],
            [f"i{number}" for number in rows],
            None if part is None else part[mixed],
        )
        assert again.z == pytest.approx(checked(groups, users, items, part).z, abs=1e-6)
        assert checked(groups, users, items, part) == checked(groups, users, items, part)


def test_too_little_to_tell_by_is_said():
    users, items = np.repeat(np.arange(20), 5), np.tile(np.arange(10), 10)
    found = check(np.eye(10, dtype=np.float32), users, items, ids(20, "u"), ids(10, "i"))
    assert found == Leakage(None, fixed=False)
    assert found.inadmissible() is None
    assert found.line == "knows held-out interactions: cannot be told (too few users, items or interactions)"


@pytest.mark.parametrize("matrix", [np.ones((ITEMS, 3)), np.zeros((ITEMS, 1))])
def test_features_without_any_difference_know_nothing(planted, matrix):
    _, users, items, held = planted
    assert checked(matrix, users, items, held).z is None


def test_the_line_says_yes_or_no():
    assert Leakage(-4.84, fixed=True).line == "knows held-out interactions: no (z = -4.8)"
    assert Leakage(12.0, fixed=True).line == "knows held-out interactions: yes (z = 12.0)"
