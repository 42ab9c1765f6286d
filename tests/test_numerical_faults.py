"""Features and datasets with every numerical fault: each is refused with its reason, or has a right answer.

Real cells and real cases on tiny data. A fault that went through would be an effect of the fault: in published
tables all-zero features stand as "-100 %".
"""

import dataclasses
import json

import numpy as np
import polars as pl
import pytest
import torch

from recclaims._model.cell import Cell
from recclaims.data.catalogue import Item
from recclaims.data.dataset import Dataset, Interactions
from recclaims.data.splits import make_split
from recclaims.engine import run_cells as runner
from recclaims.engine.pipeline import Pipeline
from recclaims.engine.profile import Profile
from recclaims.engine.settings import Settings
from recclaims.errors import DatasetError
from recclaims.evaluation.metrics import parse_metric
from recclaims.features.encoded import LONGEST, SHORTEST, FeatureReport, Features
from recclaims.judging.run_cases import run_cases as judge
from recclaims.planning.builtin import CONTENT, NOISE
from recclaims.planning.case import cases
from recclaims.plugin_manager import load
from recclaims.recommenders._kernels.graphs import nearest
from recclaims.recommenders._kernels.ties import Lot
from recclaims.reporting.results import build, write
from recclaims.store import Store

N, USERS, HAD = 40, 24, 9
RECOMMENDERS = ("content-knn", "freedom", "lattice", "vbpr", "bm3", "attribute-knn", "itemknn")
TINY = Profile("tiny", training={"epochs": 2, "embedding_size": 4, "train_batch_size": 64, "eval_step": 1})
NO_SETS = "attribute-knn: ValueError: attributes are rows of 0 and 1; these features are not"


def dataset(users, items, n_users, n_items, **facts):
    """A dataset of these pairs."""
    catalogue = [Item(f"i{n}", title=f"t{n}") for n in range(n_items)]
    pairs = Interactions(np.asarray(users, np.int32), np.asarray(items, np.int32))
    return Dataset("faulty", catalogue, [f"u{n}" for n in range(n_users)], pairs, **facts)


def usual(**facts):
    """Everybody has nine of forty items."""
    random = np.random.default_rng(0)
    items = np.concatenate([np.sort(random.choice(N, HAD, replace=False)) for _ in range(USERS)])
    return dataset(np.repeat(np.arange(USERS), HAD), items, USERS, N, **facts)


def normal(n=N, columns=5):
    return np.random.default_rng(1).normal(size=(n, columns)).astype(np.float32)


def with_rows(rows, value):
    matrix = normal()
    matrix[rows] = value
    return matrix


class Run:
    """Runs cells and cases on a dataset whose one encoder returns what it is told to."""

    def __init__(self, place, data, matrix, seeds=1):
        class Source:
            name, modalities = "faulty", frozenset({"textual"})

            def load(self):
                return data

        class Faulty:
            name, modality, version = "faulty", "textual", "1"

            def encode(self, items):
                return matrix[: len(items)] if callable(getattr(matrix, "__getitem__", None)) else matrix

        class Sets(Faulty):
            name, representation = "faulty-sets", "sets"

        found = load(group="none")
        found.datasets["faulty"] = Source
        for encoder in (Faulty, Sets):
            found.encoders[encoder.name] = encoder
            found.origin["encoders", encoder.name] = "test"
        self.source, self.registry = Source(), found
        self.pipeline = Pipeline(Settings(TINY, replicates=seeds), found, Store(place))

    def cells(self, recommenders=RECOMMENDERS):
        """By recommender, its metrics or the reason why it has none."""
        reads = {"itemknn": None, "mostpop": None, "attribute-knn": "faulty-sets"}
        cells = [Cell("faulty", name, reads.get(name, "faulty")) for name in recommenders]
        outcome = runner.run_cells(self.pipeline, cells)
        for failure in outcome.failures.values():
            assert failure.reason.isprintable()
        return {
            cell.recommender: outcome.results[cell] if cell in outcome.results else outcome.failures[cell].reason
            for cell in cells
        }

    def judged(self, claims=(NOISE, CONTENT), recommenders=RECOMMENDERS):
        """Verdict and reason of every case; the document of the run can be written and shown."""
        chosen = [
            case
            for claim in claims
            for case in cases(
                claim, "faulty", self.source, self.registry, ["faulty", "faulty-sets"],
                lambda recommender: recommender.name in recommenders, ["permuted"],
            )
            if case.treatment == ("faulty-sets" if case.recommender == "attribute-knn" else "faulty")
        ]  # fmt: skip
        document = build(judge(chosen, self.pipeline))
        json.dumps(document.as_json(), allow_nan=False)
        for name in ("markdown", "latex", "csv"):
            assert self.registry.reporters[name]().render(document)
        assert document.claims
        return {case.case: (case.verdict, case.reason) for case in document.claims}


