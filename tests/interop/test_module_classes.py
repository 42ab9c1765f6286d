"""Classes written for RecBole and for Cornac, named by their modules and trained as they are."""

import sys
import types

import numpy as np
import pytest

from recclaims.errors import CellError, NotAvailableError, RecclaimsError
from recclaims.interop.foreign.recommender import open_recommender, own_objects
from recclaims.own_objects import with_own
from recclaims.plugin_manager import registry
from recclaims.recommenders._recbole.fit import fit
from recclaims.testing.recommender import RecommenderContract

from .mmrec_clone import N_ITEMS, N_USERS, data, features, scores, write

RECBOLE = """
    import torch
    from recbole.model.abstract_recommender import GeneralRecommender
    from recbole.utils import InputType
    from torch import nn

    class Mine(GeneralRecommender):
        input_type = InputType.PAIRWISE

        def __init__(self, config, dataset):
            super().__init__(config, dataset)
            size = config["embedding_size"]
            self.share = 1.0 if config["share"] is None else config["share"]
            self.features = READ
            self.users, self.own = nn.Embedding(self.n_users, size), nn.Embedding(self.n_items, size)
            self.projection = nn.Linear(self.features.shape[1], size)
            for table in (self.users, self.own):
                nn.init.xavier_normal_(table.weight)

        def items(self):
            return self.own.weight + self.share * self.projection(self.features)

        def calculate_loss(self, interaction):
            user, items = self.users(interaction["user_id"]), self.items()
            difference = items[interaction["item_id"]] - items[interaction["neg_item_id"]]
            return -nn.functional.logsigmoid((user * difference).sum(1)).mean()

        def full_sort_predict(self, interaction):
            return (self.users(interaction["user_id"]) @ self.items().T).view(-1)
"""
#: How RecBole's classes read features.
READS = {
    "preload_weight": 'torch.from_numpy(dataset.get_preload_weight("iid"))',
    "item_feat": 'dataset.item_feat["text_feat"]',
    "get_item_feature": 'dataset.get_item_feature()["features"]',
}
CORNAC = """
    import numpy as np

    class Mine:
        def __init__(self, k=4, n_epochs=3, lr=1.0, seed=None, verbose=True):
            self.k, self.n_epochs, self.seed = k, n_epochs, seed
            assert not verbose

        def fit(self, train_set, val_set=None):
            features = READ
            drawn = np.random.default_rng(self.seed).standard_normal((train_set.num_items, self.k))
            # What a user had, by what it is like; an item of its own lot.
            had = np.zeros((train_set.num_users, train_set.num_items))
            had[train_set.uir_tuple[0], train_set.uir_tuple[1]] = 1
            self.taste, self.rows = had @ features, features
            self.epochs, self.lot = self.n_epochs, 1e-6 * drawn[:, 0]
            return self

        def score(self, user_idx, item_idx=None):
            return self.rows @ self.taste[user_idx] + self.lot
"""
#: What Cornac has of what such a class needs.
MODALITIES = {"item_image", "item_text", "item_feature"}


@pytest.fixture
def place(importable):
    return importable


def written(place, name, text, read):
    write(place / f"given_{name}.py", text.replace("READ", read))
    return f"given_{name}:Mine"


def trained(reference, content=None, seed=0, **parameters):
    found = open_recommender(reference)
    content = {"textual": features()} if content is None else content
    quick = {"epochs": 3, "eval_step": 1, "learning_rate": 0.02, "train_batch_size": 128, "embedding_size": 8}
    return fit(found, {**found.parameters, **quick, **found.fixed, **parameters}, data(**content), seed)


def failure(reference, error=CellError, content=None):
    with pytest.raises(error) as raised:
        trained(reference, content)
    said = str(raised.value)
    assert "\n" not in said
    return said


@pytest.mark.parametrize("read", READS)
def test_a_recbole_class_is_given_features_as_it_reads_them(place, read):
    reference = "recbole:" + written(place, read, RECBOLE, READS[read])
    first = trained(reference, seed=3)
    assert first.epochs == 3
    assert scores(first).shape == (N_USERS, N_ITEMS)
    np.testing.assert_array_equal(scores(first), scores(trained(reference, seed=3)))
    shuffled = np.random.default_rng(0).permutation(features())
    assert trained(reference, epochs=12).valid_score > trained(reference, {"textual": shuffled}, epochs=12).valid_score


