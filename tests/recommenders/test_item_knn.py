"""Neighbours against a dense computation, and what went wrong in the authors' public code."""

import numpy as np
import pytest
import scipy.sparse as sp

from recclaims.errors import CellError, UnknownNameError
from recclaims.evaluation.ranking import ItemLists
from recclaims.recommenders import builtin
from recclaims.recommenders._recbole.fit import TrainingData, fit
from recclaims.recommenders.models.item_knn import NEIGHBOURHOODS, SIMILARITIES, WEIGHTINGS, neighbours

N_USERS, N_ITEMS = 30, 14


def sets(n, d, seed=0, share=0.4):
    return (np.random.default_rng(seed).random((n, d)) < share).astype(np.float32)


def dense(matrix, similarity, alpha=0.5, beta=0.5):
    common = matrix @ matrix.T
    size = (matrix**2).sum(axis=1)
    one, other = size[:, None], size[None, :]
    with np.errstate(divide="ignore", invalid="ignore"):
        value = {
            "dot": common,
            "cosine": common / np.sqrt(one * other),
            "asymmetric": common / (one**alpha * other ** (1 - alpha)),
            "jaccard": common / (one + other - common),
            "dice": 2 * common / (one + other),
            "tversky": common / (common + alpha * (one - common) + beta * (other - common)),
        }[similarity]
    return np.nan_to_num(value)


@pytest.mark.parametrize("similarity", SIMILARITIES)
def test_similarities_are_those_of_their_formulas(similarity):
    matrix = sets(12, 9)
    matrix[3] = 0  # an item without attributes is like nothing
    extra = {"alpha": 0.3, "beta": 0.8}
    found = neighbours(sp.csr_matrix(matrix), 12, np.random.default_rng(0), similarity=similarity, **extra)
    np.testing.assert_allclose(found.toarray(), dense(matrix, similarity, **extra), atol=1e-6)


@pytest.mark.parametrize("neighbourhood", NEIGHBOURHOODS)
@pytest.mark.parametrize("similarity", ["cosine", "asymmetric", "tversky"])
@pytest.mark.parametrize("k", [1, 3, 20])
def test_the_k_most_similar_are_kept(k, similarity, neighbourhood):
    matrix = sets(15, 40, seed=1)
    extra = {"alpha": 0.3, "beta": 0.8, "similarity": similarity}
    found = neighbours(
        sp.csr_matrix(matrix), k, np.random.default_rng(0), neighbourhood=neighbourhood, **extra
    ).toarray()
    expected = dense(matrix, **extra)
    if neighbourhood == "candidate":
        found, expected = found.T, expected.T
    assert len(np.unique(expected.round(6))) > 50
    for row, values in enumerate(expected):
        assert (found[row] > 0).sum() == min(k, (values > 0).sum())
        np.testing.assert_allclose(np.sort(found[row])[-k:], np.sort(values)[-k:], atol=1e-6)


def test_ties_are_decided_by_lot_and_the_lot_by_the_seed():
    same = sp.csr_matrix(np.ones((40, 3), np.float32))
    first, again, other = (neighbours(same, 5, np.random.default_rng(seed)).toarray() for seed in (0, 0, 1))
    assert (first == again).all()
    assert (first != other).any()
    # By item number, five items would be everybody's neighbours.
    totals = sum((neighbours(same, 5, np.random.default_rng(seed)).toarray() > 0).sum(axis=0) for seed in range(60))
    assert (totals > 0).all()


@pytest.mark.parametrize("weighting", ["tfidf", "bm25"])
def test_weighting_makes_rare_attributes_count_more(weighting):
    matrix = np.zeros((20, 3), np.float32)
    matrix[8:, 2] = 1
    matrix[:8, 0] = 1  # with more than half of the items, an inverse document frequency may turn negative
    matrix[[2, 3], 1] = 1
    weighted = WEIGHTINGS[weighting](sp.csr_matrix(matrix)).toarray()
    assert weighted[2, 1] > 2 * weighted[2, 0] > 0
    plain, other = (
        neighbours(sp.csr_matrix(matrix), 20, np.random.default_rng(0), weighting=w).toarray()
        for w in ("none", weighting)
    )
    assert other[2, 0] < plain[2, 0]  # what 2 shares with many counts less beside what it shares with 3
    assert other[2, 3] == pytest.approx(1)


@pytest.mark.parametrize("name", ["similarity", "weighting", "neighbourhood"])
def test_unknown_names_are_answered_with_near_ones(name):
    known = {"similarity": SIMILARITIES, "weighting": WEIGHTINGS, "neighbourhood": NEIGHBOURHOODS}[name]
    wrong = next(iter(known)) + "x"
    with pytest.raises(UnknownNameError, match=f"{name} '{wrong}'"):
        neighbours(sp.csr_matrix(sets(4, 3)), 2, np.random.default_rng(0), **{name: wrong})


def data(content):
    random = np.random.default_rng(2)
    users, items = np.nonzero(random.random((N_USERS, N_ITEMS)) < 0.3)
    return TrainingData(users, items, N_USERS, N_ITEMS, ItemLists.of(users, items, N_USERS), content)


def scores(recommender, content=None, **parameters):
    return fit(recommender, parameters, data({"textual": content} if content is not None else {}), 0).score(
        np.arange(N_USERS)
    )


def test_other_attributes_give_other_rows():
    """The public loader fed flags where ids were meant, so that every item got the same row."""
    histories = np.zeros((N_USERS, N_ITEMS))
    training = data({})
    histories[training.users, training.items] = 1
    matrix = sets(N_ITEMS, 6, seed=5)
    found = scores(builtin.ATTRIBUTE_KNN_CONTENT, matrix, k=N_ITEMS).numpy()
    similarity = dense(matrix, "cosine")
    assert len(np.unique(similarity, axis=0)) > N_ITEMS / 2
    np.testing.assert_allclose(found, histories @ similarity, atol=1e-5)


def test_a_hybrid_stacks_attributes_and_ratings():
    training = data({})
    histories = np.zeros((N_USERS, N_ITEMS), np.float32)
    histories[training.users, training.items] = 1
    matrix = sets(N_ITEMS, 6, seed=5)
    found = scores(builtin.ATTRIBUTE_KNN, matrix, k=N_ITEMS, attribute_weight=2.0).numpy()
    stacked = np.hstack([2 * matrix, histories.T])
    np.testing.assert_allclose(found, histories @ dense(stacked, "cosine"), atol=1e-5)


def test_a_hybrid_without_attributes_is_itemknn():
    np.testing.assert_array_equal(scores(builtin.ATTRIBUTE_KNN, k=5), scores(builtin.ITEMKNN, k=5))


def test_embeddings_are_not_attributes():
    with pytest.raises(CellError, match="rows of 0 and 1"):
        scores(builtin.ATTRIBUTE_KNN, np.full((N_ITEMS, 3), 0.5, np.float32))
