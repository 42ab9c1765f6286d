"""Calibration judges as the suite does, and is held against it; its draws and counts are held against arithmetic."""

from dataclasses import replace

import numpy as np
import pytest
import scipy.stats

from recclaims._model.cell import Cell
from recclaims._model.claim import JUDGED
from recclaims._model.verdict import Verdict
from recclaims.calibration import spread
from recclaims.calibration.advice import advised
from recclaims.calibration.bank import KEPT, Asked, Bank, fill
from recclaims.calibration.calibrate import EFFECTS, calibrate, comparisons
from recclaims.calibration.pools import pool
from recclaims.calibration.rates import Rate, design
from recclaims.calibration.rules import FAMILY, RULES, Finding, Reading
from recclaims.calibration.spread import Spread
from recclaims.calibration.studies import Study, drawn_against_noise, drawn_against_twins, simulated
from recclaims.cli import main
from recclaims.engine.pipeline import Pipeline
from recclaims.engine.profile import Profile
from recclaims.engine.settings import Settings
from recclaims.errors import RecclaimsError
from recclaims.evaluation.metrics import PRIMARY
from recclaims.judging.assess import Evidence, assess
from recclaims.judging.assignment import TRAINED
from recclaims.plugin_manager import load
from recclaims.store import Store

DATA = "emoji?dose=0&users=420&items=60"  # with fewer users judging takes longer than training
ASKED = Asked(DATA, "vbpr", "attributes", assignments=4, seeds=6, starts=2)
PLAIN = Profile("plain", training={"epochs": 2, "learning_rate": 0.05})
LOOKS = (4, 6)
BY_NAME = {rule.name: rule for rule in RULES}
SPREAD = Spread(0.2, 0.02**2, 0.1 * 0.02**2, 0.1, (0.0, 0.3), users=0.02, residual=0.1, n_users=500)


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory):
    return Pipeline(Settings(PLAIN, replicates=1), load(), Store(tmp_path_factory.mktemp("store")))


@pytest.fixture(scope="module")
def bank(pipeline):
    return fill(ASKED, pipeline)


@pytest.fixture
def random():
    return np.random.default_rng(3)


def numbered(assignments=5, seeds=7, users=30):
    """A bank whose values say which cell they are of, so that a study shows what it was drawn from."""
    cells = np.arange(assignments)[:, None] * 100.0 + np.arange(seeds) + 1
    values = np.repeat(cells[:, :, None], users, axis=2)
    asked = Asked("x", "vbpr", "attributes", assignments, seeds)
    return Bank(asked, {JUDGED: values, PRIMARY: values}, {JUDGED: values[:3], PRIMARY: values[:3]})


@pytest.mark.parametrize("effect", [0.0, 0.4, -0.3])
def test_a_study_is_judged_as_the_suite_judges_the_same_cells(bank, pipeline, random, effect):
    """The assignment 3 as the real features, and the assignments of the suite's own replicates against it."""
    case = comparisons(bank, False, random)[0].case
    results = {}
    for cell in case.treatment_cells(6):
        found = pipeline.find(replace(cell, control="permuted", assigned=3))
        scaled = {metric: (1 + effect) * found.per_user[metric] for metric in KEPT}
        results[cell] = replace(found, per_user=scaled, scores=f"other {cell.seed}")
    for cell in case.control_cells(6):
        results[cell] = pipeline.find(cell)  # as the suite asks for it: one of the bank's
    for cell in case.popularity_cells(6):
        results[cell] = replace(found, cell=cell, per_user={PRIMARY: np.zeros(420)})
    suite = assess(case, Evidence(results, {}, lambda _: LOOKS))
    control = np.array([0, 0, 1, 1, 2, 2])
    arms = {m: (values[3, np.arange(6)].T, values[control, np.arange(6)].T) for m, values in bank.values.items()}
    answer = Reading(Study(arms, luck=True), case, TRAINED).answer(LOOKS, effect)
    assert answer.verdict is suite.verdict
    assert answer.replicates == suite.replicates
    assert answer.estimate.interval() == pytest.approx(suite.estimate.interval(), rel=1e-9)
    assert answer.estimate.p_value == pytest.approx(suite.estimate.p_value, rel=1e-9)
    if effect:
        assert answer.verdict in {Verdict.SUPPORTED, Verdict.CONTRADICTED}


def test_the_twin_is_compared_as_the_suite_compares_it(bank, random):
    noise, twin = comparisons(bank, False, random)
    assert (noise.case.claim.id, noise.luck, noise.case.real_against_noise) == ("noise", True, True)
    assert (twin.case.claim.id, twin.luck, twin.case.assignments(4)) == ("content", False, None)
    assert noise.case.confirmatory
    assert twin.case.confirmatory


