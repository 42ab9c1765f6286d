import itertools

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from recclaims.errors import CellError
from recclaims.evaluation.item_lists import ItemLists
from recclaims.evaluation.metrics import Ranks, parse_metric
from recclaims.evaluation.orders import Counted, Sorted, best, count_ranks
from recclaims.evaluation.ranking import evaluate, listed_of, lot, rank, without

from ..drawing import examples


def lists(rows, n_users):
    users = np.repeat(np.arange(len(rows)), [len(row) for row in rows])
    items = np.array([item for row in rows for item in row], dtype=np.int64)
    return ItemLists.of(users, items, n_users)


def scorer(scores):
    table = torch.tensor(scores, dtype=torch.float32)
    return lambda users: table[torch.from_numpy(users)]


def test_an_answer_obvious_by_eye():
    # User 0 ranks 3, 2, 1, 0 and wants 2 and 0; user 1 ranks 0, 1, 2, 3 but has had 0, and wants 1.
    scores = [[1.0, 2.0, 3.0, 4.0], [4.0, 3.0, 2.0, 1.0]]
    result = evaluate(scorer(scores), lists([[2, 0], [1]], 2), lists([[], [0]], 2), cutoffs=(1, 2, 3))
    np.testing.assert_allclose(result["recall@1"], [0, 1])
    np.testing.assert_allclose(result["recall@2"], [0.5, 1])
    np.testing.assert_allclose(result["hit@2"], [1, 1])
    # Its one hit is in second place: 1/log2(3) over the ideal 1 + 1/log2(3).
    np.testing.assert_allclose(result["ndcg@3"], [(1 / np.log2(3)) / (1 + 1 / np.log2(3)), 1])


def test_a_user_without_relevant_items_has_no_value():
    result = evaluate(scorer([[1.0, 0.0], [1.0, 0.0]]), lists([[], [0]], 2), lists([[], []], 2), cutoffs=(1,))
    assert np.isnan(result["recall@1"][0])
    assert result["recall@1"][1] == 1


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_score_that_is_no_number_is_refused(bad):
    with pytest.raises(CellError, match="NaN or inf"):
        evaluate(scorer([[1.0, bad]]), lists([[0]], 1), lists([[]], 1))


def test_fewer_items_than_the_cutoff():
    result = evaluate(scorer([[1.0, 2.0, 3.0]]), lists([[0]], 1), lists([[]], 1), cutoffs=(20,))
    assert result["recall@20"][0] == 1
    assert result["ndcg@20"][0] == pytest.approx(1 / np.log2(4))


@pytest.mark.parametrize("wanted", [0, 15, 29])
def test_equal_scores_are_drawn_by_lot(wanted):
    """All items score alike: whichever is wanted is among the first 10 of 30 one time in three."""
    relevant, masked = lists([[wanted]], 1), lists([[]], 1)
    found = [evaluate(scorer([[1.0] * 30]), relevant, masked, (10, 20), seed=seed) for seed in range(600)]
    assert np.mean([result["recall@10"] for result in found]) == pytest.approx(1 / 3, abs=0.06)
    assert np.mean([result["recall@20"] for result in found]) == pytest.approx(2 / 3, abs=0.06)


def test_the_lot_is_the_same_for_the_same_seed_and_for_whoever_ties():
    scores = [[1.0] * 30, [1.0] * 29 + [2.0]]
    relevant, masked = lists([[3], [29, 4]], 2), lists([[], []], 2)
    once, again = (evaluate(scorer(scores), relevant, masked, seed=5) for _ in range(2))
    for metric, values in once.items():
        np.testing.assert_array_equal(values, again[metric])
    assert once["hit@10"][1] == 1  # what is better than all others is first, tie or not


@pytest.mark.parametrize("tied", [False, True])
def test_a_tie_of_one_user_leaves_the_others_alone(tied):
    random = np.random.default_rng(0)
    scores = random.normal(size=(2, 30)).astype(np.float32)
    expected = evaluate(scorer(scores), lists([[1], [2]], 2), lists([[], []], 2))
    if tied:
        scores[0] = 0
    found = evaluate(scorer(scores), lists([[1], [2]], 2), lists([[], []], 2))
    assert [values[1] for values in found.values()] == [values[1] for values in expected.values()]


