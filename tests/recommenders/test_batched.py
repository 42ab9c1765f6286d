"""Cells that are trained together are the cells that are trained apart."""

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from recclaims.evaluation.ranking import ItemLists
from recclaims.recommenders import builtin
from recclaims.recommenders._recbole.fit import TrainingData, fit, prepare
from recclaims.recommenders._recbole.sampling import SAMPLERS, make_batches
from recclaims.recommenders.batched.families import FAMILIES, has_batched_form
from recclaims.recommenders.batched.sampling import CellBatches
from recclaims.recommenders.batched.trainer import MOST, Together, fitting, shape
from recclaims.recommenders.spec import Recommender

from .blocks import N_ITEMS, N_USERS, checkerboard, parity_features

SMALL = {"train_batch_size": 100, "embedding_size": 8, "learning_rate": 0.01, "knn_k": 4, "eval_step": 2}
CPU = torch.device("cpu")
BATCHED = [r for r in vars(builtin).values() if isinstance(r, Recommender) and r.model in FAMILIES]
CASES = [(r, twin) for r in BATCHED for twin in ([None, *r.twins] if r.content else [None])]


def data_of(recommender, seed, twin=None, modalities=("visual", "textual")):
    """A cell's own split, whose number of pairs may be another, and its own features."""
    users, items, held = checkerboard(seed)
    content = {}
    if recommender.content and twin is None:
        content = {name: parity_features(noise=0.5, seed=seed + n) for n, name in enumerate(modalities)}
    return TrainingData(users, items, N_USERS, N_ITEMS, held, content)


def cell(recommender, seed, twin=None, **changes):
    parameters = {**SMALL, **(recommender.twins[twin] if twin else {}), **changes}
    return prepare(recommender, parameters, data_of(recommender, seed, twin), seed)


def trained(cells, epochs=3, dtype=torch.float64):
    together = Together(cells, CPU, dtype)
    losses = [together.train_epoch(number) for number in range(epochs)]
    return torch.stack(losses), {name: value.detach() for name, value in together._model.parameters.items()}


@pytest.mark.parametrize(("recommender", "twin"), CASES, ids=lambda v: v.name if v and not isinstance(v, str) else v)
def test_cells_together_equal_cells_apart(recommender, twin):
    """Three cells with other splits, other features and other numbers of pairs, in float64."""
    seeds = (0, 1, 2)
    losses, weights = trained([cell(recommender, seed, twin) for seed in seeds])
    for place, seed in enumerate(seeds):
        alone_losses, alone = trained([cell(recommender, seed, twin)])
        torch.testing.assert_close(losses[:, place], alone_losses[:, 0], rtol=1e-9, atol=1e-9)
        for name, value in alone.items():
            torch.testing.assert_close(weights[name][place], value[0], rtol=1e-9, atol=1e-9, msg=name)


@pytest.mark.parametrize(("recommender", "twin"), CASES, ids=lambda v: v.name if v and not isinstance(v, str) else v)
def test_a_batched_cell_is_that_of_the_pool(recommender, twin):
    """The same model trained by RecBole's loop, to the rounding of float32."""
    one = Together([cell(recommender, 3, twin, epochs=4)], CPU)
    (batched,) = one.run()
    parameters = {**SMALL, **(recommender.twins[twin] if twin else {}), "epochs": 4}
    alone = fit(recommender, parameters, data_of(recommender, 3, twin), 3)
    everyone = np.arange(N_USERS)
    np.testing.assert_allclose(batched.score(everyone), alone.score(everyone), atol=2e-4)
    assert (batched.epochs, batched.best_epoch) == (alone.epochs, alone.best_epoch)
    assert batched.valid_score == pytest.approx(alone.valid_score, abs=1e-2)


@pytest.mark.parametrize(
    ("recommender", "changes"),
    [(builtin.MGCN, {}), (builtin.SMORE, {"dropout": 0.3}), (builtin.LGMREC, {"n_hyper_layers": 2})],
    ids=lambda v: getattr(v, "name", ""),
)
def test_batches_shorter_than_the_catalogue_contrast_the_same(recommender, changes):
    """Of fewer pairs than users: then it is the batch's places that are contrasted, not all users with their counts."""
    parameters = {**SMALL, "train_batch_size": 25, "epochs": 4, "cl_weight": 0.5, **changes}
    (batched,) = Together([prepare(recommender, parameters, data_of(recommender, 3), 3)], CPU).run()
    alone = fit(recommender, parameters, data_of(recommender, 3), 3)
    np.testing.assert_allclose(batched.score(np.arange(N_USERS)), alone.score(np.arange(N_USERS)), atol=1e-3)


