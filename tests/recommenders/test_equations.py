"""Every recommender on content, in each flavour, against dense.py: scores, loss, and one step of its gradient."""

import numpy as np
import pytest
import scipy.sparse as sp
import torch

from recclaims.errors import NotAvailableError
from recclaims.recommenders import builtin
from recclaims.recommenders._kernels import draws
from recclaims.recommenders._kernels.dropout import kept
from recclaims.recommenders._kernels.edges import largest
from recclaims.recommenders._recbole.bridge import TrainDataset, interaction_of, make_config, pad
from recclaims.recommenders.models.freedom import FREEDOM, graph_weights
from recclaims.recommenders.spec import TRAINING

from . import dense

N_USERS, N_ITEMS = 6, 8
RANDOM = np.random.default_rng(0)
USERS = np.repeat(np.arange(N_USERS), 3)
ITEMS = np.concatenate([RANDOM.permutation(N_ITEMS)[:3] for _ in range(N_USERS)])
EDGES = [(u + 1, i + 1) for u, i in zip(USERS, ITEMS, strict=True)]
VISUAL, TEXTUAL = (RANDOM.normal(size=(N_ITEMS, d)).astype(np.float32) for d in (5, 4))
CONTENT = {"none": {}, "visual": {"visual": VISUAL}, "both": {"visual": VISUAL, "textual": TEXTUAL}}
BATCH = {"user_id": [1, 2, 2, 6], "item_id": [1, 3, 4, 8], "neg_item_id": [2, 2, 5, 1]}
#: Of as many pairs as there are rows of items: what is computed of items is computed of all of them.
LONG = {
    "user_id": [1, 2, 2, 6, 3, 4, 5, 5, 1],
    "item_id": [1, 3, 4, 8, 2, 7, 6, 1, 1],
    "neg_item_id": [2, 2, 5, 1, 6, 3, 7, 8, 2],
}
SMALL = {
    "embedding_size": 4,
    "knn_k": 3,
    "visual_knn_k": 3,
    "textual_knn_k": 2,
    "keep_rate": 1.0,
    "edge_dropout": 0.0,
    "dropout": 0.0,
    "train_batch_size": 5,
}


def settings_of(recommender, **changes):
    # So large that each part of a loss shows.
    aligned = {"cl_weight": 0.5} if "cl_weight" in recommender.parameters else {}
    return {**TRAINING, **recommender.parameters, **SMALL, "reg_weight": 0.3, **aligned, **changes}


def build(recommender, content, items=ITEMS, **changes):
    torch.manual_seed(0)
    model = recommender()
    config = make_config(model, settings_of(recommender, **changes), 0, "cpu")
    matrices = tuple((name, pad(matrix)) for name, matrix in content.items())
    return model(config, TrainDataset(config, USERS, items, N_USERS, N_ITEMS, matrices))


def dense_of(recommender, content, **changes):
    settings = settings_of(recommender, **changes)
    family = recommender.name.removesuffix("-elliot")
    if family == "vbpr":
        return dense.VBPR(content, settings, recommender.flavour)
    if family == "freedom":
        return dense.FREEDOM(content, settings, EDGES, N_USERS, N_ITEMS)
    if family == "lattice":
        return dense.LATTICE(content, settings, EDGES, N_USERS, N_ITEMS, recommender.flavour)
    if family == "ensemble":
        return dense.Ensemble(content, settings)
    if recommender.name in ON_REQUEST:
        return ON_REQUEST[family](content, settings, EDGES, N_USERS, N_ITEMS)
    return dense.BM3(content, settings, EDGES, N_USERS, N_ITEMS)


def scores_of(model):
    model.eval()
    return model.item_scores(torch.arange(1, N_USERS + 1)).detach().numpy()[:, 1:]


def parameters_of(model):
    return {name: value.detach().numpy().astype(np.float64) for name, value in model.named_parameters()}


def dense_scores(reference, model):
    users, items = reference.embeddings(parameters_of(model))
    return (users @ items.T)[1:, 1:]


