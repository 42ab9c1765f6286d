"""VBPR and FREEDOM against dense, slow versions written from the equations in their docstrings."""

import numpy as np
import pytest
import torch

from recclaims.recommenders import builtin
from recclaims.recommenders.fit import TRAINING
from recclaims.recommenders.freedom import FREEDOM
from recclaims.recommenders.recbole_bridge import TrainDataset, interaction_of, make_config, pad
from recclaims.recommenders.vbpr import VBPR

N_USERS, N_ITEMS = 6, 8
RANDOM = np.random.default_rng(0)
USERS = np.repeat(np.arange(N_USERS), 3)
ITEMS = np.concatenate([RANDOM.permutation(N_ITEMS)[:3] for _ in range(N_USERS)])
VISUAL, TEXTUAL = (RANDOM.normal(size=(N_ITEMS, d)).astype(np.float32) for d in (5, 4))
BATCH = {"user_id": [1, 2, 2, 6], "item_id": [1, 3, 4, 8], "neg_item_id": [2, 2, 5, 1]}


def build(model, recommender, content, **changes):
    torch.manual_seed(0)
    settings = {**TRAINING, **recommender.parameters, "embedding_size": 4, "knn_k": 3, **changes}
    config = make_config(model, settings, 0, "cpu")
    content = tuple((name, pad(matrix)) for name, matrix in content.items())
    return model(config, TrainDataset(config, USERS, ITEMS, N_USERS, N_ITEMS, content))


def values(parameter):
    return parameter.detach().numpy().astype(np.float64)


def log_sigmoid(x):
    return -np.log1p(np.exp(-x))


def scores_of(model):
    return model.item_scores(torch.arange(1, N_USERS + 1)).detach().numpy()[:, 1:]


@pytest.mark.parametrize("content", [{"visual": VISUAL}, {"textual": TEXTUAL, "visual": VISUAL}, {}], ids=len)
def test_vbpr(content):
    model = build(VBPR, builtin.VBPR, content, reg_weight=0.3)
    items = values(model.item_factors)
    if content:
        joined = np.vstack(
            [np.zeros((1, sum(m.shape[1] for m in content.values()))), np.hstack(list(content.values()))]
        )
        projected = joined @ values(model.projection.weight).T + values(model.projection.bias)
        items = np.hstack([items, projected])
    users = values(model.user_factors)
    np.testing.assert_allclose(scores_of(model), (users @ items.T)[1:, 1:], atol=1e-5)
    u, i, j = (np.array(column) for column in BATCH.values())
    difference = (users[u] * (items[i] - items[j])).sum(axis=1)
    norms = sum(np.sqrt((m**2).sum()) for m in (users[u], items[i], items[j])) / len(u)
    expected = -np.log(1e-10 + 1 / (1 + np.exp(-difference))).mean() + 0.3 * norms
    assert model.calculate_loss(interaction_of(BATCH)).item() == pytest.approx(expected, abs=1e-5)


def dense_neighbours(matrix, k):
    unit = matrix / np.linalg.norm(matrix, axis=1, keepdims=True)
    graph = np.zeros((N_ITEMS + 1, N_ITEMS + 1))
    for row, similarity in enumerate(unit @ unit.T):
        graph[row + 1, np.argsort(-similarity)[:k] + 1] = 1 / k
    return graph


def dense_freedom(model, item_graph, edges):
    size = N_USERS + 1 + N_ITEMS + 1
    graph = np.zeros((size, size))
    for user, item in edges:
        graph[user, N_USERS + 1 + item] = graph[N_USERS + 1 + item, user] = 1
    degree = graph.sum(axis=1) + 1e-7
    graph /= np.sqrt(degree[:, None] * degree)
    start = np.vstack([values(model.user_embedding), values(model.item_embedding)])
    mean = (start + graph @ start + graph @ graph @ start) / 3
    users, items = mean[: N_USERS + 1], mean[N_USERS + 1 :]
    return users, items + item_graph @ values(model.item_embedding)


ALL_EDGES = [(u + 1, i + 1) for u, i in zip(USERS, ITEMS, strict=True)]