#: Claims in a metric that a list decides: with few candidates nothing could change it.
BY_RECALL = tuple(dataclasses.replace(claim, metric="recall@20") for claim in (NOISE, CONTENT))

REFUSED = {
    "NaN": (with_rows((2, 1), np.nan), "returned 1 values that are NaN or inf, the first for item 'i2', column 1"),
    "infinite": (with_rows((2, 1), -np.inf), "returned 1 values that are NaN or inf, the first for item 'i2'"),
    "float64 beyond float32": (normal().astype(float) * 1e200, "returned 200 values that are NaN or inf"),
    "squares beyond float32": (normal() * np.float32(1e30), "returned 40 rows longer than 1e+18, the first for item"),
    "the largest float32": (np.full((N, 5), np.finfo(np.float32).max), "returned 40 rows longer than 1e+18"),
    "uint64": (np.full((N, 5), 2**64 - 1, np.uint64), "returned 40 rows longer than 1e+18"),
    "complex": (normal().astype(complex), "returned values of type complex128, not numbers"),
    "objects": (np.full((N, 5), None), "returned values of type object, not numbers"),
    "texts": (np.full((N, 5), "1.0"), "returned values of type <U3, not numbers"),
    "dates": (np.zeros((N, 5), "datetime64[s]"), "returned values of type datetime64[s], not numbers"),
    "masked": (np.ma.masked_array(normal(), mask=True), "returned a masked array"),
    "no column": (np.zeros((N, 0), np.float32), "returned an array of shape (40, 0), not (items, dimensions)"),
    "three dimensions": (np.zeros((N, 2, 2)), "returned an array of shape (40, 2, 2), not (items, dimensions)"),
    "too few rows": (normal()[1:], "returned 39 rows for 40 items"),
    "a number": (7, "returned a int, not a numpy array"),
}


@pytest.mark.parametrize(("matrix", "reason"), REFUSED.values(), ids=REFUSED)
def test_what_is_no_matrix_of_numbers_is_refused_for_every_recommender(tmp_path, matrix, reason):
    run = Run(tmp_path, usual(), matrix)
    found = run.cells()
    assert found.pop("itemknn").metrics["recall@20"] > 0  # reads no features
    for recommender, failure in found.items():
        assert failure.startswith(f"encoder '{'faulty-sets' if recommender == 'attribute-knn' else 'faulty'}' ")
        assert reason in failure
    assert {verdict for verdict, _ in run.judged((NOISE,), ("vbpr", "content-knn")).values()} == {"inadmissible"}


INADMISSIBLE = {
    "all zero": (np.zeros((N, 5), np.float32), "40 of 40 items are zero"),
    "most zero": (with_rows(slice(0, 28), 0.0), "28 of 40 items are zero"),
    "negative zero": (with_rows(slice(0, 28), -0.0), "28 of 40 items are zero"),
    "denormal": (normal() * np.float32(1e-40), "40 of 40 items are zero"),
    "squares below float32": (normal() * np.float32(1e-25), "40 of 40 items are zero"),
    "constant": (np.full((N, 5), 3.0, np.float32), "40 of 40 items share one row"),
    "a constant column": (np.ones((N, 1), np.float32), "40 of 40 items share one row"),
    "most alike": (with_rows(slice(0, 28), 1.0), "28 of 40 items share one row"),
}


@pytest.mark.parametrize(("matrix", "reason"), INADMISSIBLE.values(), ids=INADMISSIBLE)
def test_features_that_tell_nothing_are_inadmissible_for_every_recommender(tmp_path, matrix, reason):
    for case, (verdict, why) in Run(tmp_path, usual(), matrix).judged((NOISE,)).items():
        assert verdict == "inadmissible", case
        # Where a cell cannot be trained either, its reason is told.
        expected = (reason, "the features are all zero", NO_SETS)
        assert any(text in why for text in expected), why
        assert reason in why or case.startswith(("lattice", "attribute-knn"))


