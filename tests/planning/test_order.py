"""The order of a catalogue, of its users and of its interactions decides nothing: a whole suite says the same."""

import json
from dataclasses import replace

import numpy as np
import pytest

import recclaims
from recclaims._model.cell import Cell
from recclaims.engine.pipeline import Pipeline
from recclaims.engine.profile import Profile
from recclaims.engine.run_cells import run_cells
from recclaims.engine.settings import Settings
from recclaims.plugin_manager import registry
from recclaims.store import Store

from ..toy import write_toy

TINY = """
[training]
epochs = 3
embedding_size = 8
train_batch_size = 512
learning_rate = 0.02
"""
NOISE = (None, "permuted", "gaussian")
PROBES = {"content-knn": NOISE, "attribute-knn": NOISE[:2], "attribute-knn-content": NOISE[:2]}
ORDERS = range(12)


def in_another_order(folder, seed):
    """The same dataset with its rows, and the fields of an item, in another order; attributes tie everywhere."""
    random = np.random.default_rng(seed)
    items = [json.loads(line) for line in (folder / "items.jsonl").read_text().splitlines()]
    for number, item in enumerate(items):
        item["size"] = [str(number % 3)]
    if seed:
        items = [dict(shuffled(list(item.items()), random)) for item in shuffled(items, random)]
    (folder / "items.jsonl").write_text("".join(json.dumps(item) + "\n" for item in items))
    head, *rows = (folder / "interactions.csv").read_text().splitlines()
    if seed:
        rows = shuffled(rows, random)
    (folder / "interactions.csv").write_text("\n".join([head, *rows]) + "\n")
    return folder


def shuffled(rows, random):
    return [rows[place] for place in random.permutation(len(rows))]


def said(place, seed):
    """What every case says."""
    (place / f"{seed}").mkdir()
    (place / "own.toml").write_text(TINY)
    results = recclaims.evaluate(
        str(in_another_order(write_toy(place / f"{seed}" / "data"), seed)),
        encoders="attributes",
        profile="smoke",
        hyperparameters=place / "own.toml",
        store=place / f"{seed}" / "store",
        workers=0,
        progress=False,
        flavour="all",
        replicates=2,
    )
    kept = ("verdict", "reason", "relative_effect", "ci", "p_value", "n_seeds", "looks")
    found = results.to_dict()["claims"]
    return {(case["claim"], case["case"]): {key: case[key] for key in kept} for case in found}


def scored(place, seed):
    """What probes rank, over all noise and two replicates; every order has a store of its own."""
    data = str(in_another_order(write_toy(place / f"{seed}"), seed))
    pipeline = Pipeline(Settings(Profile.named("smoke"), replicates=2), registry(), Store(place / f"store{seed}"))
    cells = [Cell(data, name, seed=n) for name in ("itemknn", "mostpop") for n in range(2)]
    cells += [
        Cell(data, name, "attributes", control, seed=n)
        for name, controls in PROBES.items()
        for control in controls
        for n in range(2)
    ]
    outcome = run_cells(pipeline, cells)
    assert not outcome.failures
    return [
        (replace(cell, dataset=""), found.content, found.derived, found.scores, *map(bytes, found.per_user.values()))
        for cell, found in outcome.results.items()
    ]


@pytest.fixture(scope="module")
def usual(tmp_path_factory):
    return scored(tmp_path_factory.mktemp("usual"), 0)


@pytest.mark.parametrize("seed", ORDERS[1:])
def test_what_trains_nothing_ranks_alike_in_every_order(tmp_path, usual, seed):
    assert len({row[1:] for row in usual}) == len(usual)
    assert scored(tmp_path, seed) == usual


def test_every_case_says_the_same_in_another_order(tmp_path):
    """Every recommender of both flavours, against every control that the profile has."""
    first, other = (said(tmp_path, seed) for seed in (0, 1))
    assert len({case for _, case in first}) > 30
    assert len({case["p_value"] for case in first.values()}) > 30
    assert other == first