TRAINED = [
    builtin.VBPR,
    builtin.VBPR_ELLIOT,
    builtin.FREEDOM,
    builtin.FREEDOM_ELLIOT,
    builtin.LATTICE,
    builtin.LATTICE_ELLIOT,
    builtin.BM3,
    builtin.ENSEMBLE,
    builtin.MGCN,
    builtin.SMORE,
    builtin.LGMREC,
]
ON_REQUEST = {"mgcn": dense.MGCN, "smore": dense.SMORE, "lgmrec": dense.LGMRec}
FROZEN_TOO = [
    (r, trained) for r in TRAINED for trained in ((True, False) if "train_features" in r.parameters else (None,))
]


def gumbel(model):
    """What LGMRec draws in a step, by modality: of users, then items, padding included, and hyperedges."""
    shape = N_USERS + N_ITEMS + 2, model.n_hyperedges
    streams = (draws.key(0, draws.HYPEREDGES, model.steps, number, 0) for number in range(len(model.modalities)))
    return [-np.log(-np.log(draws.unit(draws.bits(key, np.arange(np.prod(shape)))))).reshape(shape) for key in streams]


def least(recommender):
    """One modality, or two for one that fuses them."""
    return CONTENT["both" if recommender is builtin.SMORE else "visual"]


@pytest.mark.parametrize("content", CONTENT.values(), ids=CONTENT)
@pytest.mark.parametrize(("recommender", "trained"), FROZEN_TOO, ids=lambda value: getattr(value, "name", str(value)))
@pytest.mark.parametrize("pairs", [BATCH, LONG], ids=["short", "long"])
def test_scores_loss_and_one_step(recommender, trained, content, pairs):
    if len(content) == 1 and recommender is builtin.SMORE:
        pytest.skip("it fuses two modalities")
    changes = {} if trained is None else {"train_features": trained}
    model = build(recommender, content, **changes)
    reference = dense_of(recommender, content, **changes)
    if recommender is builtin.LGMREC:
        reference.noise = gumbel(model)
    np.testing.assert_allclose(scores_of(model), dense_scores(reference, model), atol=1e-5)
    before = parameters_of(model)
    batch = tuple(np.array(column) for column in pairs.values())
    model.train()
    loss = model.calculate_loss(interaction_of(pairs))
    assert loss.item() == pytest.approx(reference.loss(before, *batch), abs=1e-5)
    loss.backward()
    torch.optim.SGD(model.parameters(), lr=0.5).step()
    slopes = dense.gradient(reference, before, batch)
    assert any(np.abs(slope).max() > 1e-3 for slope in slopes.values())
    for name, after in parameters_of(model).items():
        np.testing.assert_allclose(after, before[name] - 0.5 * slopes[name], atol=1e-5, err_msg=name)
    np.testing.assert_allclose(scores_of(model), dense_scores(reference, model), atol=1e-5)


@pytest.mark.parametrize("recommender", [r for r in TRAINED if "twin-identity" in r.twins], ids=lambda r: r.name)
def test_the_identity_twin_links_every_item_to_itself(recommender):
    changes = recommender.twins["twin-identity"]
    model, reference = build(recommender, {}, **changes), dense_of(recommender, {}, **changes)
    np.testing.assert_allclose(scores_of(model), dense_scores(reference, model), atol=1e-5)
    assert not np.allclose(scores_of(model), scores_of(build(recommender, {})))


@pytest.mark.parametrize("recommender", TRAINED, ids=lambda r: r.name)
def test_a_twin_equals_the_model_with_its_content_silenced(recommender):
    twin, full = build(recommender, {}), build(recommender, least(recommender))
    ours = dict(full.named_parameters())
    with torch.no_grad():
        for name, value in twin.named_parameters():
            ours[name][..., : value.shape[-1]] = value
        if "vbpr" in recommender.name:
            ours["user_factors"][:, 4:] = 0
        elif "lattice" in recommender.name:
            full.item_edges = lambda: full.original[0].scaled(0.0)
        elif "freedom" in recommender.name:
            full.item_graph = None
        elif recommender.on_request:  # what is left of them has no loss or view of content
            full.modalities = ()
    np.testing.assert_allclose(scores_of(twin), scores_of(full), atol=1e-6)