def test_cells_that_a_case_has_are_shared_and_no_other_has_their_key(pipeline):
    mine = [*ASKED.cells(), *ASKED.twins()]
    keys = {repr(sorted(pipeline.cell_recipe(cell).items())) for cell in mine}
    assert len(keys) == len(mine) == 4 * 6 + 2 * 6
    suite = [Cell(DATA, "vbpr", "attributes", "permuted", seed=seed) for seed in range(6)]
    suite += [Cell(DATA, "vbpr", twin="twin", seed=seed) for seed in range(6)]
    assert {repr(sorted(pipeline.cell_recipe(cell).items())) for cell in suite} <= keys


def test_another_start_is_another_training_of_the_same_split(bank):
    one, other = bank.twins[JUDGED]
    np.testing.assert_array_equal(np.isnan(one), np.isnan(other))
    assert (np.nanmean(one, axis=1) != np.nanmean(other, axis=1)).all()
    assert str(ASKED.twins()[-1]) == f"vbpr twin on {DATA}, seed 5, start 1000005"
    assert str(ASKED.cells()[-1]) == f"vbpr attributes/permuted on {DATA}, seed 5, assignment 3"


def test_a_bank_is_filled_once(bank, pipeline, monkeypatch):
    monkeypatch.setattr(Pipeline, "_found_or_trained", None)
    again = fill(ASKED, pipeline)
    np.testing.assert_array_equal(again.values[JUDGED], bank.values[JUDGED])
    np.testing.assert_array_equal(again.twins[PRIMARY], bank.twins[PRIMARY])


