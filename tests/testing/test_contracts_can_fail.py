"""Each fault is caught by the test of a contract that is meant to catch it."""

from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from recbole.model.abstract_recommender import GeneralRecommender
from recbole.utils import InputType

import recclaims
from recclaims.data.reference import open_source
from recclaims.errors import RecclaimsError
from recclaims.features.spec import EncoderSpec
from recclaims.plugin_manager import registry
from recclaims.recommenders import builtin
from recclaims.recommenders.models import item_knn
from recclaims.recommenders.spec import Recommender
from recclaims.testing import DatasetContract, EncoderContract, RecommenderContract
from recclaims.testing.catalogue import plain_items

from ..toy import write_toy

ANSWERS = {"temperature": "0", "top_p": "1", "seed": "0", "max_new_tokens": "64"}
FAILS = (AssertionError, RecclaimsError, pytest.fail.Exception)


class Lengths:
    """A sound encoder: how long title and description are, and what they begin with."""

    name, modality, version = "lengths", "textual", "1"

    def encode(self, items):
        rows = [[len(i.title), len(i.description), ord((i.text or " ")[0])] for i in items]
        return np.array(rows, dtype=np.float32)


def encoder(encode=Lengths.encode, **attributes):
    return type("Faulty", (Lengths,), {"encode": encode, **attributes})()


def contract_of(made):
    return type("Contract", (EncoderContract,), {"make": lambda self: made})()


def centred(self, items):
    rows = Lengths.encode(self, items)
    return rows - rows.mean(axis=0)


def by_place(self, items):
    return np.arange(len(items), dtype=np.float32)[:, None]


def at_random(self, items):
    return np.random.default_rng().random((len(items), 2), dtype=np.float32)


def alike(self, items):
    return np.ones((len(items), 2), dtype=np.float32)