@pytest.mark.parametrize("recommender", TRAINED, ids=lambda r: r.name)
def test_renumbering_the_items_renumbers_the_scores(recommender):
    order = np.random.default_rng(4).permutation(N_ITEMS)
    content, inverse = least(recommender), np.argsort(order)
    moved = {name: matrix[inverse] for name, matrix in content.items()}
    plain, other = build(recommender, content), build(recommender, moved, items=order[ITEMS])
    rows = np.concatenate([[0], order + 1])
    ours = dict(plain.named_parameters())
    with torch.no_grad():
        for name, value in other.named_parameters():
            by_item = name.startswith(("item_", "trained."))
            value[rows if by_item else slice(None)] = ours[name]
    np.testing.assert_allclose(scores_of(other)[:, order], scores_of(plain), atol=1e-5)


def test_one_modality_weighs_one_in_mmrec_and_a_tenth_in_elliot():
    graphs = [
        build(r, {"visual": VISUAL}).item_graph.matrix.to_dense() for r in (builtin.FREEDOM, builtin.FREEDOM_ELLIOT)
    ]
    assert graphs[0].sum().item() == pytest.approx(N_ITEMS)
    torch.testing.assert_close(graphs[1], 0.1 * graphs[0])


def test_freedom_draws_other_edges_each_epoch_and_scores_on_all():
    model = build(builtin.FREEDOM, {"visual": VISUAL}, edge_dropout=0.5)
    drawn = []
    for _ in range(4):
        model.train()
        drawn.append(model.train_graph.matrix.to_dense().numpy() > 0)
        assert drawn[-1].sum() == 2 * int(0.5 * len(USERS))
    assert any((drawn[0] != other).any() for other in drawn[1:])
    reference = dense_of(builtin.FREEDOM, {"visual": VISUAL})
    np.testing.assert_allclose(scores_of(model), dense_scores(reference, model), atol=1e-5)


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


def test_lattice_learns_its_graph_once_an_epoch():
    model = build(builtin.LATTICE, {"visual": VISUAL})
    gradients = []
    for _ in range(2):
        model.train()
        for _ in range(2):
            model.zero_grad()
            model.calculate_loss(interaction_of(BATCH)).backward()
            gradients.append(model.projections["visual"].weight.grad is not None)
    assert gradients == [True, False, True, False]


@pytest.mark.parametrize("pairs", [BATCH, LONG], ids=["short", "long"])
@pytest.mark.parametrize("content", CONTENT.values(), ids=CONTENT)
def test_bm3_drops_the_same_of_a_node_wherever_it_occurs(content, pairs):
    """MMRec drops out of the whole tables, before it looks users and items up."""
    model = build(builtin.BM3, content, dropout=0.5, embedding_size=16)
    reference = dense_of(builtin.BM3, content, embedding_size=16)
    sizes = [N_USERS, N_ITEMS, *[N_ITEMS] * len(content)]
    losses = []
    for step in range(3):
        reference.kept = [
            kept(draws.key(0, draws.DROPOUT, step, number), torch.arange(n + 1), 16, 0.5).numpy()
            for number, n in enumerate(sizes)
        ]
        losses.append(model.calculate_loss(interaction_of(pairs)).item())
        expected = reference.loss(parameters_of(model), *(np.array(ids) for ids in pairs.values()))
        assert losses[-1] == pytest.approx(expected, abs=1e-5)
    assert len(set(losses)) == 3
    np.testing.assert_allclose(scores_of(model), scores_of(model))


def test_bm3_s_features_teach_no_embedding_only_the_predictor():
    """Its targets have no gradient: why it cannot learn from content which item is which (docs/recommenders.md)."""
    taught = {}
    for weight in (0.0, 2.0):
        model = build(builtin.BM3, CONTENT["both"], dropout=0.5, cl_weight=weight)
        model.calculate_loss(interaction_of(LONG)).backward()
        taught[weight] = {name: value.grad for name, value in model.named_parameters()}
    for name, gradient in taught[0.0].items():
        if name in ("user_embedding", "item_embedding"):
            torch.testing.assert_close(gradient, taught[2.0][name], rtol=0, atol=1e-7)
        else:
            assert (gradient - taught[2.0][name]).abs().max() > 1e-3, name


def test_bm3_needs_no_negatives():
    model = build(builtin.BM3, {"visual": VISUAL})
    other = {**BATCH, "neg_item_id": [5, 6, 7, 3]}
    assert model.calculate_loss(interaction_of(BATCH)).item() == model.calculate_loss(interaction_of(other)).item()