def test_image_and_text_fields_are_the_modalities(place):
    image, text = (f'dataset.get_preload_weight("{field}")' for field in ("image_emb", "text"))
    read = f"torch.from_numpy({image} + 0 * {text})"
    reference = "recbole:" + written(place, "both", RECBOLE, read)
    says = failure(reference, NotAvailableError)
    assert "it needs both image and text features and got only texts; use --claims-encoder late_fusion:" in says
    both = {"visual": features(), "textual": features(seed=1)}
    np.testing.assert_array_equal(
        scores(trained(reference, both)), scores(trained(reference, {**both, "textual": features(seed=2)}))
    )


def test_recboles_own_bpr_never_reads_features():
    said = failure("recbole:recbole.model.general_recommender.bpr:BPR")
    assert said == "recbole-bpr: BPR never reads its features: other features give exactly the same loss and scores"


def test_a_pointwise_class_that_scores_pairs_is_asked_as_well():
    assert "NeuMF never reads its features" in failure("recbole:recbole.model.general_recommender.neumf:NeuMF")


def test_a_switch_and_settings_of_a_recbole_class(place):
    reference = "recbole:" + written(place, "switched", RECBOLE, READS["item_feat"])
    found = open_recommender(f"{reference}?share=2&twin=share:0")
    assert (dict(found.parameters), found.twins, found.stand_in) == ({"share": 2}, {"twin": {"share": 0}}, None)
    quick = {"epochs": 2, "eval_step": 1, "embedding_size": 8}
    assert fit(found, {**quick, **found.twins["twin"]}, data(), 0).epochs == 2
    assert "with share=0.5 it still reads features" in _twin_failure(f"{reference}?twin=share:0.5", quick)
    assert "Mine never reads the setting shear; leave it out" in failure(f"{reference}?shear=1")
    assert open_recommender(reference).stand_in == "constant"


def _twin_failure(reference, quick):
    found = open_recommender(reference)
    with pytest.raises(CellError) as raised:
        fit(found, {**quick, **found.twins["twin"]}, data(), 0)
    return str(raised.value)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("size = config", 'raise ValueError("no such\\nthing")\n            size = config', "no such"),
        ('config["embedding_size"]', 'config["factors"]', "its config has no factors"),
        ("return -nn", "return float('nan') * -nn", "loss is nan in epoch 1"),
        ("self.items().T)", "self.items().T / 0)", "scores contain NaN or inf"),
    ],
)
def test_what_a_recbole_class_does_wrong_is_one_line(place, old, new, says):
    text = RECBOLE.replace(old, new)
    assert says in failure("recbole:" + written(place, "wrong", text, READS["item_feat"]))


def test_nothing_is_written_where_one_works(place, tmp_path, monkeypatch):
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    text = RECBOLE.replace("size = config", "open('here.txt', 'w').close()\n            size = config")
    assert trained("recbole:" + written(place, "writes", text, READS["item_feat"])).epochs == 3
    assert not list(here.iterdir())


def test_a_changed_class_is_another_and_travels(place):
    reference = "recbole:" + written(place, "changed", RECBOLE, READS["item_feat"])
    before = open_recommender(reference)
    written(place, "changed", RECBOLE.replace("size = config", "size = 1 * config"), READS["item_feat"])
    after = open_recommender(reference)
    assert before.version != after.version
    own = own_objects([after])
    there = with_own(registry(), own.packed())
    assert there.recommenders["recbole-mine"] == after
    assert there.origin["recommenders", "recbole-mine"] == "recbole class"


@pytest.mark.parametrize(
    ("reference", "says"),
    [
        ("recbole:no_such_module:Mine", "there is no module no_such_module here or on Python's path"),
        ("recbole:recbole.model.none:Mine", "recbole has no module recbole.model.none"),
        ("recbole:recbole.model.general_recommender.bpr:BRP", "unknown class 'BRP'; did you mean 'BPR'"),
        ("recbole:a b:C", "write recbole:MODULE:CLASS, as in recbole:my_package.model:Mine"),
        ("recbole:recbole.model.general_recommender.bpr:BPR?config=x", "config=FILE is for mmrec: classes"),
    ],
)
def test_a_reference_that_names_nothing_says_what_to_write(reference, says):
    with pytest.raises(RecclaimsError) as raised:
        open_recommender(reference)
    assert says in str(raised.value)


class Modality:
    def __init__(self, features=None):
        self.features = features