def only_long(self, items):
    return np.array([[float(len(item.title) // len(item.description))] for item in items], dtype=np.float32)


def changing(self, items):
    for item in items:
        item.attributes["seen"] = ("yes",)
    return Lengths.encode(self, items)


ENCODERS = {
    "rows": (encoder(lambda self, items: alike(self, items)[1:]), "test_it_makes_a_finite_row_per_item"),
    "nan": (encoder(lambda self, items: alike(self, items) * np.nan), "test_it_makes_a_finite_row_per_item"),
    "covers": (encoder(covers=lambda self, item: item.item_id != "i3"), "test_it_makes_a_finite_row_per_item"),
    "alike": (encoder(alike), "test_its_rows_can_carry_a_claim"),
    "random": (encoder(at_random), "test_it_makes_the_same_rows_again"),
    "place": (encoder(by_place), "test_a_row_stays_with_its_item"),
    "centred": (encoder(centred), "test_a_row_depends_on_its_item_alone"),
    "changing": (encoder(changing), "test_it_leaves_the_items_alone"),
}


@pytest.mark.parametrize(("made", "test"), ENCODERS.values(), ids=ENCODERS)
def test_a_faulty_encoder_fails(made, test, tmp_path):
    items = plain_items(tmp_path)
    getattr(contract_of(encoder()), test)(encoder(), items)
    with pytest.raises(FAILS):
        getattr(contract_of(made), test)(made, items)


def test_an_encoder_that_cannot_take_odd_items_fails(tmp_path):
    contract_of(encoder()).test_it_encodes_odd_items(encoder(), tmp_path)
    with pytest.raises(FAILS, match="ZeroDivisionError"):
        contract_of(encoder()).test_it_encodes_odd_items(encoder(only_long), tmp_path)


@pytest.mark.parametrize("attributes", [{"name": ""}, {"version": 1}, {"modality": "smell"}, {"name": "a b"}])
def test_an_encoder_that_does_not_say_what_it_is_fails(attributes):
    contract_of(encoder()).test_it_says_what_it_is()
    with pytest.raises(FAILS):
        contract_of(encoder(**attributes)).test_it_says_what_it_is()


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        ({"requires": {"sound"}}, "it requires something other than"),
        ({"spec": EncoderSpec(requires=frozenset({"sound"}))}, "it requires something other than"),
        ({"spec": EncoderSpec(chunk=-1)}, "has chunk -1"),
        ({"spec": EncoderSpec(place="folder/x")}, "does not stand in its name"),
        ({"prepare": 3}, "has prepare 3, which is not a method"),
        ({"unavailable": lambda self: ""}, "gives neither a reason nor None"),
        ({"spec": EncoderSpec(answering=ANSWERS), "variant": lambda self, settings: "other"}, "names another encoder"),
    ],
)
def test_an_encoder_that_declares_what_cannot_be_meant_fails(attributes, message):
    good = encoder(spec=EncoderSpec(answering=ANSWERS, chunk=2), variant=lambda self, settings: self.name)
    contract_of(good).test_it_declares_what_can_be_meant()
    with pytest.raises(FAILS, match=message):
        contract_of(encoder(**attributes)).test_it_declares_what_can_be_meant()


def test_sets_that_are_none_fail(tmp_path):
    items = plain_items(tmp_path)
    contract_of(encoder()).test_its_rows_are_what_it_declares(encoder(), items)
    sets = encoder(spec=EncoderSpec(representation="sets"))
    with pytest.raises(FAILS, match="it declares sets"):
        contract_of(sets).test_its_rows_are_what_it_declares(sets, items)


def test_a_module_that_imports_something_heavy_is_named():
    made = encoder()
    type(made).__module__ = "recclaims.recommenders._recbole.fit"
    with pytest.raises(AssertionError, match=r"imports .*torch"):
        contract_of(made).test_its_module_imports_nothing_heavy()


def test_a_contract_without_make_says_so():
    with pytest.raises(NotImplementedError, match="must define `make`"):
        EncoderContract().test_it_says_what_it_is()


@pytest.fixture
def toy(tmp_path):
    return open_source(str(write_toy(tmp_path / "toy")), registry()).load()


def again(values):
    return np.concatenate([values, values[:1]])


def columns(toy, **changes):
    return replace(toy, interactions=replace(toy.interactions, **changes))


DATASETS = {
    "twice": (lambda t: replace(t, items=[*t.items[1:], t.items[1]]), "test_ids_are_unique"),
    "users": (lambda t: replace(t, user_ids=["u"] * len(t.user_ids)), "test_ids_are_unique"),
    "range": (lambda t: replace(t, items=t.items[:-1]), "test_columns_are_aligned_and_in_range"),
    "long": (lambda t: columns(t, ratings=again(t.interactions.ratings)), "test_columns_are_aligned_and_in_range"),
    "type": (lambda t: columns(t, users=t.interactions.users.astype(float)), "test_columns_are_aligned_and_in_range"),
    "pair": (
        lambda t: columns(t, users=again(t.interactions.users), items=again(t.interactions.items)),
        "test_a_pair_occurs_once",
    ),
    "threshold": (lambda t: replace(columns(t, ratings=None), relevance=4.0), "test_its_protocol_can_be_followed"),
    "strategy": (lambda t: replace(t, strategy="luck"), "test_its_protocol_can_be_followed"),
    "relevant": (lambda t: replace(t, relevance=99.0), "test_it_can_be_split_and_scored"),
    "planted": (lambda t: replace(t, planted="yes"), "test_its_card_can_be_written"),
}


@pytest.mark.parametrize(("change", "test"), DATASETS.values(), ids=DATASETS)
def test_a_faulty_dataset_fails(change, test, toy):
    getattr(DatasetContract(), test)(toy)
    with pytest.raises(AssertionError):
        getattr(DatasetContract(), test)(change(toy))


class Source:
    """A source of one dataset, which promises whatever it is told to."""

    name = "toy"

    def __init__(self, loaded, modalities):
        self.loaded, self.modalities = loaded, frozenset(modalities)

    def load(self):
        return self.loaded.pop(0)


def test_an_empty_promise_fails(toy):
    def contract(modalities):
        return type("Contract", (DatasetContract,), {"make": lambda self: Source([toy], modalities)})()

    contract({"textual", "attributes"}).test_its_items_carry_what_it_promised(toy)
    with pytest.raises(AssertionError, match="it declares visual"):
        contract({"visual"}).test_its_items_carry_what_it_promised(toy)
    with pytest.raises(AssertionError, match="not of attributes, textual, visual"):
        contract({"smell"}).test_it_says_what_it_is()


def test_a_dataset_that_changes_between_loads_fails(toy):
    other = replace(toy, items=[replace(toy.items[0], title="another"), *toy.items[1:]])
    contract = type("Contract", (DatasetContract,), {"make": lambda self: Source([other], ())})()
    with pytest.raises(AssertionError):
        contract.test_it_loads_the_same_again(toy)


class Blind(GeneralRecommender):
    """Scores by chance, and reads nothing."""

    input_type = InputType.POINTWISE

    def calculate_loss(self, batch):
        return torch.zeros(())

    def full_sort_predict(self, batch):
        return torch.rand(len(batch), self.n_items)


@pytest.mark.parametrize(
    ("test", "says"),
    [
        ("test_it_finds_what_is_obvious", "it does not learn which half of the items a user likes"),
        ("test_a_users_scores_do_not_depend_on_the_others", "differ with who else is asked for"),
    ],
)
def test_a_recommender_that_guesses_fails(test, says):
    blind = Recommender("blind", "1", f"{__name__}:Blind", training_free=True)
    contract = type("Contract", (RecommenderContract,), {"recommender": blind, "parameters": {}})()
    with pytest.raises(AssertionError, match=says):
        getattr(contract, test)()


class Deaf(Blind):
    """Scores every item alike."""

    def full_sort_predict(self, batch):
        return torch.zeros(len(batch), self.n_items)


def test_a_recommender_that_reads_nothing_fails():
    deaf = Recommender("deaf", "1", f"{__name__}:Deaf", training_free=True)
    contract = type("Contract", (RecommenderContract,), {"recommender": deaf, "parameters": {}})()
    with pytest.raises(AssertionError, match="it never reads its features"):
        contract.test_it_reads_its_features()
    with pytest.raises(AssertionError, match=r"97 % of its scores are equal to another .* so the lot ranks and not it"):
        contract.test_it_tells_items_apart()


def test_a_recommender_that_does_not_know_unseen_items_fails():
    """BM3 reads features in its loss alone."""
    says = replace(builtin.BM3, scores_unseen_items=True)
    contract = type("Contract", (RecommenderContract,), {"recommender": says})()
    with pytest.raises(AssertionError, match="score the same with other features; leave scores_unseen_items out"):
        contract.test_it_knows_unseen_items_by_their_features()


class Keeps(Blind):
    """Gives away the scores that it keeps, and says that they are fresh."""

    fresh_scores = True

    def full_sort_predict(self, batch):
        if not hasattr(self, "kept"):
            self.kept = torch.rand(self.n_users, self.n_items)
        return self.kept[: len(batch)]


class Says(recclaims.ContentRecommender):
    """Scores items by the sum of their features, and says that it derives what it does not read."""

    def __init__(self, config, dataset):
        super().__init__(config, dataset)
        self.derived = sp.csr_matrix(np.eye(2, dtype=np.float32))
        if config["derived"]:
            self.derived = config["derived"]
        if config["fresh"]:
            self.fresh_scores = config["fresh"]

    def calculate_loss(self, batch):
        return torch.zeros(())

    def item_scores(self, users):
        return self.features("textual").sum(dim=1).expand(len(users), -1).clone()


@pytest.mark.parametrize(
    ("model", "changes", "test", "message"),
    [
        ("Keeps", {}, "test_its_scores_are_the_callers", "leave fresh_scores out"),
        ("Says", {}, "test_what_it_derives_is_all_that_it_reads", "set derived to all that it reads"),
        (
            "Says",
            {"parameters": {"derived": [1]}},
            "test_it_declares_what_can_be_meant",
            r"says: model Says has derived \[1\]; write for example derived = scipy.sparse.csr_matrix\(graph\)",
        ),
        (
            "Says",
            {"parameters": {"fresh": "yes"}},
            "test_it_declares_what_can_be_meant",
            "says: model Says has fresh_scores 'yes'; write for example fresh_scores = True",
        ),
        ("Says", {"reads": "set"}, "test_it_declares_what_can_be_meant", "did you mean 'sets'"),
        ("Says", {"sampler": "user"}, "test_it_declares_what_can_be_meant", "did you mean 'users'"),
        ("Says", {"parameters": {1: 2}}, "test_it_declares_what_can_be_meant", "1 for a name"),
    ],
)
def test_a_recommender_that_declares_what_cannot_be_meant_fails(model, changes, test, message):
    says = Recommender(model.lower(), "1", f"{__name__}:{model}", training_free=True, **changes)
    contract = type("Contract", (RecommenderContract,), {"recommender": says, "parameters": {}})()
    with pytest.raises(FAILS, match=message):
        getattr(contract, test)()


def first_of_equals(values, k, lot, first):
    """As `ties.top`, but for the lot: of equal ones those that come first in the catalogue."""
    found = torch.sort(values, dim=1, descending=True, stable=True)
    return found.values[:, :k], found.indices[:, :k]


def whatever_comes(values, k, lot, first):
    """The same, as torch likes it: not in the order of the catalogue, but by the place in it."""
    return tuple(torch.topk(values, k, dim=1))


def same_order(rows, k, random, **settings):
    """As `item_knn.neighbours`, but for the lot."""

    class NoLot:
        permutation = staticmethod(np.asarray)

    return drawn_neighbours(rows, k, NoLot(), **settings)


drawn_neighbours = item_knn.neighbours
FAST = {"epochs": 40, "learning_rate": 0.05, "train_batch_size": 128, "embedding_size": 8}


@pytest.mark.parametrize(
    ("made", "parameters", "place", "other"),
    [
        (builtin.CONTENT_KNN, {}, "models.content_knn.top", first_of_equals),
        (builtin.CONTENT_KNN, {}, "models.content_knn.top", whatever_comes),
        (builtin.FREEDOM, FAST, "_kernels.graphs.top", first_of_equals),
        (builtin.ATTRIBUTE_KNN_CONTENT, {"k": 5}, "models.item_knn.neighbours", same_order),
    ],
)
def test_a_recommender_that_takes_the_first_of_equals_fails(made, parameters, place, other, monkeypatch):
    contract = type("Contract", (RecommenderContract,), {"recommender": made, "parameters": parameters})()
    contract.test_the_order_of_the_catalogue_decides_nothing()
    monkeypatch.setattr(f"recclaims.recommenders.{place}", other)
    with pytest.raises(AssertionError, match="the order of the catalogue affects the ranking"):
        contract.test_the_order_of_the_catalogue_decides_nothing()


def test_a_recommender_that_guesses_or_scores_alike_is_fair():
    for made in (Blind, Deaf):
        fair = Recommender("fair", "1", f"{__name__}:{made.__name__}", training_free=True)
        contract = type("Contract", (RecommenderContract,), {"recommender": fair, "parameters": {}})()
        contract.test_the_order_of_the_catalogue_decides_nothing()