@pytest.mark.parametrize("recommender", [builtin.FREEDOM, builtin.LATTICE], ids=lambda r: r.name)
def test_the_padding_item_is_nobodys_neighbour(recommender):
    model = build(recommender, {"visual": VISUAL})
    graph = (
        model.item_graph.matrix.to_dense() if recommender is builtin.FREEDOM else model.item_edges().matrix(N_ITEMS + 1)
    )
    graph = np.asarray(graph.todense() if hasattr(graph, "todense") else graph)
    assert (graph[0] == 0).all()
    assert (graph[:, 0] == 0).all()
    assert (graph[1:] > 0).any(axis=1).all()


#: The first item is the opposite of all others, which are much alike: whatever is nearest to it is unlike it.
OPPOSED = np.array([[-1], *[[1]] * (N_ITEMS - 1)]) * (3 + RANDOM.random((N_ITEMS, 5))).astype(np.float32)


@pytest.mark.parametrize("recommender", [builtin.LATTICE, builtin.LATTICE_ELLIOT], ids=lambda r: r.name)
def test_an_item_unlike_its_nearest_has_no_neighbours_in_lattice(recommender):
    content = {"visual": OPPOSED.astype(np.float32)}
    model = build(recommender, content)
    graphs = [model._top(matrix).matrix(N_ITEMS + 1) for matrix in (model.projected("visual"), pad(OPPOSED))]
    assert all(graph.sum(axis=1)[1] < 0 for graph in graphs)
    assert all((graph.sum(axis=1)[2:] > 0).all() for graph in graphs)
    graph = model.item_edges().matrix(N_ITEMS + 1).toarray()
    assert not graph[1].any()
    assert not graph[:, 1].any()
    assert graph[2:].any(axis=1).all()
    test_scores_loss_and_one_step(recommender, True, content, BATCH)


def test_a_catalogue_of_zeros_has_no_lattice_graph():
    with pytest.raises(ValueError, match="all zero"):
        build(builtin.LATTICE, {"visual": np.zeros_like(VISUAL)})


def test_weights_of_modalities_sum_to_one_whatever_they_are():
    assert graph_weights(["visual", "textual"], 0.1, 1.0) == pytest.approx([0.1, 0.9])
    assert graph_weights(["textual", "visual", "textual_2"], 0.1, 1.0) == pytest.approx([0.45, 0.1, 0.45])
    assert graph_weights(["textual", "textual_2"], 0.1, 1.0) == [0.5, 0.5]
    assert graph_weights(["visual", "visual_2"], 0.1, 1.0) == [0.5, 0.5]
    assert graph_weights(["multimodal"], 0.1, 0.3) == [0.3]


def test_freedoms_graph_of_two_modalities_is_their_weighted_sum():
    content = {"visual": VISUAL, "textual": TEXTUAL}
    both = build(builtin.FREEDOM, content, visual_weight=0.3).item_graph.matrix.to_dense()
    alone = [build(builtin.FREEDOM, {name: matrix}).item_graph.matrix.to_dense() for name, matrix in content.items()]
    torch.testing.assert_close(both, 0.3 * alone[0] + 0.7 * alone[1])
    assert (alone[0] != alone[1]).any()


@pytest.mark.parametrize(("recommender", "trained"), FROZEN_TOO, ids=lambda value: getattr(value, "name", str(value)))
def test_a_projection_in_bfloat16_is_rounded_and_no_more(recommender, trained):
    changes = {} if trained is None else {"train_features": trained}
    found = {}
    for dtype in ("float32", "bfloat16"):
        model = build(recommender, CONTENT["both"], projection_dtype=dtype, **changes)
        loss = model.calculate_loss(interaction_of(BATCH))
        loss.backward()
        trainable = [(name, p) for name, p in model.named_parameters() if p.grad is not None]
        assert all(p.dtype == p.grad.dtype == torch.float32 for _, p in trainable)
        gradients = [p.grad.double() for name, p in trainable if name.startswith("projection")]
        found[dtype] = [loss.detach().double().view(1), *gradients]
    for exact, rounded in zip(found["float32"], found["bfloat16"], strict=True):
        assert not torch.equal(exact, rounded) or not exact.any()
        # Eight bits hold a number to 0.4 %, and terms of both signs cancel.
        torch.testing.assert_close(rounded, exact, rtol=0, atol=0.03 * exact.abs().max().item() + 1e-12)