def eighths(columns=5):
    """Numbers that every type of numbers holds."""
    return np.random.default_rng(2).integers(-8, 8, size=(N, columns))


SAME = {
    "float64": lambda m: m.astype(np.float64),
    "float16": lambda m: m.astype(np.float16),
    "long double": lambda m: m.astype(np.longdouble),
    "int8": lambda m: m.astype(np.int8),
    "int64": lambda m: m.astype(np.int64),
    "big endian": lambda m: m.astype(">f4"),
    "columns first": lambda m: np.asfortranarray(m, np.float32),
    "a view": lambda m: np.repeat(m, 2, axis=1).astype(np.float32)[:, ::2],
    "read only": lambda m: np.broadcast_to(m.astype(np.float32), m.shape),
    "negative zero": lambda m: np.where(m == 0, -0.0, m).astype(np.float32),
}


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    found = Run(tmp_path_factory.mktemp("expected"), usual(), eighths().astype(np.float32)).cells()
    assert found["attribute-knn"] == NO_SETS
    return found


@pytest.mark.parametrize("convert", SAME.values(), ids=SAME)
def test_the_same_numbers_in_another_type_give_the_same_results(tmp_path, expected, convert):
    for recommender, result in Run(tmp_path, usual(), convert(eighths())).cells().items():
        if isinstance(result, str):
            assert result == expected[recommender]
            continue
        for metric, values in result.per_user.items():
            np.testing.assert_array_equal(values, expected[recommender].per_user[metric])


@pytest.mark.parametrize("kind", [bool, np.int64, np.float16, np.float32])
def test_sets_of_any_type_give_the_same_results(tmp_path, kind):
    made = (np.random.default_rng(3).random((N, 6)) < 0.4).astype(kind)
    made[:3] = 0  # items without an attribute
    found = [
        Run(tmp_path / str(i), usual(), m).cells(("attribute-knn", "vbpr")) for i, m in enumerate((made, made * 1.0))
    ]
    for recommender in found[0]:
        np.testing.assert_array_equal(*(f[recommender].per_user["ndcg@20"] for f in found))