@pytest.mark.parametrize("recommender", [builtin.LATTICE, builtin.LATTICE_ELLIOT], ids=lambda r: r.name)
def test_lattice_with_an_item_unlike_all_others_is_that_of_the_pool(recommender):
    def data(seed):
        users, items, held = checkerboard(seed)
        features = 3 + np.random.default_rng(seed).random((N_ITEMS, 4), dtype=np.float32)
        features[0] *= -1
        return TrainingData(users, items, N_USERS, N_ITEMS, held, {"visual": features})

    parameters = {**SMALL, "epochs": 4}
    together = Together([prepare(recommender, parameters, data(seed), seed) for seed in (0, 1)], CPU).run()
    for seed, batched in enumerate(together):
        alone = fit(recommender, parameters, data(seed), seed)
        np.testing.assert_allclose(batched.score(np.arange(N_USERS)), alone.score(np.arange(N_USERS)), atol=2e-4)


def at_random(recommender, seed):
    """Validation at random, so that each cell stops when chance has it."""
    users, items, _ = checkerboard(seed)
    random = np.random.default_rng(seed)
    pairs = {(user, int(item)) for user in range(N_USERS) for item in random.permutation(N_ITEMS)[:3]}
    chance = np.array(sorted(pairs - set(zip(users.tolist(), items.tolist(), strict=True))))
    valid = ItemLists.of(chance[:, 0], chance[:, 1], N_USERS)
    # One modality is enough but for SMORE, which fuses two.
    modalities = ("visual", "textual") if recommender is builtin.SMORE else ("textual",)
    content = {name: parity_features(seed=seed) for name in modalities} if recommender.content else {}
    known = {**SMALL, "eval_step": 1, "stopping_step": 2, "epochs": 40, "average_best": 3}
    return prepare(recommender, known, TrainingData(users, items, N_USERS, N_ITEMS, valid, content), seed)


def finished(cells, monkeypatch):
    """What came of each cell, and the weights that it was given, in float64."""
    given = {}

    def write_back(model, place, state):
        given[id(model.models[place])] = state

    monkeypatch.setattr("recclaims.recommenders.batched.model.BatchedModel.write_back", write_back)
    return [
        (result, given[id(c.model)]) for c, result in zip(cells, Together(cells, CPU, torch.float64).run(), strict=True)
    ]


@pytest.mark.parametrize("recommender", BATCHED, ids=lambda r: r.name)
def test_each_cell_stops_when_it_would_alone(recommender, monkeypatch):
    first = shape(at_random(recommender, 0))
    seeds = [seed for seed in range(9) if shape(at_random(recommender, seed)) == first]
    assert len(seeds) >= 3
    together = finished([at_random(recommender, seed) for seed in seeds], monkeypatch)
    assert len({result.epochs for result, _ in together}) > 1
    for seed, (result, weights) in zip(seeds, together, strict=True):
        ((alone, of_alone),) = finished([at_random(recommender, seed)], monkeypatch)
        assert (result.epochs, result.best_epoch, result.valid_score) == (
            alone.epochs,
            alone.best_epoch,
            alone.valid_score,
        )
        for name, value in of_alone.items():
            torch.testing.assert_close(weights[name], value, rtol=1e-9, atol=1e-9, msg=name)


def test_the_last_epoch_is_validated_where_it_ends_between_two_validations(monkeypatch):
    known = {"average_best": 1, "epochs": 7, "stopping_step": 9}
    every, third = (finished([cell(builtin.BPR, 0, **known, eval_step=step)], monkeypatch) for step in (1, 3))
    ((often, weights),), ((rarely, others),) = every, third
    assert (often.best_epoch, rarely.best_epoch) == (7, 7)
    for name, value in weights.items():
        torch.testing.assert_close(others[name], value, rtol=0, atol=0, msg=name)


