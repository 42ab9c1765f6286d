"""A toy dataset, and a pipeline that trains on it for two epochs."""

import pytest

from recclaims.engine.pipeline import Pipeline
from recclaims.engine.profile import Profile
from recclaims.engine.settings import Settings
from recclaims.plugin_manager import load
from recclaims.store import Store

from ..toy import write_toy

TINY = {"epochs": 2, "embedding_size": 4, "train_batch_size": 256}
SETTINGS = Settings(Profile("tiny", training=TINY), replicates=1)


@pytest.fixture
def data(tmp_path):
    return str(write_toy(tmp_path / "data"))


@pytest.fixture
def pipeline(tmp_path):
    return Pipeline(SETTINGS, load(), Store(tmp_path / "store"))
