import subprocess
import sys

import pytest

from recclaims.datasets.movielens import MovieLens100K
from recclaims.datasets.reference import open_source
from recclaims.errors import RecclaimsError
from recclaims.plugin_manager import Registry


class Sized:
    name = "sized"
    settings = ("users",)
    modalities = frozenset({"textual"})

    def __init__(self, users="10"):
        self.users = int(users)


@pytest.fixture
def registry():
    return Registry(datasets={"ml-100k": MovieLens100K, "sized": Sized})


FAULTS = {
    "ml-100": "--claims-data: unknown dataset 'ml-100'; did you mean 'ml-100k'?",
    "ml-100k?splt=random": "ml-100k?splt=random: unknown key 'splt'; did you mean 'split'?",
    "ml-100k?split=tempral": "unknown split 'tempral'; did you mean 'temporal'?",
    "ml-100k?relevance=four": "relevance is 'four', neither a number nor 'none'",
    "sized?user=3": "unknown key 'user'; did you mean 'users'?",
    "sized?users=many": "sized?users=many: invalid literal for int()",
    "./nowhere": "nowhere: is not a folder",
}


@pytest.mark.parametrize(("reference", "message"), FAULTS.items())
def test_faults_name_the_reference_and_the_nearest_value(registry, reference, message):
    with pytest.raises(RecclaimsError) as caught:
        open_source(reference, registry)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_name_carries_what_was_changed(registry):
    assert open_source("ml-100k", registry).name == "ml-100k"
    changed = open_source("ml-100k?split=temporal&relevance=none", registry).load()
    assert changed.name == "ml-100k?split=temporal&relevance=none"
    assert (changed.strategy, changed.relevance) == ("temporal", None)


def test_a_source_takes_its_own_settings(registry):
    assert open_source("sized?users=7", registry)._source.users == 7


def test_opening_imports_nothing_heavy():
    code = (
        "import sys; from recclaims.plugin_manager import registry; "
        "from recclaims.datasets.reference import open_source; open_source('ml-100k', registry()).modalities; "
        "print({'torch', 'recbole', 'transformers', 'polars', 'pandas', 'PIL'} & set(sys.modules))"
    )
    command = [sys.executable, "-c", code]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip() == "set()"
