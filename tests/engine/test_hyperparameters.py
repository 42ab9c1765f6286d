"""A file of one's own hyper-parameters: what it says is used, and what nothing would read is refused in one line."""

import random
import re
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from recclaims.engine.hyperparameters import Hyperparameters, read_hyperparameters
from recclaims.engine.profile import Profile
from recclaims.errors import RecclaimsError
from recclaims.plugin_manager import load
from recclaims.recommenders import builtin
from recclaims.recommenders.spec import Recommender

from ..fuzz_inputs import damaged_text

RECOMMENDERS = load().recommenders


@pytest.fixture
def read(tmp_path):
    def read_text(text, recommenders=RECOMMENDERS):
        path = tmp_path / "mine.toml"
        path.write_text(text, encoding="utf-8", errors="replace")
        return read_hyperparameters(path, recommenders)

    return read_text


def test_any_word_of_ones_own_is_the_last(read):
    own = read('[training]\nepochs = 3\n[flavour.mmrec]\nreg_weight = 0.5\n[dataset."toy"]\nvbpr = {epochs = 7}\n')
    profile = replace(Profile("p", recommender={"vbpr": {"epochs": 40, "eval_step": 2}}), own=own)
    assert profile.of(builtin.VBPR) == {"epochs": 3, "eval_step": 2, "reg_weight": 0.5}
    assert profile.of(builtin.VBPR, "toy") == {"epochs": 7, "eval_step": 2, "reg_weight": 0.5}
    assert profile.of(builtin.MOSTPOP) == {}


def test_ones_own_search_comes_before_the_profiles(read):
    own = read('[[search]]\nrecommenders = ["bpr"]\nsampler = "grid"\ntrials = 2\nspace = {embedding_size = [8, 16]}\n')
    paper = replace(Profile.named("paper"), own=own)
    assert paper.search("bpr").space == {"embedding_size": [8, 16]}
    assert paper.search("vbpr") == Profile.named("paper").search("vbpr")


def test_results_hold_what_was_said_and_nothing_else(read):
    assert Hyperparameters().tables() == {}
    own = read("[recommender.content-knn]\nk = 20\n")
    assert (own.file, own.tables()) == ("mine.toml", {"recommender": {"content-knn": {"k": 20}}})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("epochs = ", "mine.toml: not TOML"),
        ("[trainig]\n", "unknown table 'trainig'; did you mean 'training'"),
        ("training = 3", "'training' is not a table"),
        ("[search]\n", "'search' is not a list of tables"),
        ("[training]\nepoch = 3", "training: unknown hyper-parameter 'epoch'; did you mean 'epochs'"),
        ("[training]\nepochs = '3'", "training: epochs is '3', which is not a whole number"),
        ("[training]\nepochs = 0", "training: epochs is 0, which is not 1 or more"),
        ("[training]\nepochs = true", "epochs is True, which is not a whole number"),
        ("[training]\nlearning_rate = inf", "learning_rate is inf, which is not a number"),
        ("[training]\nlearning_rate_decay = [1.0]", "learning_rate_decay is [1.0], which is not a list of 2"),
        ("[training]\nstock = 1", "stock is 1, which is not true or false"),
        ("[flavour.mmrek]\n", "unknown flavour 'mmrek'; did you mean 'mmrec'"),
        ("[recommender.vbrp]\n", "recommender: unknown recommender 'vbrp'; did you mean 'vbpr'"),
        ("[recommender.vbpr]\nknn_k = 3", "recommender.vbpr: unknown hyper-parameter 'knn_k'"),
        ("[recommender.content-knn]\nepochs = 3", "recommender.content-knn: unknown hyper-parameter 'epochs'"),
        ("[recommender.vbpr]\nprojection_dtype = 16", "projection_dtype is 16"),
        ("[recommender]\nvbpr = 3", "recommender.vbpr is not a table"),
        ("[dataset]\ntoy = 3", "dataset.toy is not a table"),
        ("[dataset.toy.vbrp]\n", "dataset.toy: unknown recommender 'vbrp'"),
        ("[[search]]\ntrials = 3", "search"),
        *(
            (f'[[search]]\nrecommenders = ["vbpr"]\n{rest}', message)
            for rest, message in [
                ('sampler = "gird"\ntrials = 3\nspace = {k = [1]}', "sampler 'gird'"),
                ('sampler = "tpe"\ntrials = 0\nspace = {k = [1]}', "trials is 0"),
                ('sampler = "tpe"\ntrials = 3\nspace = {}', "space is not a table"),
                ('sampler = "tpe"\ntrials = 3\nspace = {k = [1]}', "search: unknown hyper-parameter 'k'"),
                ('sampler = "tpe"\ntrials = 3\nspace = {epochs = {low = 3, high = 1}}', "not a list of values or {low"),
                ('sampler = "tpe"\ntrials = 3\nspace = {epochs = {low = 0, high = 1, log = true}}', "space.epochs"),
                ('sampler = "grid"\ntrials = 3\nspace = {epochs = {low = 1, high = 3}}', "not a list of values"),
            ]
        ),
    ],
)
def test_what_cannot_be_used_is_one_clear_line(read, text, message):
    with pytest.raises(RecclaimsError) as error:
        read(text)
    assert "mine.toml" in str(error.value)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def search_of(space, recommenders='["vbpr"]'):
    return f'[[search]]\nrecommenders = {recommenders}\nsampler = "tpe"\ntrials = 3\nspace = {{{space}}}\n'