@examples(60)
@given(seed=st.integers(0, 2**31), block=st.integers(1, 40))
def test_equals_a_slow_and_obvious_version(seed, block):
    random = np.random.default_rng(seed)
    n_users, n_items = 17, 30
    state = random.integers(0, 4, (n_users, n_items))  # 1: masked, 2: relevant
    scores = random.normal(size=(n_users, n_items)).astype(np.float32)
    masked, relevant = (lists([np.flatnonzero(row == code) for row in state], n_users) for code in (1, 2))
    result = evaluate(scorer(scores), relevant, masked, cutoffs=(3, 10), block=block)
    for user in range(n_users):
        wanted = set(np.flatnonzero(state[user] == 2))
        candidates = [i for i in np.argsort(-scores[user]) if state[user, i] != 1]
        for k in (3, 10):
            gains = [1 / np.log2(place + 2) for place, i in enumerate(candidates[:k]) if i in wanted]
            ideal = sum(1 / np.log2(place + 2) for place in range(min(k, len(wanted))))
            if not wanted:
                assert np.isnan(result[f"recall@{k}"][user])
                continue
            assert result[f"recall@{k}"][user] == pytest.approx(len(gains) / len(wanted), abs=1e-12)
            assert result[f"hit@{k}"][user] == float(bool(gains))
            assert result[f"ndcg@{k}"][user] == pytest.approx(sum(gains) / ideal, abs=1e-12)


def test_equals_recboles_evaluator_on_the_same_scores_and_mask():
    from recbole.evaluator import Collector, Evaluator

    from recclaims.recommenders._recbole.bridge import make_config

    random = np.random.default_rng(0)
    n_users, n_items = 200, 120
    state = random.choice(3, (n_users, n_items), p=[0.8, 0.15, 0.05])
    state[np.arange(n_users), random.integers(0, n_items, n_users)] = 2
    scores = torch.from_numpy(random.normal(size=(n_users, n_items)).astype(np.float32))
    ours = evaluate(
        lambda users: scores[torch.from_numpy(users)],
        lists([np.flatnonzero(row == 2) for row in state], n_users),
        lists([np.flatnonzero(row == 1) for row in state], n_users),
    )
    config = make_config("BPR", {"topk": [10, 20], "metrics": ["Recall", "NDCG", "Hit"]}, 0, "cpu")
    collector = Collector(config)
    # As Trainer._full_sort_batch_eval hands them over: padding and history at -inf.
    theirs = torch.full((n_users, n_items + 1), -torch.inf)
    theirs[:, 1:] = scores.masked_fill(torch.from_numpy(state == 1), -torch.inf)
    positive_u, positive_i = (torch.from_numpy(part) for part in np.nonzero(state == 2))
    collector.eval_batch_collect(theirs, None, positive_u, positive_i + 1)
    expected = Evaluator(config).evaluate(collector.get_data_struct())
    for metric in ours:
        assert np.nanmean(ours[metric]) == pytest.approx(expected[metric], abs=1e-9), metric


@pytest.mark.parametrize("n_items", [700, 1_000, 7_050])
@pytest.mark.parametrize("tied", [False, True])
def test_the_best_of_many_items_are_those_of_sorting_them_all(n_items, tied):
    random = np.random.default_rng(0)
    scores = random.standard_normal((40, n_items)).astype(np.float32)
    scores[:, ::7] = -np.inf
    if tied:
        scores = np.round(scores, 2)
    order = torch.from_numpy(random.permutation(n_items))
    found = best(torch.from_numpy(scores), 20, order).numpy()
    # The same lot decides between equal scores: sorted, in that order, by a sort that keeps it.
    expected = order.numpy()[np.argsort(-scores[:, order.numpy()], axis=1, kind="stable")[:, :20]]
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("seen", [False, True])
def test_one_bad_score_among_many_is_refused_even_of_an_item_that_is_no_candidate(bad, seen):
    scores = np.zeros((1, 5_000), dtype=np.float32)
    scores[0, 3_210] = bad
    with pytest.raises(CellError, match="NaN or inf"):
        evaluate(
            lambda _: torch.from_numpy(scores.copy()),
            relevant=ItemLists(np.array([0, 1]), np.array([7])),
            masked=ItemLists(np.array([0, 1]), np.array([3_210 if seen else 5])),
        )


def test_an_item_that_is_nobodys_candidate_is_no_excuse_for_a_bad_score():
    with pytest.raises(CellError, match="NaN or inf"):
        evaluate(scorer([[1.0, np.nan]]), lists([[0]], 1), lists([[]], 1), among=np.array([True, False]))


