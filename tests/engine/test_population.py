"""Metrics of some items and users: from the ranks that are stored, beside the same by loops."""

import math
from pathlib import Path

import numpy as np
import pytest

from recclaims._model.cell import Cell
from recclaims._model.population import EVERYONE, Population, SomeItems, SomeUsers
from recclaims.engine.settings import Mask
from recclaims.evaluation.lists import Catalogue


@pytest.fixture
def trained(pipeline, data):
    """A cell, its dataset, of which every third user has fewer interactions, and its split."""
    path = Path(data) / "interactions.csv"
    lines = path.read_text().splitlines()
    few = [f"u{user}," for user in range(0, 150, 3)]
    kept = [line for number, line in enumerate(lines) if number % 12 > 3 or not line.startswith(tuple(few))]
    path.write_text("\n".join(kept) + "\n")
    cell = Cell(data, "content-knn", "attributes")
    pipeline.train(cell)
    return pipeline.find(cell), pipeline.dataset(data), pipeline.split(data, 0)


def counts(dataset, split):
    users, items = dataset.interactions.users[split.train], dataset.interactions.items[split.train]
    return np.bincount(users, minlength=len(dataset.user_ids)), np.bincount(items, minlength=len(dataset.items))


def tail(dataset, split):
    return Catalogue(counts(dataset, split)[1], len(dataset.user_ids)).tail


#: Of which items and users, said twice: in a claim, and as what a loop asks of a user and an item.
POPULATIONS = {
    "cold items": (Population(SomeItems(train_at_most=28)), lambda d, s, user, item: counts(d, s)[1][item] <= 28),
    "warm items": (Population(SomeItems(train_at_least=29)), lambda d, s, user, item: counts(d, s)[1][item] >= 29),
    "between": (
        Population(SomeItems(train_at_most=31, train_at_least=28)),
        lambda d, s, user, item: 28 <= counts(d, s)[1][item] <= 31,
    ),
    "the long tail": (Population(SomeItems(popularity="tail")), lambda d, s, user, item: tail(d, s)[item]),
    "the short head": (Population(SomeItems(popularity="head")), lambda d, s, user, item: not tail(d, s)[item]),
    "with attributes": (Population(SomeItems(having="attributes")), lambda *_: True),
    "without an image": (Population(SomeItems(lacking="visual")), lambda *_: True),
    "cold users": (Population(users=SomeUsers(train_at_most=9)), lambda d, s, user, item: counts(d, s)[0][user] <= 9),
    "both": (
        Population(SomeItems(train_at_most=28), SomeUsers(train_at_least=10)),
        lambda d, s, user, item: counts(d, s)[1][item] <= 28 and counts(d, s)[0][user] >= 10,
    ),
}


@pytest.mark.parametrize(("population", "meant"), POPULATIONS.values(), ids=POPULATIONS)
def test_a_value_is_over_the_relevant_items_that_are_meant(trained, population, meant):
    result, dataset, split = trained
    held = result.per_user.held
    ranks = dict(zip(zip(held.test_users, held.test.items, strict=True), rank_of(result), strict=True))
    found = {name: result.values(name, population) for name in ("smooth_recall", "recall@5", "ndcg@10")}
    for user in range(0, held.n_users, 7):
        mine = [
            rank
            for (one, item), rank in ranks.items()
            if one == user and relevant(held, one, item) and meant(dataset, split, user, item)
        ]
        if not mine:
            assert all(math.isnan(values[user]) for values in found.values())
            continue
        assert found["smooth_recall"][user] == pytest.approx(np.mean(np.exp(-np.array(mine) / 20)))
        assert found["recall@5"][user] == pytest.approx(np.mean(np.array(mine) <= 5))
        best = sum(1 / math.log2(place + 1) for place in range(1, min(len(mine), 10) + 1))
        gained = sum(1 / math.log2(rank + 1) for rank in mine if rank <= 10)
        assert found["ndcg@10"][user] == pytest.approx(gained / best)


def rank_of(result):
    return result.per_user.rankings.test_ranks(Mask.TRAIN_VALID)


def relevant(held, user, item):
    rows = np.flatnonzero((held.test_users == user) & (held.test.items == item))
    return bool(held.counts[rows].all())


def test_everybody_is_the_same_as_before(trained):
    result, *_ = trained
    held = result.per_user.held
    assert held.within(EVERYONE) is held
    np.testing.assert_array_equal(result.values("recall@20", EVERYONE), result.per_user["recall@20"])
    same = result.values("recall@20", Population(SomeItems(train_at_least=0)))
    np.testing.assert_array_equal(same, result.per_user["recall@20"])


def test_lists_can_be_of_some_users(trained):
    result, dataset, split = trained
    cold = counts(dataset, split)[0] <= 9
    found, everybody = (
        result.values("aplt@10", Population(users=SomeUsers(train_at_most=9))),
        result.per_user["aplt@10"],
    )
    assert 0 < cold.sum() < len(cold)
    np.testing.assert_array_equal(found[cold], everybody[cold])
    assert np.isnan(found[~cold]).all()


def test_a_population_says_what_it_is():
    one = Population(SomeItems(train_at_most=5, popularity="tail", lacking="visual"), SomeUsers(train_at_least=3))
    assert str(one) == (
        "items with at most 5 train interactions and of the long tail and without an image, "
        "users with at least 3 train interactions"
    )
    assert str(EVERYONE) == ""
