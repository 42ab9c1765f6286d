"""`recclaims.evaluate`: what `pytest suite` says, from a program."""

import json
import subprocess
import sys

import numpy as np
import polars as pl
import pytest

import recclaims
from recclaims.recommenders.models.content_knn import ContentKNN

from .test_pytest_face import Session
from .toy import write_toy

#: What both are asked.
SELECTED = {"recommenders": "content-knn", "claims": ["noise", "content"], "profile": "smoke", "workers": 0}
JUDGED = ("claim", "case", "verdict", "reason", "effect", "ci", "p_value", "p_adjusted", "treatment_mean", "n_users")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_toy(tmp_path_factory.mktemp("data") / "toy")


@pytest.fixture(scope="module")
def by_pytest(folder, tmp_path_factory):
    session = Session(tmp_path_factory.mktemp("session"))
    session("-m", "noise or content", "-k", "content-knn", data=folder)
    return said(session.results)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """One for all that says the same of the same content; whatever is read otherwise has other keys."""
    return tmp_path_factory.mktemp("store")


def said(document):
    return [{key: entry[key] for key in JUDGED} for entry in document["claims"]]


def frames(folder):
    """The folder's content as a program has it."""
    items = pl.read_ndjson(folder / "items.jsonl")
    return pl.read_csv(folder / "interactions.csv"), items


def test_a_folder_gets_the_verdicts_of_pytest(folder, by_pytest, store):
    results = recclaims.evaluate(folder, **SELECTED, store=store)
    assert said(results.to_dict()) == by_pytest


@pytest.mark.parametrize("kind", ["polars", "pandas", "columns", "arrow"])
def test_frames_get_the_verdicts_of_a_folder_of_the_same_content(folder, by_pytest, store, kind):
    tables = [
        {
            "polars": lambda frame: frame,
            "pandas": lambda frame: frame.to_pandas(),
            "columns": lambda frame: frame.to_dict(as_series=False),
            "arrow": lambda frame: frame.to_arrow(),
        }[kind](frame)
        for frame in frames(folder)
    ]
    data = recclaims.Dataset.of("toy", *tables)
    results = recclaims.evaluate(data, **SELECTED, store=store)
    assert said(results.to_dict()) == by_pytest


def test_arrays_are_judged_and_known_by_their_content(folder, tmp_path):
    interactions, items = frames(folder)
    colours = np.eye(4, dtype=np.float32)[np.arange(len(items)) % 4]
    said_of = []
    for array in (colours, colours[::-1] * 0 + np.random.default_rng(0).normal(size=colours.shape), colours):
        data = recclaims.Dataset.of("toy", interactions, items, {"image_feat": array})
        results = recclaims.evaluate(data, **SELECTED, encoders="features:image_feat", store=tmp_path / "store")
        said_of.append({entry["control"]: entry["verdict"] for entry in said_with_control(results)})
    assert said_of[0]["permuted"] == "supported"
    assert said_of[1]["permuted"] != "supported"
    assert said_of[2] == said_of[0]


def said_with_control(results):
    return [{"control": one.control, "verdict": one.verdict} for one in results.verdicts]


def test_rows_of_an_array_follow_their_ids(folder, tmp_path):
    interactions, items = frames(folder)
    colours = np.eye(4, dtype=np.float32)[np.arange(len(items)) % 4]
    order = np.random.default_rng(0).permutation(len(items))
    found = []
    for array in (
        recclaims.FeatureArray(colours, "visual"),
        recclaims.FeatureArray(colours[order], "visual", ids=items["item_id"][order].to_list()),
    ):
        data = recclaims.Dataset.of("toy", interactions, items, {"colours": array})
        results = recclaims.evaluate(data, **SELECTED, encoders="features:colours", store=tmp_path / "store")
        found.append(said(results.to_dict()))
    assert found[0] == found[1]


