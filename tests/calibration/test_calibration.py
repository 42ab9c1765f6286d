"""Calibration runs the machinery of a case, so it is held against it; its counts are held against scipy."""

from dataclasses import replace

import numpy as np
import pytest
import scipy.stats

from recclaims.calibration.calibrate import Plan, Rate, null_rows, power_rows, read_study
from recclaims.calibration.rules import RULES
from recclaims.calibration.simulation import EACH, FIXED, GRID, ONCE, TREATMENT, Study, conduct
from recclaims.cli import main
from recclaims.engine.cell import Cell
from recclaims.engine.pipeline import Pipeline
from recclaims.engine.profile import Profile
from recclaims.engine.settings import Settings
from recclaims.errors import RecclaimsError
from recclaims.plugin_manager import load
from recclaims.store import Store

SMALL = Study(world=3, crowd=2, dose=0.5, users=60, replicates=3, first=8)
NOTHING = np.zeros((200, 4))
BY_NAME = {rule.name: rule.read for rule in RULES}


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return Store(tmp_path_factory.mktemp("store"))


def test_a_study_is_what_the_cells_of_a_case_are(store):
    tables = conduct(SMALL, store, load())[FIXED]
    assert tables.shape == (2, 60, 3)
    pipeline = Pipeline(Settings(Profile("plain"), replicates=1), load(), store)
    for arm, control in enumerate((None, "permuted")):
        for column, seed in enumerate(SMALL.seeds):
            cell = Cell("emoji?dose=0.5&users=60&seed=3&crowd=2", "content-knn", "attributes", control, seed=seed)
            trained = pipeline.train(cell).per_user["recall@20"]
            np.testing.assert_array_equal(trained.astype(np.float32), tables[arm, :, column])


def test_a_study_is_conducted_once(store, monkeypatch):
    tables = conduct(SMALL, store, load())
    monkeypatch.setattr("recclaims.calibration.simulation._Conductor", None)
    again = conduct(SMALL, store, load())
    np.testing.assert_array_equal(again[FIXED], tables[FIXED])


def test_tuning_takes_the_neighbourhood_that_validation_likes_best(store):
    tables = conduct(replace(SMALL, tuned=True), store, load())
    assert set(tables) == {FIXED, EACH, ONCE, TREATMENT}
    # The first replicate chooses for itself, whichever way.
    np.testing.assert_array_equal(tables[ONCE][:, :, 0], tables[EACH][:, :, 0])
    np.testing.assert_array_equal(tables[TREATMENT][0], tables[EACH][0])
    np.testing.assert_array_equal(tables[TREATMENT][1], tables[FIXED][1])
    # What was chosen is one of the grid's, and validation of each replicate chose it.
    pipeline = Pipeline(Settings(Profile("plain"), replicates=1), load(), store)
    cell = Cell("emoji?dose=0.5&users=60&seed=3&crowd=2", "content-knn", "attributes", seed=SMALL.first + 1)
    tried = {}
    for k in GRID:
        profile = Profile("plain", recommender={"content-knn": {"k": k}})
        tried[k] = Pipeline(Settings(profile, replicates=1), pipeline.registry, store).train(cell)
    best = max(GRID, key=lambda k: tried[k].valid_score)
    np.testing.assert_array_equal(tried[best].per_user["recall@20"].astype(np.float32), tables[EACH][0, :, 1])


def test_no_noise_is_drawn_twice_and_no_user_counted_twice():
    plan = Plan(Study(replicates=4), studies=5, powered=3)
    worlds, crowds = plan.many_worlds(), plan.one_world()
    for studies in (worlds, crowds):
        seeds = [seed for study in studies for seed in study.seeds]
        assert len(set(seeds)) == len(seeds) == 20
    assert len({study.world for study in worlds}) == 5
    assert {study.world for study in crowds} == {0}
    assert len({study.crowd for study in crowds}) == 5
    assert [len(plan.one_world(dose)) for dose in (0.0, 0.1)] == [5, 3]


def test_rates_have_the_interval_of_clopper_and_pearson():
    rate = Rate.of([True] * 3 + [False] * 57)
    assert (rate.count, rate.total, rate.share) == (3, 60, 0.05)
    low = scipy.stats.beta.ppf(0.025, 3, 58)
    high = scipy.stats.beta.ppf(0.975, 4, 57)
    assert rate.interval == pytest.approx((low, high))
    assert np.isnan(Rate(0, 0).share)