@pytest.mark.parametrize("k", [1, 2, 3, 5])
def test_a_value_is_fixed_where_no_order_of_the_items_changes_it(k):
    """All orders of four items, for every choice of what is masked and what is wanted."""
    parts = list(itertools.product((0, 1, 2), repeat=4))  # of each item: nothing, relevant, masked
    relevant, masked = (lists([[i for i in range(4) if part[i] == kind] for part in parts], 81) for kind in (1, 2))
    none = lists([[]], 81)
    kept = [
        rank(scorer([order] * len(parts)), relevant, masked, none, 0)
        for order in itertools.permutations((1.0, 2.0, 3.0, 4.0))
    ]
    users = np.repeat(np.arange(81), relevant.lengths)
    orders = [Ranks.of(relevant.lengths, users, one.test_ranks(left_out=False)) for one in kept]
    for metric in (
        f"recall@{k}",
        f"ndcg@{k}",
        f"hit@{k}",
        f"precision@{k}",
        f"map@{k}",
        f"mrr@{k}",
        "mrr",
        "smooth_recall",
    ):
        table = np.stack([parse_metric(metric).values(one) for one in orders])
        found = parse_metric(metric).fixed(relevant.lengths, 4 - masked.lengths)
        np.testing.assert_array_equal(found, np.ptp(table, axis=0) < 1e-12, err_msg=metric)  # NaN: not fixed


def slow(scores, test, seen, valid, places):
    """Ranks of every user's test items and the list of the best, by sorting all items: higher first, then the lot."""
    ranks, tops = [], []
    for user, row in enumerate(scores):
        out = {*seen[user], *valid[user]}
        worth = [-np.inf if item in out else row[item] for item in range(len(row))]
        order = sorted(range(len(row)), key=lambda item: (-worth[item], places[item]))
        ranks += [order.index(item) + 1 for item in test[user]]
        if test[user]:
            listed = [item for item in order if worth[item] > -np.inf][:50]
            tops.append(listed + [len(row)] * (min(50, len(row)) - len(listed)))
    return ranks, tops


@examples(80)
@given(
    seed=st.integers(0, 2**31),
    n_items=st.sampled_from([5, 30, 70, 300]),
    levels=st.sampled_from([1, 3, 40, 10**6]),
    blocked=st.booleans(),
    wants=st.sampled_from([1, 9]),
    some=st.booleans(),
)
def test_what_is_kept_equals_sorting_all_items_under_either_mask(seed, n_items, levels, blocked, wants, some):
    """Few levels of scores tie; `wants` decides which way of counting is taken; some score -inf by themselves.

    Where only `some` items are candidates for anybody, those that are wanted are among them.
    """
    random = np.random.default_rng(seed)
    n_users = 11
    state = random.choice(4, (n_users, n_items), p=[0.4, 0.6 - 0.3 - 0.03 * wants, 0.3, 0.03 * wants])
    scores = random.integers(0, levels, (n_users, n_items)).astype(np.float32)
    if blocked:
        scores[random.random(scores.shape) < 0.3] = -np.inf
    seen, valid, test = ([np.flatnonzero(row == code).tolist() for row in state] for code in (1, 2, 3))
    if not any(test):
        test[0], seen[0], valid[0] = [0], [], []
    among = np.isin(np.arange(n_items), [*itertools.chain(*test)]) | (random.random(n_items) < 0.3) if some else None
    parts = (lists(part, n_users) for part in (test, seen, valid))
    kept = rank(scorer(scores), *parts, seed=seed, block=4, among=among)
    places = lot(seed, n_items)
    if some:
        outside = np.flatnonzero(~among).tolist()
        seen = [sorted({*mine, *outside}) for mine in seen]
        valid = [sorted({*mine} - {*outside}) for mine in valid]
    wanting = [user for user in range(n_users) if test[user]]
    for left_out in (False, True):
        ranks, tops = slow(scores, test, seen, valid if left_out else [[]] * n_users, places)
        assert kept.test_ranks(left_out).tolist() == ranks
        top = kept.top.astype(np.int64)
        if left_out:
            gone = listed_of(top, lists(valid, n_users), np.array(wanting), n_items)
            top = without(top, gone, kept.more.astype(np.int64))
        assert top.tolist() == tops
    candidates = [[n_items - len(seen[u]), n_items - len(seen[u]) - len(valid[u])] for u in wanting]
    assert kept.candidates.T.tolist() == candidates