ADMISSIBLE = {
    "a zero row": with_rows(2, 0.0),
    "twins": np.repeat(normal(N // 2), 2, axis=0),
    "one column": np.abs(normal(columns=1)),
    "a constant column": np.hstack([normal(), np.ones((N, 1), np.float32)]),
    "a zero column": np.hstack([normal(), np.zeros((N, 1), np.float32)]),
    "one opposite to all others": (3 + np.abs(normal())) * np.where(np.arange(N)[:, None] == 2, -1, 1),
    "opposite": np.where(np.arange(N)[:, None] % 2, 1, -1) * np.abs(normal()),
    "small": normal() * np.float32(1e-10),
    "large": normal() * np.float32(1e4),
    "more columns than items": normal(columns=3 * N),
}


@pytest.mark.parametrize("matrix", ADMISSIBLE.values(), ids=ADMISSIBLE)
def test_odd_features_have_a_result_in_every_recommender(tmp_path, matrix):
    run = Run(tmp_path, usual(), matrix)
    for recommender, found in run.cells().items():
        if isinstance(found, str):
            assert found == NO_SETS
            continue
        assert np.isfinite(found.per_user["recall@20"]).any(), recommender
        assert found.metrics["recall@20"] > 0, recommender
    for verdict, why in run.judged((NOISE,), ("vbpr", "freedom", "content-knn")).values():
        if verdict == "inconclusive":
            assert why.startswith("one seed shows no spread")
        else:
            assert why.startswith("both arms (")


def test_scale_does_not_change_a_cosine():
    """Down to the shortest and up to the longest rows that are let pass: what is beyond is not let pass."""
    lengths = np.linalg.norm(normal(), axis=1)
    tables = [
        normal(),
        normal() * np.float32(2 * SHORTEST / lengths.min()),
        normal() * np.float32(LONGEST / 2 / lengths.max()),
    ]
    graphs = [nearest(torch.from_numpy(table), 10, Lot(N, 0))[0].numpy() for table in tables]
    np.testing.assert_array_equal(graphs[0], graphs[1])
    np.testing.assert_array_equal(graphs[0], graphs[2])
    report = FeatureReport.of(Features("x", "textual", tables[1], np.zeros(N, bool)))
    assert report.zero_rows == 0


def split_of(labels):
    """A given split in which the users below the first bound test, below the second validate."""
    made = usual()
    users = made.interactions.users
    given = np.where(users < labels[0], 2, np.where(users < labels[1], 1, 0))
    return dataclasses.replace(made, given_split=given.astype(np.int8))


def rated(label):
    """Only what is not in this part of the split is rated high enough to count."""
    made = usual()
    ratings = np.where(make_split(made, 0).labels == label, 1.0, 5.0).astype(np.float32)
    return dataclasses.replace(
        made, relevance=4.0, interactions=dataclasses.replace(made.interactions, ratings=ratings)
    )


def cold():
    """What is tested nobody has in training, as in a cold start."""
    made = usual()
    given = np.where(made.interactions.items < 20, 0, np.where(made.interactions.items < 30, 1, 2))
    return dataclasses.replace(made, given_split=given.astype(np.int8))


UNUSABLE = {
    "one item": (dataset(range(5), [0] * 5, 5, 1), "the valid part of the split is empty (5 interactions of 5 users)"),
    "one interaction each": (dataset(range(20), range(20), 20, N), "the valid part of the split is empty"),
    "two interactions each": (dataset([0, 0, 1, 1], [0, 1, 2, 3], 2, N), "the valid part of the split is empty"),
    "nothing relevant in test": (
        rated(2),
        "none of 24 interactions in the test part of the split is relevant (ratings",
    ),
    "nothing relevant in valid": (rated(1), "none of 24 interactions in the valid part of the split is relevant"),
    "users without training items": (split_of((6, 12)), "6 of 6 users of the validation part are not in train"),
    "cold items": (cold(), "10 of 10 items of the validation part are not in train"),
    "nothing to train on": (split_of((12, USERS)), "the train part of the split is empty"),
}


@pytest.mark.parametrize(("data", "reason"), UNUSABLE.values(), ids=UNUSABLE)
def test_data_that_nothing_can_be_learnt_from_is_one_error(tmp_path, data, reason):
    run = Run(tmp_path, data, normal())
    with pytest.raises(DatasetError, match="dataset 'faulty': ") as caught:
        run.judged()
    assert reason in str(caught.value)
    for found in run.cells().values():
        assert reason in found


def each_has(*counts, n_items):
    """User u has counts[u] of the items, drawn at random."""
    random = np.random.default_rng(0)
    items = np.concatenate([np.sort(random.choice(n_items, count, replace=False)) for count in counts])
    return dataset(np.repeat(np.arange(len(counts)), counts), items, len(counts), n_items)


CEILING = "no recommender could change any user's recall@20: too few candidates"
SMALL = {
    "three items": each_has(*[3] * 5, n_items=3),
    "twenty items": each_has(*[20] * 9, n_items=20),
    "more items than the list, fewer candidates": each_has(*[10] * USERS, n_items=27),
}


@pytest.mark.parametrize("data", SMALL.values(), ids=SMALL)
def test_lists_that_hold_every_candidate_are_inadmissible(tmp_path, data):
    """The arms would be equal, whatever they are: no difference would be certain."""
    run = Run(tmp_path, data, np.abs(normal()))
    for verdict, why in run.judged(BY_RECALL, ("vbpr", "content-knn")).values():
        assert (verdict, why) == ("inadmissible", CEILING)


def test_users_whom_every_list_serves_alike_are_left_out_and_counted(tmp_path):
    """Of 27 items, who has ten has 18 candidates left for a list of 20; who has six has more."""
    few, many = 15, USERS
    run = Run(tmp_path, each_has(*[10] * few, *[6] * many, n_items=27), np.abs(normal()), seeds=2)
    noise = BY_RECALL[0]
    chosen = [one for one in cases(noise, "faulty", run.source, run.registry, ["faulty"]) if one.control == "permuted"]
    done = judge(chosen, run.pipeline)
    for case in build(done).claims:
        assert (case.n_fixed, case.n_users) == (few, many)
        assert case.verdict == "inadmissible" or f"{few} users left out" in case.reason
    (one,) = (one for one in chosen if one.recommender == "content-knn")
    recall = parse_metric("recall@20")
    mask = run.pipeline.settings.mask
    arms = [
        np.stack([recall.values(run.pipeline.find(cell).per_user.rankings.ranks(mask)) for cell in cells])
        for cells in (one.treatment_cells(2), one.control_cells(2))
    ]
    assert (arms[0][:, :few] == 1).all()  # as other libraries say, too
    effect = (arms[0] - arms[1])[:, few:].mean(axis=1).mean()
    assert done.judged[one].estimate.effect == pytest.approx(effect, abs=1e-12)
    results = done.outcome.results.values()
    assert not any(np.isfinite(result.per_user["recall@20"][:few]).any() for result in results)
    # A shorter list leaves something out, and the order of a long one is worth something.
    assert all(np.isfinite(result.per_user[metric]).all() for result in results for metric in ("recall@10", "ndcg@20"))
    write(build(done), done, tmp_path / "report")
    frame = pl.read_parquet(tmp_path / "report" / "per_user.parquet")
    assert frame["recall@20"].null_count() == few * len(done.outcome.results)
    assert frame.null_count()["ndcg@20"].item() == 0


def test_nobody_is_left_out_where_all_have_a_choice(tmp_path):
    run = Run(tmp_path, usual(), np.abs(normal()))
    ((_, result),) = runner.run_cells(run.pipeline, [Cell("faulty", "content-knn", "faulty")]).results.items()
    ranks = result.per_user.rankings.ranks(run.pipeline.settings.mask)
    for metric, values in result.per_user.items():
        np.testing.assert_array_equal(values, parse_metric(metric).values(ranks))
    assert not any(values.any() for values in run.pipeline.fixed("faulty", 0).values())


def partly(label_of):
    """The usual split, in which some interactions, (users, items) -> labels or -1, are wholly in one part."""
    made = usual()
    drawn = make_split(made, 0).labels
    asked = label_of(made.interactions.users, made.interactions.items)
    return dataclasses.replace(made, given_split=np.where(asked < 0, drawn, asked).astype(np.int8))


ODD = {
    "a single user": dataset([0] * 18, range(18), 1, N),
    "a user who has everything": dataset([0] * N + [1] * 5, [*range(N), *range(5)], 2, N),
    "an item that nobody has": dataset(*(usual().interactions.users, usual().interactions.items), USERS, N + 3),
    "a user without interactions": dataset(usual().interactions.users, usual().interactions.items, USERS + 2, N),
    "some users without training items": partly(lambda users, _: np.where(users < 3, 2, np.where(users < 6, 1, -1))),
    "some cold items": partly(lambda _, items: np.where(items >= 34, 2, -1)),
    "everybody has the same": dataset(np.repeat(np.arange(8), 12), np.tile(np.arange(12), 8), 8, N),
}


@pytest.mark.parametrize("data", ODD.values(), ids=ODD)
def test_odd_data_has_a_result_in_every_recommender(tmp_path, data):
    run = Run(tmp_path, data, np.abs(normal(N + 3)))
    for recommender, found in run.cells().items():
        if recommender == "attribute-knn":
            assert found == NO_SETS
            continue
        assert not isinstance(found, str), found
        assert 0 <= found.metrics["recall@20"] <= 1
    expected = ("one seed shows no spread", "both arms (", "neither arm finds anything", NO_SETS)
    for case, (verdict, why) in run.judged((NOISE,)).items():
        assert verdict in ("inconclusive", "inadmissible"), case
        assert why.startswith(expected) or "finds nothing for any user (recall@20 is 0)" in why


def test_the_order_of_the_catalogue_decides_nothing(tmp_path):
    """Nobody's features are like another's, so that the probe scores all items alike: what is left is chance."""
    hits = []
    for turned in (False, True):
        data = usual()
        # All that is tested stands at one end of the catalogue; the other half of the users trains on it.
        users, items = data.interactions.users, data.interactions.items
        given = np.where(users % 2, 0, np.where(items >= 30, 2, np.where(items >= 25, 1, 0))).astype(np.int8)
        items = N - 1 - items if turned else items
        data = dataclasses.replace(data, given_split=given, interactions=Interactions(users, items))
        run = Run(tmp_path / str(turned), data, np.eye(N, dtype=np.float32), seeds=60)
        cells = [Cell("faulty", "content-knn", "faulty", seed=seed) for seed in range(60)]
        # A given split is the same for every seed: only the lot differs.
        hits.append(
            np.mean([runner.run_cells(run.pipeline, [cell]).results[cell].metrics["recall@20"] for cell in cells])
        )
    # 20 of the 31 to 33 items that are no train or validation items of a user.
    assert hits[0] == pytest.approx(20 / 33, abs=0.12)
    assert hits[1] == pytest.approx(20 / 33, abs=0.12)