class Data:
    """As much of Cornac's data set as a class of its interface reads."""

    @classmethod
    def build(cls, data, global_uid_map, global_iid_map, seed):
        made = cls()
        users, items, ratings = zip(*data, strict=True)
        made.uir_tuple = np.array(users), np.array(items), np.array(ratings)
        made.num_users, made.num_items = len(global_uid_map), len(global_iid_map)
        return made

    def add_modalities(self, **given):
        assert set(given) == MODALITIES
        vars(self).update(given)


@pytest.fixture
def cornac(monkeypatch):
    """Cornac itself where it is installed, else what is read of it."""
    try:
        import cornac.data  # noqa: F401
    except ImportError:
        fake = types.ModuleType("cornac.data")
        fake.Dataset, fake.ImageModality, fake.TextModality, fake.FeatureModality = Data, Modality, Modality, Modality
        monkeypatch.setitem(sys.modules, "cornac", types.ModuleType("cornac"))
        monkeypatch.setitem(sys.modules, "cornac.data", fake)


@pytest.mark.usefixtures("cornac")
def test_a_cornac_class_is_fitted_once_and_ranked(place):
    reference = "cornac:" + written(place, "fitted", CORNAC, "train_set.item_text.features")
    first = trained(reference, seed=3)
    assert (first.epochs, first.best_epoch) == (1, 1)
    assert scores(first).shape == (N_USERS, N_ITEMS)
    np.testing.assert_array_equal(scores(first), scores(trained(reference, seed=3)))
    shuffled = np.random.default_rng(0).permutation(features())
    assert first.valid_score > trained(reference, {"textual": shuffled}).valid_score + 0.05


@pytest.mark.usefixtures("cornac")
@pytest.mark.parametrize("read", ["item_image", "item_text", "item_feature"])
def test_features_are_the_modality_that_it_reads(place, read):
    reference = "cornac:" + written(place, read, CORNAC, f"train_set.{read}.features")
    widths = {"item_image": 4, "item_text": 6, "item_feature": 10}
    text = CORNAC.replace("features = READ", f"features = READ\n            assert features.shape[1] == {widths[read]}")
    reference = "cornac:" + written(place, f"{read}_wide", text, f"train_set.{read}.features")
    assert trained(reference, {"visual": features(width=4), "textual": features()}).epochs == 1


@pytest.mark.usefixtures("cornac")
def test_a_cornac_class_that_reads_none_or_fails_says_so(place):
    nothing = "np.eye(train_set.num_items)[:, :3]"
    said = failure("cornac:" + written(place, "none", CORNAC, nothing))
    assert said == "cornac-mine: Mine never reads its features: other features give exactly the same loss and scores"
    reference = "cornac:" + written(place, "keyed", CORNAC, "train_set.item_feature.features")
    assert "unknown setting 'epochs'; did you mean 'n_epochs'" in failure(f"{reference}?epochs=3")
    assert trained(f"{reference}?n_epochs=7").epochs == 1
    broken = CORNAC.replace("return self\n", "raise RuntimeError('not today')\n")
    assert "RuntimeError: not today (given_broken.py:" in failure(
        "cornac:" + written(place, "broken", broken, "train_set.item_feature.features")
    )
    short = CORNAC.replace("+ self.lot", "+ self.lot)[:3]").replace("return self.rows", "return (self.rows")
    assert "score returned (3,) for 40 items" in failure(
        "cornac:" + written(place, "short", short, "train_set.item_feature.features")
    )


def test_without_cornac_one_line_says_how_to_get_it(place, monkeypatch):
    monkeypatch.setitem(sys.modules, "cornac", None)
    monkeypatch.setitem(sys.modules, "cornac.data", None)
    said = failure("cornac:" + written(place, "alone", CORNAC, "None"), NotAvailableError)
    assert said.startswith("cornac-mine: cornac cannot be imported")
    assert said.endswith("pip install cornac")


class TestOneThatReadsFeaturesByPreloadWeight(RecommenderContract):
    parameters = types.MappingProxyType({
        "epochs": 30, "learning_rate": 0.05, "train_batch_size": 128, "embedding_size": 8
    })  # fmt: skip

    @pytest.fixture(autouse=True)
    def opened(self, place):
        self.recommender = open_recommender("recbole:" + written(place, "contract", RECBOLE, READS["preload_weight"]))

    def test_the_order_of_the_catalogue_decides_nothing(self):
        pytest.skip("as for every model of RecBole's; takes long")