def test_a_study_against_noise_has_one_assignment_against_others_on_the_same_splits(random):
    treated = []
    for study in drawn_against_noise(numbered(), random, 20, 6):
        one, other = (arm[0] - 1 for arm in study.arms[JUDGED])
        np.testing.assert_array_equal(one % 100, other % 100)  # splits
        assert len(set(one % 100)) == 6
        assert len(set(one // 100)) == 1
        pairs = (other // 100).reshape(3, 2)
        assert (pairs[:, 0] == pairs[:, 1]).all()
        assert len({*pairs[:, 0], one[0] // 100}) == 4
        np.testing.assert_array_equal(study.drawn[0][0], np.stack([one // 100, other // 100], axis=1))
        np.testing.assert_array_equal(study.drawn[1][0][:, 0], one % 100)
        treated.append(int(one[0] // 100))
    assert sorted(treated) == sorted([*range(5)] * 4)


def test_a_study_of_twins_has_two_starts_of_each_split(random):
    for study in drawn_against_twins(numbered(), random, 20, 7):
        one, other = (arm[0] - 1 for arm in study.arms[JUDGED])
        np.testing.assert_array_equal(one % 100, other % 100)
        assert sorted(one % 100) == [*range(7)]
        assert (one // 100 != other // 100).all()
        assert study.assignments(4) is None


def test_an_effect_is_what_scaled_values_show(bank, random):
    case = comparisons(bank, False, random)[0].case
    (study,) = drawn_against_noise(bank, random, 1, 6)
    added = Reading(study, case, TRAINED).answer((6,), 0.07)
    shown = Reading(study.scaled((np.array([1.07]), np.ones(1))), case, TRAINED).answer((6,))
    assert added.verdict is shown.verdict
    assert added.estimate.effect == pytest.approx(shown.estimate.effect)
    assert added.estimate.interval() == pytest.approx(shown.estimate.interval())
    assert added.covers(0.07) == shown.covers(0.07)


def test_variances_of_a_bank_are_found(random):
    n, seeds, users = 60, 20, 40
    level = random.normal(0, 0.02, (n, 1)) + random.normal(0, 0.1, (1, seeds)) + random.normal(0, 0.03, (n, seeds))
    values = np.repeat(0.3 * np.exp(level)[:, :, None], users, axis=2)
    found = spread.against_noise(Bank(ASKED, {JUDGED: values}, {}), JUDGED)
    assert found.replicates == pytest.approx(2 * 0.03**2, rel=0.1)
    assert found.assignment == pytest.approx(0.02**2, rel=0.4)
    assert found.share_interval[0] < 0.02**2 / (2 * 0.03**2) < found.share_interval[1]
    assert found.users == pytest.approx(0, abs=1e-12)
    assert found.n_users == users


def test_simulated_studies_have_the_variances_that_they_were_given(random):
    logs = []
    for study in simulated({JUDGED: SPREAD}, random, 400, 4, luck=True):
        one, other = (arm.mean(axis=0) for arm in study.arms[JUDGED])
        logs.append(np.log(one / other))
    table = np.array(logs)
    within = np.square(table[:, ::2] - table[:, 1::2]).mean() / 2
    assert within == pytest.approx(SPREAD.replicates, rel=0.15)
    # Two pairs differ by two assignments of the noise; the real one, and what users make of it, all replicates share.
    between = np.square(table[:, :2].mean(axis=1) - table[:, 2:].mean(axis=1)).mean() / 2
    assert between == pytest.approx(SPREAD.replicates / 2 + SPREAD.assignment, rel=0.15)
    shared = SPREAD.assignment * 1.5 + SPREAD.replicates / 4
    assert table.mean(axis=1).var() == pytest.approx(shared, rel=0.2)


def test_the_fewest_users_change_no_error_of_a_mean(random):
    few = replace(SPREAD, users=0.05, residual=0.02, n_users=50)
    studies = list(simulated({JUDGED: few}, random, 300, 2, luck=False))
    assert studies[0].arms[JUDGED][0].shape == (401, 2)
    logs = [np.log(np.divide(*(arm.mean(axis=0) for arm in study.arms[JUDGED]))) for study in studies]
    assert np.var(np.mean(logs, axis=1)) == pytest.approx(few.replicates / 2 + few.users / 50, rel=0.25)


def test_rates_have_the_interval_of_clopper_and_pearson():
    rate = Rate(3, 60)
    assert rate.interval == pytest.approx((scipy.stats.beta.ppf(0.025, 3, 58), scipy.stats.beta.ppf(0.975, 4, 57)))
    assert Rate(6, 120, design=2).interval == pytest.approx(rate.interval)
    assert Rate(0, 60).interval[0] == 0
    assert np.isnan(Rate(0, 0).share)


def test_studies_that_share_what_decides_them_count_as_few(random):
    """What one of 20 units decides is known as well as 20 independent answers are; chance in each, as well as all."""
    unit = np.arange(2000) % 20
    read = [np.eye(20, dtype=bool)[unit]]
    assert design((unit % 2 == 0), read) == pytest.approx(100, rel=0.15)
    assert design(random.random(2000) < 0.5, read) < 1.8
    assert design(np.zeros(2000, bool), read) == 1
    # A unit that is in all studies cannot be left out: nothing is known of another.
    assert design((unit % 2 == 0), [np.ones((2000, 3), bool)]) == 1


def test_habits_of_the_field_are_what_scipy_makes_of_them(random):
    treatment, control = 0.3 + 0.02 * random.random((2, 200, 6))
    treatment[random.random(treatment.shape) < 0.2] = np.nan
    study = Study({PRIMARY: (treatment, control)}, luck=True)
    first = (1.05 * treatment - control)[:, 0]
    means = np.nanmean(1.05 * treatment - control, axis=0)[:5]
    tested = BY_NAME["t-test over the users of one split"].tested(study, 0.05)
    assert tested.p_value == pytest.approx(scipy.stats.ttest_1samp(first[~np.isnan(first)], 0).pvalue)
    tested = BY_NAME["t-test over five replicates"].tested(study, 0.05)
    assert tested.p_value == pytest.approx(scipy.stats.ttest_1samp(means, 0).pvalue)
    larger = BY_NAME["the larger number of one split"]
    assert larger.sides([larger.tested(study, -0.5), larger.tested(study, 0.5)]) == [-1, 1]


def test_a_family_is_adjusted_together():
    rule = BY_NAME[f"t-test over five replicates, Holm over {FAMILY}"]
    alone = BY_NAME["t-test over five replicates"]
    one, rest = Finding(0.01, 1.0), Finding(0.5, -1.0)
    assert alone.sides([one, rest]) == [1, 0]
    assert rule.sides([one, *[rest] * (FAMILY - 1), one]) == [0] * FAMILY + [1]


def test_what_is_counted_is_what_was_said(random, bank):
    case = comparisons(bank, False, random)[0].case
    keys = [((6,), 0.0), ((4, 6), 0.5), ((4, 6), -0.5)]
    studies = simulated(dict.fromkeys(KEPT, SPREAD), random, 12, 6, luck=True)
    found = pool(studies, case, TRAINED, keys, 5, [((2,), 0.0)], (0.0, 0.5))
    assert found.said(((4, 6), 0.5), Verdict.SUPPORTED) == Rate(12, 12)
    assert found.said(((4, 6), -0.5), Verdict.CONTRADICTED) == Rate(12, 12)
    assert found.said(((6,), 0.0), Verdict.SUPPORTED).count <= 1
    assert found.replicates(((4, 6), 0.5)) == 4
    assert found.replicates(((6,), 0.0)) == 6
    assert found.rate(((6,), 0.0), lambda seen: seen.covered).count >= 10
    assert found.said(((2,), 0.0), Verdict.INCONCLUSIVE) == Rate(5, 5)
    assert found.sided("t-test over five replicates", 0.5, 1) == Rate(5, 5)


def test_advice_is_followed(random, bank):
    case = comparisons(bank, False, random)[0].case

    def simulate(generator, count, replicates):
        return simulated({JUDGED: SPREAD}, generator, count, replicates, luck=True)

    found = advised(simulate, case, TRAINED, LOOKS, random, 25)
    assert {one.effect for one in found} == {0.0, 0.02, 0.03}
    assert sum(one.settled.total for one in found) <= 75
    for one in found:
        assert (one.promised >= 0.8) == (one.promise == "8 or more")


def test_tables_have_every_comparison_and_effect(pipeline, bank):
    tables = {table.title: table for table in calibrate(ASKED, 20, pipeline)}
    assert bank.asked == ASKED
    nothing = tables["Nothing to find"]
    assert {tuple(row[:2]) for row in nothing.rows} == {
        (name, source) for name in ("permuted", "twin") for source in ("bank", "simulation")
    }
    assert [row[2] for row in nothing.rows[:7]] == ["4, 6", "1", "2", "3", "4", "5", "6"]
    something = tables["Something to find"]
    assert {row[3] for row in something.rows} == {f"{100 * effect:+g}" for effect in (*EFFECTS, -EFFECTS[0])}
    assert len(tables["Other rules, on the same studies of the bank"].rows) == 2 * (1 + len(RULES))
    assert all(len(row) == len(table.headers) for table in tables.values() for row in table.rows)


def test_the_command_prints_its_tables(tmp_path, capsys):
    options = ["--recommender", "content-knn", "--data", "emoji?dose=0&users=450&items=60", "--store", str(tmp_path)]
    small = ["--assignments", "4", "--seeds", "6", "--studies", "20", "--workers", "0"]
    assert main(["calibrate", *options, *small]) == 0
    printed = capsys.readouterr().out
    assert "content-knn on attributes" in printed
    assert "4 assignments x 6 splits; 20 studies" in printed
    for title in ("Nothing to find", "Something to find", "Unlike arms", "Advice"):
        assert f"**{title}" in printed


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--assignments", "3"], "--assignments 3: at least 4"),
        (["--seeds", "5"], "--seeds 5: at least 6"),
        (["--studies", "1"], "--studies 1: at least 20"),
        (["--recommender", "bpr"], "--recommender bpr does not read attributes"),
        (["--recommender", "fredom"], "did you mean 'freedom'"),
        (["--features", "atributes"], "--features: unknown encoder 'atributes'"),
        (["--profile", "quik"], "--profile: unknown profile 'quik'; did you mean 'quick'"),
        (["--device", "gpu"], "--device: unknown device 'gpu'"),
    ],
)
def test_what_cannot_be_measured_is_refused(options, message, tmp_path, capsys):
    assert main(["calibrate", "--data", DATA, "--store", str(tmp_path), *options]) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "cells").exists()


@pytest.mark.usefixtures("bank")
def test_a_failed_cell_is_named(pipeline, monkeypatch):
    def fails(*_):
        raise RecclaimsError("no memory")

    monkeypatch.setattr(Pipeline, "_found_or_trained", fails)
    with pytest.raises(RecclaimsError, match=r"vbpr attributes/permuted on .*, seed 6, assignment 0: .*no memory"):
        fill(replace(ASKED, seeds=7), pipeline)


def test_a_cell_that_finds_nothing_is_named(pipeline, bank, monkeypatch):
    """A ratio to nothing is none."""
    assert (np.nanmean(bank.values[JUDGED], axis=2) > 0).all()
    found = Pipeline.find

    def find(self, cell):
        result = found(self, cell)
        nothing = {metric: np.zeros(3) for metric in KEPT}
        return replace(result, per_user=nothing) if cell.start and cell.seed == 4 else result

    monkeypatch.setattr(Pipeline, "find", find)
    with pytest.raises(RecclaimsError, match=r"vbpr twin on .*, seed 4, start 1000004: it finds nothing"):
        fill(ASKED, pipeline)