@pytest.mark.parametrize("levels", [1, 2, 5])
@pytest.mark.parametrize("seed", range(6))
def test_no_two_items_share_a_rank_and_the_lot_decides_between_equals(levels, seed):
    """Of every candidate, by each way of counting: all wanted at once, one at a time, and as a GPU counts."""
    random, n_items, n_users = np.random.default_rng(seed), 60, 8
    scores = random.integers(0, levels, (n_users, n_items)).astype(np.float32)
    seen = [random.choice(n_items, 5, replace=False).tolist() for _ in range(n_users)]
    open_to = [[item for item in range(n_items) if item not in had] for had in seen]
    none = lists([[]], n_users)
    at_once = rank(scorer(scores), lists(open_to, n_users), lists(seen, n_users), none, seed).test_ranks(False)
    one_by_one = np.stack([
        rank(scorer(scores), lists([[own[n]] for own in open_to], n_users), lists(seen, n_users), none, seed)
        .test_ranks(False)
        for n in range(n_items - 5)
    ], axis=1)  # fmt: skip
    table = at_once.reshape(n_users, -1)
    np.testing.assert_array_equal(np.sort(table, axis=1), np.tile(np.arange(1, n_items - 4), (n_users, 1)))
    np.testing.assert_array_equal(table, one_by_one)
    masked = scores.copy()
    for user, had in enumerate(seen):
        masked[user, had] = -np.inf
    places = lot(seed, n_items)
    rows = torch.arange(n_users).repeat_interleave(n_items - 5)
    items = torch.tensor(open_to).reshape(-1)
    counted = count_ranks(torch.from_numpy(masked), rows, items, torch.tensor(places))
    np.testing.assert_array_equal(counted.numpy(), at_once)
    for user, ranks in enumerate(table):
        order = [open_to[user][place] for place in np.argsort(ranks)]
        keys = [(-scores[user, item], places[item]) for item in order]
        assert keys == sorted(keys)


def test_the_lot_gives_every_item_a_place_of_its_own():
    for n_items in (1, 2, 1_000):
        assert sorted(lot(3, n_items).tolist()) == list(range(n_items))


def test_a_list_without_ties_gives_the_metrics_of_its_ranks_to_the_last_bit():
    random = np.random.default_rng(3)
    n_users, n_items = 300, 900
    state = random.choice(3, (n_users, n_items), p=[0.85, 0.1, 0.05])
    scores = np.round(random.normal(size=(n_users, n_items)), 2).astype(np.float32)
    seen, test = (lists([np.flatnonzero(row == code) for row in state], n_users) for code in (1, 2))
    kept = rank(scorer(scores), test, seen, lists([[]], n_users), 7)
    ranks = Ranks.of(test.lengths, np.repeat(np.arange(n_users), test.lengths), kept.test_ranks(left_out=False))
    for metric, values in evaluate(scorer(scores), test, seen, (3, 10, 20), seed=7).items():
        np.testing.assert_array_equal(values, parse_metric(metric).values(ranks), err_msg=metric)


@pytest.mark.parametrize("made", [Counted, Sorted])
def test_counting_on_a_device_equals_what_is_found_here(made):
    random = np.random.default_rng(0)
    scores = torch.from_numpy(random.integers(0, 9, (6, 200)).astype(np.float32))
    rows, items = np.repeat(np.arange(6), 5), random.integers(0, 200, 30)
    places = lot(4, 200)
    there = count_ranks(scores, *(torch.tensor(part) for part in (rows, items, places)))
    np.testing.assert_array_equal(made(scores, places).ranks((rows, items)), there.numpy())


@examples(60)
@given(
    seed=st.integers(0, 2**31),
    n_items=st.sampled_from([1, 7, 64, 300]),
    levels=st.sampled_from([1, 3, 10**6]),
    k=st.sampled_from([1, 5, 50]),
)
def test_sorting_says_the_same_as_counting(seed, n_items, levels, k):
    """Negative scores, both zeros, infinitely low and the least numbers there are among them."""
    random = np.random.default_rng(seed)
    odd = np.array([-0.0, 0.0, -np.inf, 1e-45, -1e-45, 3.4e38, -3.4e38], dtype=np.float32)
    scores = random.integers(-levels, levels + 1, (9, n_items)).astype(np.float32)
    where = random.random(scores.shape) < 0.3
    scores[where] = random.choice(odd, where.sum())
    places = lot(seed, n_items)
    cells = np.divmod(np.sort(random.choice(9 * n_items, min(40, 9 * n_items), replace=False)), n_items)
    rows = np.unique(cells[0])
    one, other = (made(torch.from_numpy(scores.copy()), places) for made in (Counted, Sorted))
    np.testing.assert_array_equal(one.ranks(cells), other.ranks(cells))
    np.testing.assert_array_equal(one.best(k), other.best(k))
    np.testing.assert_array_equal(one.best_without(cells, rows, k), other.best_without(cells, rows, k))


@pytest.mark.parametrize("bad", [np.nan, -np.nan, np.inf])
def test_sorting_refuses_a_score_that_is_no_number(bad):
    scores = np.zeros((3, 40), dtype=np.float32)
    scores[1, 20] = np.copysign(np.float32(np.nan), -1) if np.isnan(bad) and np.signbit(bad) else bad
    with pytest.raises(CellError, match="NaN or inf"):
        Sorted(torch.from_numpy(scores), lot(0, 40))
