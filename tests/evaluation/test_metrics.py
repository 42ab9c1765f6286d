"""Metrics from ranks: by eye, beside a slow version, beside RecBole, and by what defines smooth recall."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from recclaims.errors import UnknownNameError
from recclaims.evaluation.metrics import METRICS, Ranks, check_comparable, parse_metric

from ..drawing import examples


def ranks_of(*rows):
    """The ranks of each user's relevant items, in any order."""
    lengths = np.array([len(row) for row in rows])
    return Ranks.of(lengths, np.repeat(np.arange(len(rows)), lengths), np.array([r for row in rows for r in row], int))


BY_EYE = {
    "recall@2": [0.5, 0, 1],
    "precision@2": [0.5, 0, 0.5],
    "precision@4": [0.5, 0.25, 0.25],
    "hit@2": [1, 0, 1],
    "ndcg@3": [(1 + 1 / 2) / (1 + 1 / np.log2(3)), 1 / 2, 1 / np.log2(3)],
    "map@3": [(1 + 2 / 3) / 2, 1 / 3, 1 / 2],
    "map@2": [1 / 2, 0, 1 / 2],
    "mrr@2": [1, 0, 1 / 2],
    "mrr": [1, 1 / 3, 1 / 2],
    "smooth_recall": [(np.exp(-1 / 20) + np.exp(-3 / 20)) / 2, np.exp(-3 / 20), np.exp(-2 / 20)],
}


@pytest.mark.parametrize("metric", BY_EYE)
def test_by_eye(metric):
    """One user's two items are first and third; another's only one is third; a last one's is second; one has none."""
    values = parse_metric(metric).values(ranks_of([3, 1], [3], [2], []))
    np.testing.assert_allclose(values, [*BY_EYE[metric], np.nan], rtol=1e-15)


def slow(name, k, ranks):
    found = sorted(rank for rank in ranks if k is None or rank <= k)
    best = range(1, min(k or 0, len(ranks)) + 1)
    return {
        "recall": lambda: len(found) / len(ranks),
        "precision": lambda: len(found) / k,
        "hit": lambda: float(len(found) > 0),
        "ndcg": lambda: sum(1 / np.log2(r + 1) for r in found) / sum(1 / np.log2(r + 1) for r in best),
        "map": lambda: sum(sum(other <= r for other in found) / r for r in found) / min(k, len(ranks)),
        "mrr": lambda: 1 / found[0] if found else 0,
        "smooth_recall": lambda: sum(np.exp(-r / 20) for r in ranks) / len(ranks),
    }[name]()


@examples(100)
@given(seed=st.integers(0, 2**31), k=st.integers(1, 60))
def test_equals_a_slow_and_obvious_version_at_any_cutoff(seed, k):
    random = np.random.default_rng(seed)
    rows = [random.choice(np.arange(1, 51), random.integers(0, 9), replace=False).tolist() for _ in range(12)]
    for name in ("recall", "precision", "hit", "ndcg", "map", "mrr", "smooth_recall"):
        metric = parse_metric(name if name == "smooth_recall" else f"{name}@{k}")
        expected = [slow(name, metric.cutoff, row) if row else np.nan for row in rows]
        np.testing.assert_allclose(metric.values(ranks_of(*rows)), expected, rtol=1e-12, err_msg=str(metric))


def test_smooth_recall_is_recall_at_a_random_cutoff():
    """Of recall@K, weighted by P(K) = exp(-K/20) - exp(-(K+1)/20): K is the whole part of an exponential variable."""
    ranks = ranks_of([1], [2, 40, 300], [7, 8, 9, 1_000], [60])
    total = np.zeros(4)
    for k in range(1, 3_000):
        total += (np.exp(-k / 20) - np.exp(-(k + 1) / 20)) * parse_metric(f"recall@{k}").values(ranks)
    np.testing.assert_allclose(parse_metric("smooth_recall").values(ranks), total, atol=1e-12)
    drawn = np.floor(np.random.default_rng(0).exponential(20, 200_000))
    share = np.mean(drawn >= 7)
    assert parse_metric("smooth_recall").values(ranks_of([7]))[0] == pytest.approx(share, abs=0.005)


@pytest.mark.parametrize("k", [1, 5, 20])
def test_equals_recboles_evaluator(k):
    from recbole.evaluator import Collector, Evaluator

    from recclaims.recommenders._recbole.bridge import make_config

    random = np.random.default_rng(k)
    wanted = random.random((150, 60)) < 0.1
    wanted[np.arange(150), random.integers(0, 60, 150)] = True
    scores = random.normal(size=wanted.shape).astype(np.float32)
    theirs = ("Recall", "NDCG", "Hit", "Precision", "MAP", "MRR")
    config = make_config("BPR", {"topk": [k], "metrics": list(theirs)}, 0, "cpu")
    collector = Collector(config)
    padded = torch.full((150, 61), -torch.inf)
    padded[:, 1:] = torch.from_numpy(scores)
    users, items = (torch.from_numpy(part) for part in np.nonzero(wanted))
    collector.eval_batch_collect(padded, None, users, items + 1)
    expected = Evaluator(config).evaluate(collector.get_data_struct())
    places = np.argsort(np.argsort(-scores, axis=1), axis=1) + 1
    ranks = ranks_of(*(place[row] for place, row in zip(places, wanted, strict=True)))
    for name in theirs:
        metric = f"{name.lower()}@{k}"
        # RecBole rounds to four digits.
        assert np.mean(parse_metric(metric).values(ranks)) == pytest.approx(expected[metric], abs=1e-4), metric


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("ndgc@37", "unknown metric 'ndgc@37'; did you mean 'ndcg@37'? known: aplt@K, coverage@K, "),
        ("nDCG@10", "unknown metric 'nDCG@10'; did you mean 'ndcg@10'? known: "),
        ("smooth_recal", "unknown metric 'smooth_recal'; did you mean 'smooth_recall'? known: "),
        ("auc", "unknown metric 'auc'; known: "),
        (None, "unknown metric 'None'; "),
        ("recall", "metric 'recall' needs a cut-off; write 'recall@20'"),
        ("smooth_recall@20", "metric 'smooth_recall@20': smooth_recall takes no cut-off; write 'smooth_recall'"),
        ("recall@0", "metric 'recall@0': '0' is not a list length; write 'recall@20'"),
        ("recall@1e3", "metric 'recall@1e3': '1e3' is not a list length"),
        ("coverage@51", "metric 'coverage@51': lists are kept up to 50; write 'coverage@50' or less"),
    ],
)
def test_what_is_no_metric_is_said_in_one_line(text, message):
    with pytest.raises(UnknownNameError) as caught:
        parse_metric(text, "claim 'mine'")
    assert str(caught.value).startswith(f"claim 'mine': {message}")


@pytest.mark.parametrize("text", ["coverage@20", "gini@20", "ils@20"])
def test_what_has_no_value_of_each_user_compares_nothing(text):
    with pytest.raises(UnknownNameError, match=r"has no value per user; use one of: aplt@K, hit@K, map@K"):
        check_comparable(text)


@pytest.mark.parametrize("text", [*METRICS, "mrr", "map@3", "aplt@50"])
def test_a_metric_is_called_as_it_is_written(text):
    assert str(check_comparable(text)) == text