def test_another_projection_dtype_is_refused():
    with pytest.raises(ValueError, match="projection_dtype 'int8' is not one of float32, bfloat16"):
        build(builtin.VBPR, CONTENT["visual"], projection_dtype="int8")


def test_smore_refuses_what_it_cannot_fuse():
    with pytest.raises(
        NotAvailableError, match=r"it fuses two modalities and got 1 \(visual\); use --claims-encoder late"
    ):
        build(builtin.SMORE, CONTENT["visual"])


def test_smore_drops_out_while_it_is_trained_and_by_the_node():
    model = build(builtin.SMORE, CONTENT["both"], dropout=0.5)
    np.testing.assert_array_equal(scores_of(model), scores_of(build(builtin.SMORE, CONTENT["both"], dropout=0.0)))
    model.train()
    losses = {model.calculate_loss(interaction_of(BATCH)).item() for _ in range(3)}
    assert len(losses) == 3
    some, every = torch.tensor([3, 9]), torch.arange(N_USERS + N_ITEMS + 2)
    masks = model._kept(every, 1)
    torch.testing.assert_close(model._kept(some, 1), masks[some])
    assert set(masks.unique().tolist()) == {0.0, 2.0}
    assert not torch.equal(masks, model._kept(every, 2))


def test_lgmrec_draws_in_training_and_never_for_scores():
    model = build(builtin.LGMREC, CONTENT["both"], keep_rate=0.5)
    first = scores_of(model)
    model.train()
    losses = {model.calculate_loss(interaction_of(BATCH)).item() for _ in range(3)}
    assert len(losses) == 3
    np.testing.assert_array_equal(scores_of(model), first)
    reference = dense_of(builtin.LGMREC, CONTENT["both"])
    np.testing.assert_allclose(scores_of(model), dense_scores(reference, model), atol=1e-5)


def test_a_second_layer_of_hyperedges_goes_on_from_the_first():
    changes = {"n_hyper_layers": 2, "n_content_layers": 1}
    model, reference = (make(builtin.LGMREC, CONTENT["both"], **changes) for make in (build, dense_of))
    np.testing.assert_allclose(scores_of(model), dense_scores(reference, model), atol=1e-5)
    assert not np.allclose(scores_of(model), scores_of(build(builtin.LGMREC, CONTENT["both"], n_content_layers=1)))


def test_the_larger_of_two_weights_is_kept_even_below_zero():
    one = sp.csr_matrix(np.array([[0.5, -0.2, 0], [0, 0, 0.1]]))
    other = sp.csr_matrix(np.array([[0.4, -0.3, 0], [-0.6, 0, 0]]))
    np.testing.assert_array_equal(largest(one, other).toarray(), [[0.5, -0.2, 0], [-0.6, 0, 0.1]])


@pytest.mark.parametrize("recommender", [builtin.MGCN, builtin.SMORE, builtin.LGMREC], ids=lambda r: r.name)
def test_scores_are_computed_once_for_all_users(recommender, monkeypatch):
    model = build(recommender, CONTENT["both"])
    model.eval()
    calls = []
    whole = type(model).final_embeddings
    monkeypatch.setattr(type(model), "final_embeddings", lambda self: calls.append(1) or whole(self))
    for user in range(1, N_USERS + 1):
        model.item_scores(torch.tensor([user]))
    assert len(calls) == 1


def test_the_models_of_an_ensemble_learn_nothing_from_each_other():
    alone, both = build(builtin.ENSEMBLE, {}), build(builtin.ENSEMBLE, CONTENT["both"])
    for model in (alone, both):
        optimiser = torch.optim.Adam(model.parameters(), lr=0.05)
        for _ in range(20):
            optimiser.zero_grad()
            model.calculate_loss(interaction_of(BATCH)).backward()
            optimiser.step()
    learned = parameters_of(both)
    for name, value in parameters_of(alone).items():
        np.testing.assert_allclose(learned[name], value, atol=1e-6, err_msg=name)
    assert not np.allclose(scores_of(both), scores_of(alone))
