"""Cells of items that lack features: what stands in for these, or that the items are left out."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from recclaims._model.cell import Cell
from recclaims.engine.missing import shown_to_nobody, without
from recclaims.engine.training import training_data
from recclaims.errors import NotAvailableError
from recclaims.features.imputation import IMPUTED

#: Items of the toy that have neither title nor colour.
LOST = range(0, 48, 3)


class Titles:
    """The letters of a title."""

    name, modality, version = "titles", "textual", "1"

    def encode(self, items):
        counts = [[item.text.count(letter) for letter in "abcdefghijklmnopqrstuvwxyz"] for item in items]
        return np.array(counts, dtype=np.float32) + 0.1


@pytest.fixture
def some_lost(data):
    path = Path(data) / "items.jsonl"
    records = [json.loads(line) for line in path.read_text().splitlines()]
    for place in LOST:
        records[place] = {"item_id": records[place]["item_id"], "title": ""}
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return data


@pytest.fixture
def titled(pipeline):
    pipeline.registry = replace(pipeline.registry, encoders={**pipeline.registry.encoders, "titles": Titles})
    pipeline.registry.origin["encoders", "titles"] = "these tests"
    return pipeline


@pytest.mark.parametrize("how", [*IMPUTED, "dropped"])
@pytest.mark.parametrize("recommender", ["content-knn", "freedom"])
def test_every_way_of_filling_in_trains(titled, some_lost, recommender, how):
    result = titled.train(Cell(some_lost, recommender, "titles", imputation=how))
    assert 0 < np.nanmean(result.per_user["recall@20"]) <= 1


def test_each_is_a_cell_of_its_own_and_what_the_encoder_says_has_the_key_that_it_had(titled, some_lost):
    cells = [Cell(some_lost, "freedom", "titles", imputation=how) for how in (None, *IMPUTED, "dropped")]
    keys = {json.dumps(titled.cell_recipe(cell), sort_keys=True) for cell in cells}
    assert len(keys) == len(cells)
    assert "imputation" not in titled.cell_recipe(cells[0])


def test_the_mean_is_what_the_encoder_does_anyway(titled, some_lost):
    own = titled.given(Cell(some_lost, "freedom", "titles"))
    said = titled.given(Cell(some_lost, "freedom", "titles", imputation="mean"))
    assert own.content == said.content is not None


def test_noise_comes_after_what_stands_in(titled, some_lost):
    """So that a permutation deals the rows that were filled in to all items alike."""
    (filled,) = titled.given(Cell(some_lost, "freedom", "titles", imputation="neighbours")).data.content.values()
    (dealt,) = titled.given(
        Cell(some_lost, "freedom", "titles", "permuted", imputation="neighbours")
    ).data.content.values()
    assert (filled != dealt).any()
    np.testing.assert_array_equal(np.unique(filled, axis=0), np.unique(dealt, axis=0))


def test_a_fusion_fills_in_each_part(titled, some_lost):
    """A title is lost, and an item has its colour: half a row is content's and half stands in."""
    cell = Cell(some_lost, "content-knn", "late_fusion-concat:titles+attributes", imputation="zero")
    path = Path(some_lost) / "items.jsonl"
    records = [json.loads(line) for line in path.read_text().splitlines()]
    records[0]["colour"] = ["red"]
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    (matrix,) = titled.given(cell).data.content.values()
    assert not matrix[0, :26].any()
    assert matrix[0, 26:].any()
    assert not matrix[3].any()


def test_what_is_dropped_is_neither_trained_on_nor_shown(titled, some_lost):
    cell = Cell(some_lost, "freedom", "titles", imputation="dropped")
    given = titled.given(cell)
    assert given.data.n_items == 48 - len(LOST)
    assert all(len(matrix) == given.data.n_items for matrix in given.data.content.values())
    values = titled.train(cell).per_user
    wanted, own = values.held.test.items, values.held.test_users
    lists = dict(zip(values.held.users.tolist(), values.rankings.lists(titled.settings.mask), strict=True))
    assert not np.isin(np.concatenate([*lists.values()]), LOST).any()
    lost = np.isin(wanted, LOST)
    assert lost.any()
    ranks = values.rankings.test_ranks(titled.settings.mask)
    # A user's items of train and validation are no candidates either, and stand anywhere behind those that are.
    seen = [np.concatenate([of.items[of.offsets[u] : of.offsets[u + 1]] for of in parts(values.held)]) for u in own]
    candidates = [given.data.n_items - np.sum(~np.isin(items, LOST)) for items in seen]
    assert (ranks[lost] > np.array(candidates)[lost]).all()


def parts(held):
    return held.train, held.valid


def test_those_without_features_are_no_candidates():
    import torch

    from recclaims.recommenders._recbole.fit import Fitted

    dropped = np.zeros(48, dtype=bool)
    dropped[list(LOST)] = True
    known = torch.randn(5, 48 - len(LOST))
    asked = shown_to_nobody(Fitted(lambda users: known[users], 0, 0, 0.0, 0.0), dropped).score(np.array([3, 1]))
    assert torch.equal(asked[:, ~dropped], known[[3, 1]])
    assert torch.isneginf(asked[:, dropped]).all()


def test_data_without_some_items_have_the_interactions_of_the_others(pipeline, data):
    dataset, split = pipeline.dataset(data), pipeline.split(data, 0)
    whole = training_data(dataset, split, {"textual": np.arange(48, dtype=np.float32)[:, None]})
    dropped = np.zeros(48, dtype=bool)
    dropped[list(LOST)] = True
    among = np.arange(48) % 5 == 0
    less = without(replace(whole, among=among), dropped)
    np.testing.assert_array_equal(less.among, among[~dropped])
    names = np.flatnonzero(~dropped)
    wanted = [(u, i) for u, i in zip(whole.users, whole.items, strict=True) if not dropped[i]]
    assert list(zip(less.users, names[less.items], strict=True)) == wanted
    np.testing.assert_array_equal(less.content["textual"][:, 0], names)
    for user in range(len(dataset.user_ids)):
        mine = whole.valid.items[whole.valid.offsets[user] : whole.valid.offsets[user + 1]]
        left = less.valid.items[less.valid.offsets[user] : less.valid.offsets[user + 1]]
        assert names[left].tolist() == [item for item in mine.tolist() if not dropped[item]]


def test_where_nothing_is_lacking_there_is_nothing_to_fill_in(titled, data):
    with pytest.raises(NotAvailableError, match="lacks what titles reads: nothing to fill in"):
        titled.train(Cell(data, "freedom", "titles", imputation="neighbours"))