class Colour:
    """An encoder as somebody writes it beside their program."""

    name, modality, version = "colour", "textual", "1"

    def __init__(self, noise=0.0):
        self.noise = noise

    def encode(self, items):
        vectors = np.array([[word in item.title for word in ("red", "green", "blue", "black")] for item in items])
        return vectors.astype(np.float32) + self.noise * np.random.default_rng(0).normal(size=vectors.shape)


@pytest.mark.parametrize("workers", [0, 1])
def test_an_encoder_object_is_judged_in_any_process(folder, tmp_path, workers):
    asked = SELECTED | {"workers": workers}
    good = recclaims.evaluate(folder, **asked, encoders=Colour(), store=tmp_path / "store")
    assert {one.verdict for one in good.verdicts if one.control in ("permuted", "twin")} == {"supported"}
    # Its state is part of what the store knows it by.
    bad = recclaims.evaluate(folder, **SELECTED, encoders=Colour(noise=1e6), store=tmp_path / "store")
    assert "supported" not in {one.verdict for one in bad.verdicts if one.control == "permuted"}


@pytest.mark.parametrize("workers", [0, 1])
def test_an_encoder_object_is_found_inside_a_fusion(folder, tmp_path, workers):
    asked = SELECTED | {"workers": workers, "claims": "noise", "store": tmp_path / "store"}
    fusion = "late_fusion:colour+attributes"
    good = recclaims.evaluate(folder, **asked, encoders=[Colour(), fusion])
    assert {(one.treatment, one.verdict) for one in good.verdicts if one.control == "permuted"} == {
        ("colour", "supported"),
        (fusion, "supported"),
    }
    widths = {facts.encoder: facts.dimension for facts in good.document.encoders}
    assert widths[fusion] == 8
    # A changed object of the same version is another fusion, too; which process trains is no matter here.
    asked["workers"] = 0
    bad = recclaims.evaluate(folder, **asked, encoders=[Colour(noise=1e6), "late_fusion-concat:colour+attributes"])
    again = recclaims.evaluate(folder, **asked, encoders=[Colour(), "late_fusion-concat:colour+attributes"])
    found = [
        next(one.verdict for one in run.verdicts if one.control == "permuted" and "concat" in one.treatment)
        for run in (bad, again)
    ]
    assert found[0] != "supported"
    assert found[1] == "supported"


class Mine(ContentKNN):
    """A recommender as somebody writes it beside their program."""


def test_a_recommender_object_is_judged(folder, tmp_path):
    mine = recclaims.Recommender(
        "mine", version="1", model=Mine, training_free=True, feature_free=False, parameters={"k": 10, "shrink": 10.0}
    )
    results = recclaims.evaluate(
        folder, **SELECTED | {"recommenders": [mine, "content-knn"]}, encoders="attributes", store=tmp_path / "store"
    )
    of_mine = {one.control: one.verdict for one in results.verdicts if one.recommender == "mine"}
    assert of_mine["permuted"] == "supported"
    assert {one.recommender for one in results.verdicts} == {"mine", "content-knn"}


def test_a_second_run_computes_nothing(folder, tmp_path):
    told = []
    recclaims.evaluate(folder, **SELECTED, store=tmp_path / "store", progress=told.append)
    assert {one.stage for one in told} == {"encoders", "cells"}
    told.clear()
    recclaims.evaluate(folder, **SELECTED, store=tmp_path / "store", progress=told.append)
    assert told == []


