import subprocess
import sys
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

from recclaims.data.movielens import MovieLens100K
from recclaims.data.parameters import Parameter
from recclaims.data.reference import load_dataset, located, open_source
from recclaims.errors import RecclaimsError, UnknownNameError
from recclaims.features.arguments import join_argument, split_argument
from recclaims.features.resolve import make_encoder
from recclaims.plugin_manager import Registry
from recclaims.plugin_manager import registry as installed

from ..toy import write_toy


class Sized:
    name = "sized"
    parameters: ClassVar = {
        "users": Parameter(10, "how many", least=1),
        "scale": Parameter(1.0, "how large", least=0.5, most=2),
        "kind": Parameter("any", "which", choices=("any", "none")),
        "label": Parameter("", "whatever"),
    }
    modalities = frozenset({"textual"})

    def load(self):
        raise NotImplementedError

    def __init__(self, users=10, scale=1.0, kind="any", label=""):
        if label == "refused":
            raise ValueError("no such label")
        self.given = users, scale, kind, label


@pytest.fixture
def registry():
    return Registry(datasets={"ml-100k": MovieLens100K, "sized": Sized})


FAULTS = {
    "ml-100": "--claims-data: unknown dataset 'ml-100'; did you mean 'ml-100k'?",
    "ml-100k?splt=random": "ml-100k?splt=random: unknown key 'splt'; did you mean 'split'?",
    "ml-100k?split=tempral": "unknown split 'tempral'; did you mean 'temporal'?",
    "ml-100k?relevance=four": "relevance is 'four', neither a number nor 'none'",
    "sized?user=3": "unknown key 'user'; did you mean 'users'?",
    "sized?users=many": "sized?users=many: users is 'many', not a whole number of 1 or more",
    "sized?users=0": "sized?users=0: users is 0, not a whole number of 1 or more",
    "sized?users=": "users is '', not a whole number",
    "sized?scale=3": "sized?scale=3: scale is 3, not a number from 0.5 to 2",
    "sized?scale=inf": "scale is inf, not a number from 0.5 to 2",
    "sized?kind=non": "sized?kind=non: unknown kind 'non'; did you mean 'none'?",
    "sized?label=refused": "sized?label=refused: no such label",
    "sized?users=1&users=2": "sized?users=1&users=2: key 'users' is given twice",
    "ml-100k?users=3": "ml-100k?users=3: unknown key 'users'",
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


def test_a_source_takes_its_own_parameters_with_their_types(registry):
    source = open_source("sized?users=7&scale=2&kind=none&label=a%20b", registry)._source
    assert source.given == (7, 2.0, "none", "a b")
    assert [type(value) for value in source.given] == [int, float, str, str]
    assert open_source("sized", registry)._source.given == (10, 1.0, "any", "")


def test_opening_imports_nothing_heavy():
    code = (
        "import sys; from recclaims.plugin_manager import registry; "
        "from recclaims.data.reference import open_source; "
        "[open_source(name, registry()).modalities for name in ('ml-100k', 'emoji?dose=1')]; "
        "print({'torch', 'recbole', 'transformers', 'polars', 'pandas', 'PIL'} & set(sys.modules))"
    )
    command = [sys.executable, "-c", code]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip() == "set()"


def test_a_question_mark_of_a_path_is_written_as_browsers_do(tmp_path, monkeypatch):
    folder = write_toy(tmp_path / "what?" / "50% off")
    vectors = folder.parent / "v?.npy"
    np.save(vectors, np.ones((48, 2), dtype=np.float32))
    dataset = open_source(f"{tmp_path}/what%3F/50% off?split=random&relevance=4", installed()).load()
    assert (len(dataset.items), dataset.relevance) == (48, 4)
    name = f"{tmp_path}/what%3f/v%3F.npy"
    encoder = make_encoder(f"features:{name}?modality=visual", installed())
    encoder.bind(dataset)
    assert encoder.encode(dataset.items).shape == (48, 2)
    fusion = make_encoder(f"late_fusion:features:{name}+attributes", installed())
    assert [part.modality for part in fusion.parts] == ["multimodal", "textual"]
    # From a folder that has one itself.
    place = Path(f"{tmp_path}/what?")
    assert open_source(located("./50% off", installed(), place), installed()).load().fingerprint == dataset.fingerprint


def test_a_path_that_would_be_cut_at_its_question_mark_says_how_to_write_it(tmp_path):
    folder = write_toy(tmp_path / "what?" / "toy")
    np.save(folder / "x.npy", np.ones((48, 2), dtype=np.float32))
    for refused, reference in (
        (lambda: open_source(str(folder), installed()), str(folder)),
        (lambda: make_encoder(f"features:{folder}/x.npy", installed()), f"features:{folder}/x.npy"),
        (lambda: make_encoder(f"lvlm:{folder}", installed()), f"lvlm:{folder}"),
    ):
        with pytest.raises(RecclaimsError) as caught:
            refused()
        expected = reference.replace("?", "%3F")
        assert str(caught.value).startswith(f"{reference}: ")
        assert str(caught.value).endswith(f": {expected}")


def test_an_argument_with_a_question_mark_in_its_path_is_joined_as_it_is_split():
    assert join_argument("a/b?c", {"domain": "movies"}) == "a/b%3Fc?domain=movies"
    assert split_argument("a/b%3Fc?domain=movies", ("domain",), "lvlm") == ("a/b?c", {"domain": "movies"})


def test_a_program_loads_what_an_option_would_name():
    dataset = load_dataset("emoji?channel=visual&items=300")
    assert len(dataset.items) == 300
    assert dataset.items[0].backdrop
    with pytest.raises(UnknownNameError, match="emoji"):
        load_dataset("emojis")
