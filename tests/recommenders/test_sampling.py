import numpy as np
import pytest

from recclaims.errors import UnknownNameError
from recclaims.offers import DECLARED
from recclaims.recommenders._recbole import sampling
from recclaims.recommenders._recbole.sampling import SAMPLERS, PairBatches, make_batches

USERS = np.array([1, 1, 2, 2, 2, 3], dtype=np.int64)
ITEMS = np.array([1, 2, 1, 3, 4, 5], dtype=np.int64)


def epoch(batches):
    batches = list(batches)
    return [np.concatenate([b[name].numpy() for b in batches]) for name in ("user_id", "item_id", "neg_item_id")]


def test_an_epoch_has_every_pair_once():
    batches = list(PairBatches(USERS, ITEMS, 6, 4, seed=0))
    assert [len(b) for b in batches] == [4, 2]
    users, items, _ = epoch(batches)
    assert sorted(zip(users, items, strict=True)) == sorted(zip(USERS, ITEMS, strict=True))


def test_negatives_were_never_seen_and_cover_all_others():
    drawn = {user: set() for user in (1, 2, 3)}
    loader = PairBatches(USERS, ITEMS, 6, 4, seed=0)
    for _ in range(60):
        for user, _, negative in zip(*epoch(loader), strict=True):
            drawn[user].add(int(negative))
    assert drawn == {1: {3, 4, 5, 6}, 2: {2, 5, 6}, 3: {1, 2, 3, 4, 6}}


def test_candidates_limit_the_negatives():
    loader = PairBatches(USERS, ITEMS, 6, 4, seed=0, candidates=np.unique(ITEMS))
    drawn = np.concatenate([epoch(loader)[2] for _ in range(60)])
    assert set(drawn) == {1, 2, 3, 4, 5}


def test_negatives_are_uniform():
    users, items = np.ones(6000, dtype=np.int64), np.ones(6000, dtype=np.int64)
    negatives = epoch(PairBatches(users, items, 5, 6000, seed=1))[2]
    counts = np.bincount(negatives, minlength=6)[2:]
    assert counts.sum() == 6000
    assert np.abs(counts - 1500).max() < 5 * np.sqrt(6000 * 0.25 * 0.75)


def test_a_user_who_has_everything_does_not_hang():
    users, items = np.array([1, 1, 2]), np.array([1, 2, 1])
    negatives = epoch(PairBatches(users, items, 2, 3, seed=0))[2]
    assert set(negatives) <= {1, 2}


@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.parametrize("seed", range(12))
def test_large_data_gets_the_negatives_that_small_data_would(monkeypatch, seed, sampler):
    rng = np.random.default_rng(seed)
    n_users, n_items = rng.integers(2, 40, 2)
    users, items = 1 + rng.integers(0, n_users, 200), 1 + rng.integers(0, n_items, 200)
    # One user has all, one nothing, and one pair occurs several times.
    users = np.concatenate([users, np.full(n_items, n_users + 2), users[:1], users[:1]])
    items = np.concatenate([items, np.arange(1, n_items + 1), items[:1], items[:1]])
    drawn = []
    for most in (0, sampling.WRITTEN_OUT):
        monkeypatch.setattr(sampling, "WRITTEN_OUT", most)
        batches = make_batches(sampler, users, items, int(n_items) + 1, 64, seed)
        drawn.append(np.stack([epoch(batches)[2] for _ in range(3)]))
    np.testing.assert_array_equal(*drawn)
    assert len(np.unique(drawn[0])) > 1


def test_epochs_differ_and_the_seed_repeats_them():
    one, two = (PairBatches(USERS, ITEMS, 6, 4, seed=7) for _ in range(2))
    first, second = epoch(one), epoch(one)
    assert any((a != b).any() for a, b in zip(first, second, strict=True))
    for a, b in zip(first, epoch(two), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("n", [1, 2, 3, 6, 100])
def test_length_is_the_number_of_batches(n):
    loader = PairBatches(USERS, ITEMS, 6, n, seed=0)
    assert len(loader) == len(list(loader))


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_every_sampler_draws_pairs_of_train_and_unseen_negatives(sampler):
    seen = set(zip(USERS, ITEMS, strict=True))
    batches = make_batches(sampler, USERS, ITEMS, 6, 4, 0)
    for _ in range(20):
        users, items, negatives = epoch(batches)
        assert len(users) == len(USERS)
        assert set(zip(users, items, strict=True)) <= seen
        assert not set(zip(users, negatives, strict=True)) & seen


def test_users_weigh_equally_where_users_are_drawn():
    users = np.concatenate([np.full(90, 1), np.full(10, 2)])
    items = np.concatenate([np.arange(1, 91), np.arange(1, 11)])
    drawn = [
        np.concatenate([epoch(make_batches(s, users, items, 100, 50, 0))[0] for _ in range(1)])
        for s in ("train", "users")
    ]
    assert (drawn[0] == 2).sum() == 10
    assert 35 <= (drawn[1] == 2).sum() <= 65
    positives = epoch(make_batches("users", users, items, 100, 50, 0))[1]
    assert len(set(positives)) > 30


def test_no_user_is_twice_in_a_batch_of_distinct_users():
    batches = list(make_batches("distinct-users", USERS, ITEMS, 6, 4, 0))
    assert [len(b) for b in batches] == [3, 3]
    for batch in batches:
        assert len(set(batch["user_id"].tolist())) == len(batch)


def test_an_unknown_sampler_is_named():
    with pytest.raises(UnknownNameError, match=r"sampler 'usres'.*users"):
        make_batches("usres", USERS, ITEMS, 6, 4, 0)


@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.parametrize("steps", [1, 7, 10, 100])
def test_an_epoch_has_the_steps_that_it_must(sampler, steps):
    """Of 30 pairs a batch of 8 leaves four steps: an epoch goes over them until there are enough."""
    users, items = np.repeat(np.arange(1, 11), 3), np.tile(np.arange(1, 4), 10)
    batches = make_batches(sampler, users, items, 6, 8, 0)
    a_pass = len(batches)
    batches.take_at_least(steps)
    assert len(batches) == len(list(batches)) == -(-steps // a_pass) * a_pass >= steps


def test_a_recommender_can_declare_every_sampler():
    assert set(DECLARED["recommenders"][1]["sampler"]) == set(SAMPLERS)