def test_results_are_tables_frames_and_files(folder, by_pytest, store, tmp_path):
    results = recclaims.evaluate(folder, **SELECTED, store=store)
    assert by_pytest[0]["case"] in results.table("noise")
    assert by_pytest[0]["case"] in str(results)
    assert f"{len(by_pytest)} cases" in repr(results)
    assert by_pytest[0]["case"] in results._repr_html_()
    frame = results.to_frame()
    assert frame["effect"].to_list() == [entry["effect"] for entry in by_pytest]
    assert frame["ci_low"].to_list() == [entry["ci"][0] for entry in by_pytest]
    assert results.to_pandas().shape == frame.shape
    assert results.cells()["recall@20"].null_count() == 0
    place = results.save(tmp_path / "report")
    assert said(json.loads((place / "results.json").read_text())) == by_pytest
    assert {"results.html", "results.md", "per_user.parquet"} <= {path.name for path in place.iterdir()}


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"recommenders": "fredom"}, "freedom"),
        ({"recommenders": "bpr"}, "bpr"),
        ({"claims": "nose"}, "noise"),
        ({"encoders": "sbrt"}, "sbert"),
        ({"controls": "gausian"}, "gaussian"),
        ({"profile": "quik"}, "quick"),
        ({"mask": "test"}, "train"),
        ({"reuse": "often"}, "missing"),
        ({"replicates": 0}, "replicates"),
        ({"workers": -1}, "workers"),
        ({"executor": "ray"}, "ray"),
        ({"flavour": "vanilla"}, "elliot"),
        ({"encoders": [3]}, "encoders"),
        ({"encoders": []}, "encoders"),
        ({"claims": "fusion"}, "lvlm"),
        ({"hyperparameters": "nowhere.toml"}, "nowhere.toml"),
    ],
)
def test_what_cannot_be_meant_is_refused_before_anything_is_trained(folder, tmp_path, given, named):
    with pytest.raises(recclaims.RecclaimsError) as caught:
        recclaims.evaluate(folder, **SELECTED | given, store=tmp_path / "store")
    assert named in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "store" / "cells").exists()


def test_an_object_may_not_take_an_installed_name(folder, tmp_path):
    taken = Colour()
    taken.name = "sbert"
    with pytest.raises(recclaims.RecclaimsError, match="sbert"):
        recclaims.evaluate(folder, **SELECTED, encoders=taken, store=tmp_path / "store")


@pytest.mark.parametrize(
    ("interactions", "items", "features", "named"),
    [
        ({"user": ["a"], "item_id": ["i"]}, None, {}, "user_id"),
        ({"user_id": [1.0, 2.0], "item_id": ["i", "j"]}, None, {}, "user_id"),
        ({"user_id": ["a", None], "item_id": ["i", "j"]}, None, {}, "row 2"),
        ({"user_id": ["a"], "item_id": ["i"], "rating": ["good"]}, None, {}, "rating"),
        ({"user_id": ["a"], "item_id": ["i"], "split": ["dev"]}, None, {}, "dev"),
        ({"user_id": ["a"], "item_id": ["i"]}, {"item_id": ["j"]}, {}, "'i'"),
        ({"user_id": ["a"], "item_id": ["i"]}, {"item_id": ["i", "i"]}, {}, "row 2"),
        ({"user_id": ["a"], "item_id": ["i"]}, {"item_id": ["i"], "title": [3]}, {}, "title"),
        ({"user_id": ["a"], "item_id": ["i"]}, {"id": ["i"]}, {}, "item_id"),
        ({"user_id": ["a"], "item_id": ["i"]}, None, {"clip": np.ones(3)}, "clip"),
        ({"user_id": ["a"], "item_id": ["i"]}, None, {"clip": np.ones((3, 2))}, "3 rows"),
        ({"user_id": ["a"], "item_id": ["i"]}, None, {"a:b": np.ones((1, 2))}, "a:b"),
        (7, None, {}, "interactions"),
    ],
)
def test_frames_that_are_no_dataset_are_refused(interactions, items, features, named):
    with pytest.raises(recclaims.DatasetError) as caught:
        recclaims.Dataset.of("mine", interactions, items, features)
    assert named in str(caught.value)


def test_importing_recclaims_stays_light():
    code = "import sys, recclaims; print([m for m in ('torch', 'recbole', 'polars', 'pydantic') if m in sys.modules])"
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"
    )
