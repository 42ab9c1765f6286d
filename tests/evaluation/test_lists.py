"""Metrics of lists, by eye and beside RecBole."""

import itertools

import numpy as np
import pytest

from recclaims.evaluation.lists import LIST_METRICS, Catalogue

#: Five items, of which the first two have 80 % of 20 interactions; 5 is an empty place.
CATALOGUE = Catalogue(np.array([9, 7, 3, 1, 0]), n_users=10)
LISTS = np.array([[0, 1, 2], [0, 3, 4], [0, 2, 5]])


def value(name, lists=LISTS, catalogue=CATALOGUE):
    return LIST_METRICS[name].values(lists, catalogue)


def test_by_eye():
    assert value("coverage") == 1
    assert value("coverage", LISTS[:1]) == 3 / 5
    np.testing.assert_allclose(value("aplt"), [1 / 3, 2 / 3, 1 / 2])
    log = np.log2(10 / np.array([9, 7, 3, 1, 1]))
    np.testing.assert_allclose(value("novelty"), [log[:3].mean(), log[[0, 3, 4]].mean(), log[[0, 2]].mean()])


def test_gini_is_zero_where_all_are_listed_alike_and_near_one_where_one_is():
    assert value("gini", np.array([[0, 1], [2, 3], [4, 5]])) == pytest.approx(0)
    assert value("gini", np.array([[0], [0], [0]])) == pytest.approx(4 / 5)


def test_gini_equals_its_mean_difference():
    """Half of the mean absolute difference of two items' counts, over their mean."""
    counts = np.array([3, 2, 1, 1, 1])  # of LISTS, without the empty place
    counts[2] = 2
    counts[1] = 1
    expected = np.mean([abs(a - b) for a, b in itertools.product(counts, counts)]) / 2 / counts.mean()
    assert value("gini") == pytest.approx(expected)


@pytest.mark.parametrize(("popularity", "tail"), [([5, 5, 5, 5], [0, 0, 0, 0]), ([80, 19, 1], [0, 1, 1])])
def test_items_as_popular_as_the_last_of_the_head_are_in_it(popularity, tail):
    assert Catalogue(np.array(popularity), 10).tail.tolist() == tail


def test_the_short_head_is_that_of_elliot_where_nothing_ties():
    """The most popular one after the other, until they have 80 % of the interactions: the one that crosses is in."""
    random = np.random.default_rng(0)
    for n_items in (1, 2, 5, 40):
        popularity = random.permutation(3 * n_items)[:n_items] + 1
        left, head = 0.8 * popularity.sum(), []
        for item in np.argsort(-popularity):
            head.append(item)
            left -= popularity[item]
            if left <= 0:
                break
        assert np.flatnonzero(~Catalogue(popularity, 10).tail).tolist() == sorted(head)


def test_similarity_within_a_list_is_the_mean_cosine_of_its_pairs():
    features = np.random.default_rng(0).normal(size=(5, 7)).astype(np.float32)
    features[4] = 0  # of no direction: like nothing
    found = value("ils", catalogue=Catalogue(CATALOGUE.popularity, 10, features))
    unit = features / np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-12)
    for row, similarity in zip(LISTS, found, strict=True):
        pairs = itertools.combinations([item for item in row if item < 5], 2)
        assert similarity == pytest.approx(np.mean([unit[a] @ unit[b] for a, b in pairs]), abs=1e-6)
    assert np.isnan(value("ils", np.array([[0, 5]]), Catalogue(CATALOGUE.popularity, 10, features)))
    with pytest.raises(ValueError, match="ils asks for features"):
        value("ils")


def test_equals_recboles_coverage_and_gini():
    import torch
    from recbole.evaluator import Collector, Evaluator

    from recclaims.recommenders._recbole.bridge import make_config

    random = np.random.default_rng(0)
    n_users, n_items, k = 120, 80, 10
    scores = (random.normal(size=(n_users, n_items)) + np.linspace(0, 3, n_items)).astype(np.float32)
    config = make_config("BPR", {"topk": [k], "metrics": ["ItemCoverage", "GiniIndex"]}, 0, "cpu")
    collector = Collector(config)
    padded = torch.full((n_users, n_items + 1), -torch.inf)
    padded[:, 1:] = torch.from_numpy(scores)
    users = torch.arange(n_users)
    collector.eval_batch_collect(padded, None, users, users % n_items + 1)
    collected = collector.get_data_struct()
    collected.set("data.num_items", n_items + 1)
    theirs = Evaluator(config).evaluate(collected)
    lists = np.argsort(-scores, axis=1)[:, :k]
    # RecBole counts the padding as an item, of which nothing is listed.
    padding = Catalogue(np.ones(n_items + 1, dtype=np.int64), n_users)
    assert value("coverage", lists, padding) == pytest.approx(theirs[f"itemcoverage@{k}"], abs=1e-4)
    assert value("gini", lists, padding) == pytest.approx(theirs[f"giniindex@{k}"], abs=1e-4)