@pytest.mark.parametrize("trained", [True, False], ids=["trained", "frozen"])
@pytest.mark.parametrize("n_modalities", [0, 1, 2])
def test_freedom(n_modalities, trained):
    content = dict([("visual", VISUAL), ("textual", TEXTUAL)][:n_modalities])
    model = build(FREEDOM, builtin.FREEDOM, content, reg_weight=0.7, edge_dropout=0.0, train_features=trained)
    weights = {0: [], 1: [1.0], 2: [0.1, 0.9]}[n_modalities]
    graph = sum(
        (w * dense_neighbours(m, 3) for w, m in zip(weights, content.values(), strict=True)),
        np.zeros((N_ITEMS + 1, N_ITEMS + 1)),
    )
    users, items = dense_freedom(model, graph, ALL_EDGES)
    np.testing.assert_allclose(scores_of(model), (users @ items.T)[1:, 1:], atol=1e-5)
    u, i, j = (np.array(column) for column in BATCH.values())
    expected = -log_sigmoid((users[u] * (items[i] - items[j])).sum(axis=1)).mean()
    for modality, matrix in content.items():
        projection = model.projections[modality]
        padded = np.vstack([np.zeros((1, matrix.shape[1])), matrix])
        projected = padded @ values(projection.weight).T + values(projection.bias)
        expected += 0.7 * -log_sigmoid((users[u] * (projected[i] - projected[j])).sum(axis=1)).mean()
    assert model.calculate_loss(interaction_of(BATCH)).item() == pytest.approx(expected, abs=1e-5)


def test_freedoms_identity_twin_adds_the_item_itself():
    model = build(FREEDOM, builtin.FREEDOM, {}, item_graph="identity", edge_dropout=0.0)
    users, items = dense_freedom(model, np.eye(N_ITEMS + 1), ALL_EDGES)
    np.testing.assert_allclose(scores_of(model), (users @ items.T)[1:, 1:], atol=1e-5)


def test_freedom_draws_other_edges_each_epoch_and_scores_on_all():
    model = build(FREEDOM, builtin.FREEDOM, {"visual": VISUAL}, edge_dropout=0.5)
    drawn = []
    for _ in range(4):
        model.train()
        drawn.append(model.train_graph.matrix.to_dense().numpy() > 0)
        assert drawn[-1].sum() == 2 * int(0.5 * len(USERS))
    assert any((drawn[0] != other).any() for other in drawn[1:])
    model.eval()
    users, items = dense_freedom(model, dense_neighbours(VISUAL, 3), ALL_EDGES)
    np.testing.assert_allclose(scores_of(model), (users @ items.T)[1:, 1:], atol=1e-5)


def test_freedom_keeps_rare_edges_rather_than_popular_ones():
    # One item that everybody has, and one item each: the popular edges have the smaller probability.
    n = 60
    users = np.tile(np.arange(n), 2)
    items = np.concatenate([np.zeros(n, dtype=int), np.arange(1, n + 1)])
    settings = {**TRAINING, **builtin.FREEDOM.parameters, "edge_dropout": 0.5, "embedding_size": 4}
    config = make_config(FREEDOM, settings, 0, "cpu")
    model = FREEDOM(config, TrainDataset(config, users, items, n, n + 1))
    popular = []
    for _ in range(20):
        model.train()
        graph = model.train_graph.matrix.to_dense().numpy()
        popular.append((graph[n + 1 + 1] > 0).sum())  # the users kept with the popular item
    # Weights are 1/sqrt(2 n) against 1/sqrt(2): of 60 kept edges about 8 would be popular, 30 without weights.
    assert np.mean(popular) < 20


@pytest.mark.parametrize(("model", "recommender"), [(VBPR, builtin.VBPR), (FREEDOM, builtin.FREEDOM)])
def test_a_twin_equals_the_model_with_its_content_silenced(model, recommender):
    twin = build(model, recommender, {}, edge_dropout=0.0)
    full = build(model, recommender, {"visual": VISUAL}, edge_dropout=0.0)
    with torch.no_grad():
        if model is VBPR:
            full.projection.weight.zero_()
            full.item_factors.copy_(twin.item_factors)
            full.user_factors[:, :4] = twin.user_factors
        else:
            full.item_graph = None
            full.user_embedding.copy_(twin.user_embedding)
            full.item_embedding.copy_(twin.item_embedding)
    np.testing.assert_allclose(scores_of(twin), scores_of(full), atol=1e-6)


def test_the_padding_item_is_nobodys_neighbour():
    model = build(FREEDOM, builtin.FREEDOM, {"visual": VISUAL})
    graph = model.item_graph.matrix.to_dense().numpy()
    assert (graph[0] == 0).all()
    assert (graph[:, 0] == 0).all()