def test_habits_of_the_field_are_what_scipy_makes_of_them():
    random = np.random.default_rng(5)
    differences = random.normal(0.05, 1, (200, 4))
    differences[random.random(differences.shape) < 0.2] = np.nan
    first = differences[~np.isnan(differences[:, 0]), 0]
    low, high = scipy.stats.t.interval(0.95, len(first) - 1, first.mean(), scipy.stats.sem(first))
    read = BY_NAME["paired t over the users of one split"](differences, NOTHING)
    assert (read.low, read.high) == pytest.approx((low, high))
    means = np.nanmean(differences, axis=0)
    low, high = scipy.stats.t.interval(0.95, 3, means.mean(), scipy.stats.sem(means))
    read = BY_NAME["paired t over replicate means"](differences, NOTHING)
    assert (read.low, read.high) == pytest.approx((low, high))
    for shift in (-0.5, 0.0, 0.5):
        read = BY_NAME["Wilcoxon over the users of one split"](differences + shift, NOTHING)
        significant = scipy.stats.wilcoxon(first + shift).pvalue <= 0.05
        assert (read.gain, read.loss) == (significant and shift > 0, significant and shift < 0)
    assert BY_NAME["the larger number of one split"](-np.abs(differences), NOTHING).loss
    nothing = BY_NAME["Wilcoxon over the users of one split"](np.zeros((30, 2)), np.zeros((30, 2)))
    assert (nothing.gain, nothing.loss) == (False, False)


def test_counts_are_those_of_the_tables():
    """Studies whose differences are known: half of them far above zero, a quarter far below, all sure."""
    plan = Plan(Study(users=30, replicates=3), studies=8, powered=4, doses=(0.5,), fewer=((2,), (10,)))
    levels = [0.3, 0.3, 0.3, 0.3, -0.3, -0.3, 0.0, 0.0]

    def known(study):
        random = np.random.default_rng(study.first)
        shift = levels[study.world - 1] if study.world else study.dose
        # Arms that are equal, bit for bit, where a world has no effect: no rule may call that one.
        noise = random.normal(0, 0.02, (2 if shift or study.crowd else 1, study.users, study.replicates))
        return {FIXED: (0.5 + noise + np.array([shift, 0.0])[:, None, None]).astype(np.float32)}

    reads = {study: read_study(known(study), plan) for study in plan.everything()}
    rows = {(row.rule, row.replicates): row for row in null_rows(plan, reads)}
    assert {replicates for _, replicates in rows} == {2, 3}
    default = rows["the suite", 3]
    assert (default.gain.count, default.loss.count, default.gain.total) == (4, 2, 8)
    assert default.coverage.total == 8
    assert 0 < default.width < 0.1
    assert np.isnan(rows["the larger number of one split", 3].width)
    power = {row.dose: row for row in power_rows(plan, reads)}
    assert power[0.5].found[30, 3] == Rate(4, 4)
    assert power[0.5].effect == pytest.approx(1.0, abs=0.05)
    assert power[0.0].found[10, 2].total == 8


def test_the_command_prints_its_tables(tmp_path, capsys):
    arguments = ["--studies", "2", "--powered", "2", "--users", "20", "--seeds", "2", "--workers", "1"]
    assert main(["calibrate", *arguments, "--store", str(tmp_path)]) == 0
    printed = capsys.readouterr().out
    assert "content-knn on attributes against permuted, 20 users" in printed
    lines = printed.splitlines()
    assert sum(line.partition("|")[2].split("|")[0].strip() == "the suite" for line in lines) == 1
    assert [line.split("|")[1].strip() for line in lines if line.startswith("| 0")] == [
        "0",
        "0.02",
        "0.05",
        "0.1",
        "0.2",
    ]
    assert main(["calibrate", "--studies", "1"]) == 2


@pytest.mark.parametrize(
    ("study", "numbers", "message"),
    [
        (Study(), (1, 100), "--studies 1: at least 2"),
        (Study(users=3), (5, 5), "--users 3: at least 20"),
        (Study(recommender="bpr"), (5, 5), "--recommender bpr does not read attributes"),
        (Study(recommender="content-nn"), (5, 5), "did you mean 'content-knn'"),
        (Study(recommender="attribute-knn", control="gaussian"), (5, 5), "--control gaussian: .*rows of 0 and 1"),
    ],
)
def test_a_plan_that_cannot_be_carried_out_is_refused(study, numbers, message):
    with pytest.raises(RecclaimsError, match=message):
        Plan.of(study, *numbers)