class NoWaiting(TorchDispatchMode):
    """Refuses what would wait for a GPU, or give as many numbers as its values say: neither can be captured."""

    WAITS = ("_local_scalar_dense", "nonzero", "unique", "masked_select", "is_nonzero", "equal", "bincount")

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        name = func.overloadpacket.__name__
        assert not any(name.startswith((waits, "_" + waits)) for waits in self.WAITS), name
        if name in ("index", "index_put_"):
            assert not any(part is not None and part.dtype is torch.bool for part in args[1]), name
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize(("recommender", "twin"), CASES, ids=lambda v: v.name if v and not isinstance(v, str) else v)
def test_a_step_never_waits_for_the_device(recommender, twin):
    together = Together([cell(recommender, seed, twin) for seed in (0, 1)], CPU)
    together.train_epoch(0)
    with NoWaiting():
        loss = together._model.loss(together._batches.next()).sum()
        torch.autograd.grad(loss, together._parameters, allow_unused=True)


@pytest.mark.parametrize("waiting", [torch.nonzero, torch.Tensor.item, torch.unique, lambda one: one[one > 0]])
def test_what_waits_is_noticed(waiting):
    with pytest.raises(AssertionError), NoWaiting():
        waiting(torch.ones(1))


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_a_device_draws_the_batches_of_the_pool(sampler):
    # As many batches of each cell, though they have other numbers of pairs.
    alone, size = [], 40 if sampler == "distinct-users" else 100
    for seed in range(3):
        users, items, _ = checkerboard(seed)
        alone.append(make_batches(sampler, users + 1, items + 1, N_ITEMS, size, seed))
        alone[-1].take_at_least(15)
    together = CellBatches(alone, CPU, torch.float32)
    for number in range(3):
        together.draw_epoch(number)
        own = [list(batches) for batches in alone]
        assert len(own[0]) == together.steps
        for step in range(together.steps):
            batch = together.next()
            for place in range(3):
                n = int(batch.counts[place])
                assert n == len(own[place][step]) == batch.present[place].sum()
                for column, name in (
                    (batch.users, "user_id"),
                    (batch.positive, "item_id"),
                    (batch.negative, "neg_item_id"),
                ):
                    assert column[place, :n].tolist() == own[place][step][name].tolist()
                    assert not column[place, n:].any()


def test_a_cell_that_diverges_leaves_the_others_alone():
    cells = [cell(builtin.FREEDOM, seed, epochs=4) for seed in range(3)]
    with torch.no_grad():
        cells[1].model.user_embedding[3] = torch.inf
    results = Together(cells, CPU).run()
    assert "training loss is" in str(results[1])
    others = Together([cell(builtin.FREEDOM, seed, epochs=4) for seed in (0, 2)], CPU).run()
    everyone = np.arange(N_USERS)
    for one, other in zip((results[0], results[2]), others, strict=True):
        np.testing.assert_allclose(one.score(everyone), other.score(everyone), atol=1e-6)


def test_cells_of_other_shapes_are_told_apart():
    same = {shape(cell(builtin.VBPR, seed)) for seed in (0, 1)}
    assert len(same) == 1
    others = {
        shape(cell(builtin.VBPR, 0, "twin")),
        shape(cell(builtin.VBPR, 0, embedding_size=4)),
        shape(cell(builtin.VBPR, 0, reg_weight=0.2)),
    }
    assert len(others | same) == 4


def test_cells_of_two_shapes_are_refused():
    with pytest.raises(ValueError, match="one shape"):
        Together([cell(builtin.BPR, 0), cell(builtin.BPR, 0, embedding_size=4)], CPU)


def test_what_has_no_batched_form_says_so():
    assert has_batched_form(builtin.VBPR.model, builtin.VBPR.parameters)
    assert not has_batched_form(builtin.VBPR.model, {**builtin.VBPR.parameters, "projection_dtype": "bfloat16"})
    assert not has_batched_form(builtin.ITEMKNN.model, builtin.ITEMKNN.parameters)
    assert not has_batched_form("BPR", {})


def test_a_whole_number_of_cells_fits():
    assert fitting(cell(builtin.BPR, 0)) == MOST
