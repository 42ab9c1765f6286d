"""Items that are held out altogether: what is ranked, what chooses, and what a lot finds; beside the same by loops."""

import numpy as np
import pytest

from recclaims._model.cell import Cell
from recclaims._model.population import Population, SomeItems
from recclaims.engine.settings import Mask
from recclaims.engine.training import training_data


@pytest.fixture
def cold(data):
    return data + "?split=cold"


def trained(pipeline, cold, recommender="content-knn", features="attributes", seed=0):
    cell = Cell(cold, recommender, features, seed=seed)
    pipeline.train(cell)
    return pipeline.find(cell)


def test_test_items_are_ranked_among_each_other(pipeline, cold):
    found = trained(pipeline, cold)
    held, split = found.per_user.held, pipeline.split(cold, 0)
    items = np.unique(pipeline.dataset(cold).interactions.items[split.test])
    assert 2 <= len(items) < 10
    for mask in Mask:
        ranks, lists = found.per_user.rankings.test_ranks(mask), found.per_user.rankings.lists(mask)
        assert (ranks.min(), ranks.max()) == (1, len(items))
        for shown in lists:
            assert set(shown[shown < held.n_items]) == set(items)
    # Nobody has one in train or in validation.
    assert (held.candidates == len(items)).all()


def test_what_chooses_is_held_out_too(pipeline, cold):
    dataset, split = pipeline.dataset(cold), pipeline.split(cold, 0)
    given = training_data(dataset, split, {})
    assert set(np.flatnonzero(given.among)) == set(dataset.interactions.items[split.valid])
    assert not np.isin(given.items, np.flatnonzero(given.among)).any()


def test_all_that_is_tested_has_no_train_interaction(pipeline, cold):
    found = trained(pipeline, cold)
    none = found.values("recall@20", Population(SomeItems(train_at_most=0)))
    np.testing.assert_array_equal(none, found.per_user["recall@20"])
    assert np.isnan(found.values("recall@20", Population(SomeItems(train_at_least=1)))).all()


def test_popularity_ranks_by_lot(pipeline, cold):
    """Over replicates, whose lots differ, each place is as likely as any other."""
    places = np.zeros(5)
    for seed in range(200):
        found = trained(pipeline, cold, "mostpop", None, seed)
        held = found.per_user.held
        ranks = found.per_user.rankings.test_ranks(Mask.TRAIN)
        assert len(set(zip(held.test.items, ranks, strict=True))) == len(np.unique(held.test.items)) == 5
        places[np.unique(held.test.items).searchsorted(held.test.items[ranks == 1][0])] += 1
    assert places.min() > 40 - 4.5 * np.sqrt(40 * 0.8)


@pytest.mark.parametrize("mask", Mask)
def test_what_a_lot_finds_is_a_share_of_the_candidates(pipeline, data, cold, mask):
    # 5 of 48 items are held out: a list of 20 holds all of them, and nobody's recall is anybody's merit.
    assert np.isnan(pipeline.held_out(cold, 0).by_lot(mask)).all()
    held = pipeline.held_out(data, 0)
    n = held.candidates[list(Mask).index(mask)]
    np.testing.assert_allclose(held.by_lot(mask)[held.wanted > 0], 20 / n[held.wanted > 0])
    random, scores = np.random.default_rng(0), []
    for _ in range(200):
        ranks = [random.permutation(n[user])[: held.wanted[user]] < 20 for user in np.flatnonzero(held.wanted)]
        scores.append(np.mean([part.mean() for part in ranks]))
    assert np.nanmean(held.by_lot(mask)) == pytest.approx(np.mean(scores), abs=5 * np.std(scores) / np.sqrt(200))


def test_a_trained_recommender_is_chosen_by_items_that_it_has_not_seen(pipeline, cold):
    """And is the same when it is trained together with others."""
    found = trained(pipeline, cold, "vbpr")
    assert found.epochs == 2
    assert 0 < found.valid_score <= 1
