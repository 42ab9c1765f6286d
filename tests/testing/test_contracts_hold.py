"""What comes with recclaims passes the contracts that third parties are given."""

from types import MappingProxyType

import pytest

from recclaims.data.movielens import MovieLens100K
from recclaims.data.reference import open_source
from recclaims.features.resolve import make_encoder
from recclaims.plugin_manager import registry
from recclaims.recommenders import builtin
from recclaims.testing import DatasetContract, EncoderContract, RecommenderContract

from ..toy import write_toy

FAST = {"epochs": 40, "learning_rate": 0.05, "train_batch_size": 128, "embedding_size": 8}


class TestAttributes(EncoderContract):
    reads_catalogue = True

    def make(self):
        return make_encoder("attributes", registry())


class TestSentences(EncoderContract):
    def make(self):
        return make_encoder("sbert", registry())


class TestPictures(EncoderContract):
    def make(self):
        return make_encoder("efficientnet-lite0", registry())


class TestFusion(EncoderContract):
    reads_catalogue = True

    def make(self):
        return make_encoder("late_fusion:attributes+sbert", registry())


class TestMovieLens(DatasetContract):
    def make(self):
        return MovieLens100K()


class TestFolder(DatasetContract):
    @pytest.fixture(autouse=True)
    def folder(self, tmp_path):
        self.place = write_toy(tmp_path / "toy")

    def make(self):
        return open_source(str(self.place), registry())


class TestVBPR(RecommenderContract):
    recommender = builtin.VBPR
    parameters = FAST


class TestSMORE(RecommenderContract):
    recommender = builtin.SMORE
    parameters = FAST
    modalities = ("visual", "textual")


class TestContentKNN(RecommenderContract):
    recommender = builtin.CONTENT_KNN
    parameters = MappingProxyType({"k": 15})


class TestItemKNN(RecommenderContract):
    recommender = builtin.ITEMKNN
    parameters = MappingProxyType({})


#: Whose class above has this test.
ABOVE = {one.recommender.name for one in (TestVBPR, TestSMORE, TestContentKNN, TestItemKNN)}


@pytest.mark.parametrize("name", [r.name for r in builtin.recclaims_recommenders() if r.name not in ABOVE])
def test_the_order_of_the_catalogue_decides_nothing(name):
    recommender = registry().recommenders[name]
    parameters = {} if recommender.training_free else FAST
    contract = type("Contract", (RecommenderContract,), {"recommender": recommender, "parameters": parameters})
    contract().test_the_order_of_the_catalogue_decides_nothing()