@pytest.mark.parametrize(
    "text",
    [
        search_of('reg_weight = ["strong"]'),
        search_of("reg_weight = [nan]"),
        search_of("reg_weight = [0.1, -1]"),
        search_of("learning_rate = {low = -1, high = 1}"),
        search_of("n_ui_layers = [42.3]", '["lattice"]'),
        search_of("n_ui_layers = {low = 1, high = 2.5}", '["lattice"]'),
        search_of("projection_dtype = {low = 0, high = 1}"),
        search_of("reg_weight = [0.1]") + search_of("embedding_size = [8]"),
        "[training]\nlearning_rate_decay = [nan, 50]",
        "[training]\nlearning_rate_decay = [2026-01-01, 50]",
        "[training]\nlearning_rate_decay = [0.9, 0]",
        "[recommender.content-knn]\nk = 0",
        "[recommender.freedom]\nknn_k = 0",
        "[training]\nlearning_rate = 1" + "0" * 400,
        "[training]\nlearning_rate = -1.0",
    ],
)
def test_a_value_that_cannot_be_trained_with_is_refused_also_in_a_search(read, text):
    with pytest.raises(RecclaimsError, match=r"mine\.toml"):
        read(text)


def test_a_range_of_a_float_is_one_whatever_its_ends_are_written_as(read):
    (search,) = read(search_of("reg_weight = {low = 0, high = 1}, embedding_size = {low = 2, high = 8}")).searches
    assert [type(search.space[name]["high"]) for name in search.space] == [float, int]


PAGE = (Path(__file__).parents[2] / "docs" / "recommenders.md").read_text()
(EXAMPLE,) = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)


def test_the_example_of_the_documentation_is_read(read):
    own = read(EXAMPLE)
    assert all((own.training, own.flavour, own.recommender, own.dataset, own.searches))


def test_whatever_the_file_holds_it_is_read_or_refused(read):
    chance, outcomes = random.Random(0), Counter()  # noqa: S311 - no secret
    for _ in range(500):
        text = damaged_text(chance, EXAMPLE)
        try:
            own = read(text)
        except RecclaimsError:
            outcomes["refused"] += 1
        else:
            for recommender in RECOMMENDERS.values():
                assert own.of(recommender, "ml-100k") is not None
            outcomes["read"] += 1
    assert min(outcomes["read"], outcomes["refused"]) > 25


def test_what_is_no_file_is_refused(tmp_path):
    with pytest.raises(RecclaimsError, match="no such file"):
        read_hyperparameters(tmp_path / "absent.toml", RECOMMENDERS)
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(RecclaimsError, match="not TOML"):
        read_hyperparameters(tmp_path / "bytes.toml", RECOMMENDERS)


def test_a_model_of_recboles_own_reads_more_than_is_declared_here(read):
    own = read("[recommender.neumf]\nmlp_hidden_size = [64, 32]\n", {"neumf": Recommender("neumf", "1", "NeuMF")})
    assert own.recommender["neumf"] == {"mlp_hidden_size": [64, 32]}
