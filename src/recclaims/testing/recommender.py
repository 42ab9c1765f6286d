"""What every recommender must pass, on data whose right answer is obvious."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import scipy

from recclaims.errors import CellError
from recclaims.evaluation.item_lists import ItemLists
from recclaims.evaluation.ranking import evaluate
from recclaims.offers import factory_of
from recclaims.recommenders.spec import Recommender

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from recclaims.recommenders._recbole.fit import Fitted

_USERS, _ITEMS = 40, 30
#: Of the catalogue with ties: items, parts that it is seen in, items that a user had, seeds, epochs.
_MANY, _PARTS, _HAD, _LOTS, _FEW = 80, 8, 6, 10, 6
#: What seeds may have in common: this share of a difference, or what is as likely as this by chance; and how much of a
#: rank, on average, is rounding.
_SHARE, _CHANCE, _ROUNDING = 0.25, 0.01, 0.02


class RecommenderContract:
    """Subclass it and set `recommender`; you inherit every test.

    There are forty users and thirty items. Even users like even items, odd users odd ones, and the features say which
    is which. A recommender that learns anything finds the rest.

    Attributes:
        recommender: the recommender to test; required.
        parameters: hyper-parameters with which it learns quickly on so little data.
        modalities: what features it is given as; ("visual", "textual") for one that needs both.
        least_recall: the recall@10 it must reach; popularity and chance reach about one half.
    """

    recommender: Recommender
    parameters: Mapping[str, Any] = {"epochs": 40, "learning_rate": 0.05, "train_batch_size": 128}
    modalities: Sequence[str] = ("textual",)
    least_recall = 0.9

    def test_it_declares_what_can_be_meant(self) -> None:
        """Every value is one that recclaims knows, of the declaration and of the model; see ModelSpec."""
        recommender = self.recommender
        assert isinstance(recommender, Recommender), f"it is {recommender!r}, no recclaims.Recommender"
        factory_of("recommenders", recommender)
        odd = [key for key in recommender.parameters if not isinstance(key, str)]
        assert not odd, f"its parameters have {odd[0]!r} for a name"
        self._fit()  # which reads what the model says

    def test_its_scores_are_the_callers(self) -> None:
        """Whoever asks may write to them: a model with `fresh_scores = True` must not keep what it gave away."""
        fitted, users = self._fit(), np.arange(5)
        given = fitted.score(users).detach()
        kept = given.clone()
        given.fill_(0)
        assert (fitted.score(users).detach() == kept).all(), (
            "its scores change when those it gave before are written to; leave fresh_scores out"
        )

    def test_what_it_derives_is_all_that_it_reads(self) -> None:
        """Where it says what it derives, features from which that is the same have the same scores."""
        self._needs_content()
        fitted, moved = self._fit(), self._fit(content=self._moved())
        if fitted.derived is None:
            pytest.skip("it does not say")
        users = np.arange(_USERS)
        differ = (self._scores(fitted, users) != self._scores(moved, users)).any()
        assert not differ or fitted.derived != moved.derived, (
            "with other features it scores otherwise, though it derives the same; set derived to all that it reads"
        )

    def test_it_finds_what_is_obvious(self) -> None:
        """Even users want even items."""
        found = self._recall(self._fit())
        assert found >= self.least_recall, (
            f"its recall@10 is {found:.2f}, below {self.least_recall}: it does not learn which half of the items a "
            "user likes; check its loss, or set `parameters` with which it learns from so little data"
        )

    def test_it_scores_every_item_with_a_number(self) -> None:
        """One row per user that was asked for, one column per item, nothing NaN or inf."""
        scores = self._scores(self._fit(), np.arange(5))
        assert scores.shape == (5, _ITEMS), f"it gives {scores.shape} scores for 5 users and {_ITEMS} items"
        assert np.isfinite(scores).all(), f"{np.sum(~np.isfinite(scores))} of its scores are NaN or inf"

    def test_it_tells_items_apart(self) -> None:
        """Most of a user's scores differ: a ranking of equal scores is drawn by lot."""
        scores = self._scores(self._fit(), np.arange(_USERS))
        alike = 1 - float(np.mean([len(np.unique(row)) for row in scores])) / _ITEMS
        assert alike < 0.9, (
            f"{100 * alike:.0f} % of its scores are equal to another score of the same user, so the lot ranks and not "
            "it; return scores before they are rounded, thresholded or clipped"
        )

    def test_a_users_scores_do_not_depend_on_the_others(self) -> None:
        """Users are scored in blocks of any size."""
        fitted = self._fit()
        together, alone = self._scores(fitted, np.array([7, 3, 9])), self._scores(fitted, np.array([3]))
        np.testing.assert_allclose(
            together[1],
            alone[0],
            rtol=1e-4,
            atol=1e-6,
            err_msg="a user's scores differ with who else is asked for; draw nothing, and mix no users, in scoring",
        )

    def test_the_seed_decides(self) -> None:
        """The same seed gives the same scores to the last bit; what is trained differs with another one."""
        users = np.arange(_USERS)
        one, same, other = (self._scores(self._fit(seed=seed), users) for seed in (1, 1, 2))
        np.testing.assert_array_equal(
            one, same, err_msg="the same seed gives other scores; draw from torch or config['seed'] alone"
        )
        if not self.recommender.training_free:
            assert (one != other).any(), "the seed changes nothing"

    def test_the_order_of_the_catalogue_decides_nothing(self) -> None:
        """With the items in another order each has the same rank, as far as the lot of seeds allows.

        Eighty items have two or four rows of features between them, so that whatever looks for the items most like one
        finds many that are equally like it; most of them score alike for many users, too. Whoever takes the first of
        equals ranks by the place in the catalogue, which often is the order of popularity. Lot and initialisation are
        drawn anew with every seed. What the seeds have in common of the difference between two orders comes from the
        order: under a fair lot a difference might as well have had the other sign.
        """
        for kinds in (1, 2):
            self._check_order(kinds)

    def _check_order(self, kinds: int) -> None:
        order, usual = np.random.default_rng(1).permutation(_MANY), np.arange(_MANY)
        seeds = range(_LOTS)
        differences = np.stack([self._ranks(kinds, order, seed) - self._ranks(kinds, usual, seed) for seed in seeds])
        # Item by item; and by the part of the catalogue in which it stands, where many small gains come together.
        for found in (differences, _gains(differences, np.argsort(order)) - _gains(differences, usual)):
            share, chance = _in_common(found)
            assert share <= _SHARE or chance > _CHANCE, (
                f"the order of the catalogue affects the ranking: {100 * share:.0f} % of the difference between two "
                f"orders is the same for {_LOTS} seeds; break ties at random, from config['seed']"
            )

    def _ranks(self, kinds: int, order: NDArray[np.int64], seed: int) -> NDArray[np.float64]:
        """The mean rank of every item, by its id, among the items of its half; item order[i] is row i: (_MANY,)."""
        from recclaims.recommenders._recbole.fit import TrainingData, fit

        random = np.random.default_rng(2)
        drawn = [random.choice(np.arange(user % 2, _MANY, 2), _HAD, replace=False) for user in range(_USERS)]
        places = np.empty(_MANY, dtype=np.int64)
        places[order] = np.arange(_MANY)
        users, items = np.repeat(np.arange(_USERS), _HAD), places[np.concatenate(drawn)]
        held = np.arange(len(users)) % _HAD == 0
        rows = np.hstack([np.eye(2)[order % 2], np.eye(kinds)[order // 2 % kinds]]).astype(np.float32)
        data = TrainingData(
            users[~held],
            items[~held],
            _USERS,
            _MANY,
            ItemLists.of(users[held], items[held], _USERS),
            dict.fromkeys(self.modalities, rows) if self.recommender.content else {},
        )
        parameters = {**self.parameters, "epochs": min(_FEW, self.parameters.get("epochs", _FEW))}
        scores: NDArray[Any] = self._scores(fit(self.recommender, parameters, data, seed), np.arange(_USERS))[:, places]
        # Scores that differ by rounding are equal.
        scores = np.round(scores / (np.abs(scores).max() or 1), 5)
        ranks = [scipy.stats.rankdata(scores[:, half::2], axis=1).mean(axis=0) for half in (0, 1)]
        found = np.empty(_MANY)
        for half in (0, 1):
            found[half::2] = ranks[half] - ranks[half].mean()
        return found

    def test_it_refuses_features_that_are_no_numbers(self) -> None:
        """NaN is a failure, never an effect."""
        self._needs_content()
        content = self._content()
        content[self.modalities[-1]][3, 1] = np.nan
        with pytest.raises(CellError, match="NaN or inf"):
            self._fit(content=content)

    def test_it_reads_its_features(self) -> None:
        """With the features of other items it scores otherwise: what else would a control control?"""
        self._needs_content()
        users = np.arange(_USERS)
        assert (self._scores(self._fit(), users) != self._scores(self._fit(content=self._moved()), users)).any(), (
            "with the features of other items it scores exactly the same: it never reads its features"
        )

    def test_it_knows_unseen_items_by_their_features(self) -> None:
        """Where it declares `scores_unseen_items`: what nobody has in train scores otherwise with other features."""
        if not self.recommender.scores_unseen_items:
            pytest.skip("it does not declare scores_unseen_items")
        unseen, users = np.arange(_ITEMS - 4, _ITEMS), np.arange(_USERS)
        others = {name: matrix.copy() for name, matrix in self._content().items()}
        for matrix in others.values():
            matrix[unseen] = matrix[unseen[::-1]]
        one, other = (self._fit(content=content, unseen=unseen) for content in (None, others))
        assert (self._scores(one, users)[:, unseen] != self._scores(other, users)[:, unseen]).any(), (
            "items that nobody has in train score the same with other features; leave scores_unseen_items out"
        )

    def test_its_twins_read_no_features(self) -> None:
        """A feature-free twin is trained without any, and still learns from interactions."""
        self._needs_content()
        if not self.recommender.twins:
            pytest.skip("it has no twin")
        for changes in self.recommender.twins.values():
            found = self._recall(self._fit(content={}, changes=changes))
            assert found >= self.least_recall, (
                f"without features its recall@10 is {found:.2f}, below {self.least_recall}; if nothing is left of it "
                "then, declare feature_free=False"
            )

    def _needs_content(self) -> None:
        if not self.recommender.content:
            pytest.skip("it reads no features")

    def _content(self) -> dict[str, NDArray[np.float32]]:
        return {name: _features(number) for number, name in enumerate(self.modalities)}

    def _moved(self) -> dict[str, NDArray[np.float32]]:
        """The features of other items."""
        return {name: np.roll(matrix, 1, axis=0) for name, matrix in self._content().items()}

    def _fit(
        self,
        content: Mapping[str, NDArray[np.float32]] | None = None,
        changes: Mapping[str, Any] | None = None,
        seed: int = 0,
        unseen: NDArray[np.int64] | None = None,
    ) -> Fitted:
        from recclaims.recommenders._recbole.fit import TrainingData, fit

        users, items, held = _checkerboard()
        if unseen is not None:
            users, items = users[~np.isin(items, unseen)], items[~np.isin(items, unseen)]
        if content is None:
            content = self._content() if self.recommender.content else {}
        data = TrainingData(users, items, _USERS, _ITEMS, held, content)
        return fit(self.recommender, {**self.parameters, **(changes or {})}, data, seed)

    @staticmethod
    def _scores(fitted: Fitted, users: NDArray[np.int64]) -> NDArray[np.float32]:
        scores: NDArray[np.float32] = fitted.score(users).detach().cpu().numpy()
        return scores

    @staticmethod
    def _recall(fitted: Fitted) -> float:
        users, items, held = _checkerboard()
        found = evaluate(fitted.score, held, ItemLists.of(users, items, _USERS), (10,))
        return float(np.nanmean(found["recall@10"]))


def scores_of(
    recommender: Recommender,
    pairs: NDArray[Any],
    content: Mapping[str, NDArray[np.float32]],
    parameters: Mapping[str, Any],
    seed: int = 0,
    held: NDArray[Any] | None = None,
) -> NDArray[np.float32]:
    """Train a recommender on a matrix and score every item for every user, to compare with its equations.

    Args:
        recommender: the recommender to train.
        pairs: users x items, nonzero if the user had the item.
        content: features by modality, float32 (n_items, d); empty: none, as for its feature-free twin.
        parameters: hyper-parameters that override its own.
        seed: the seed of all random numbers.
        held: users x items, not 0 where an item is to be found: what chooses the best epoch. One that trains in
            epochs needs it.

    Returns:
        float32 (n_users, n_items).

    Raises:
        CellError: it failed; one line.
    """
    from recclaims.recommenders._recbole.fit import TrainingData, fit

    users, items = np.nonzero(pairs)
    finders, found = np.nonzero(np.zeros_like(pairs) if held is None else held)
    n_users, n_items = pairs.shape
    data = TrainingData(users, items, n_users, n_items, ItemLists.of(finders, found, n_users), content)
    fitted = fit(recommender, parameters, data, seed)
    scores: NDArray[np.float32] = fitted.score(np.arange(n_users)).detach().cpu().numpy()
    return scores


def _gains(differences: NDArray[np.float64], places: NDArray[np.int64]) -> NDArray[np.float64]:
    """The mean difference of the items in each part of the catalogue, (n, _MANY) -> (n, _PARTS)."""
    parts = places * _PARTS // _MANY
    return np.stack([np.bincount(parts, row, _PARTS) / np.bincount(parts) for row in differences])


def _in_common(rows: NDArray[np.float64]) -> tuple[float, float]:
    """How much of their squares rows have in common, and how likely as much is where each might have the other sign."""
    size = float((rows**2).mean())
    if size < _ROUNDING**2:
        return 0.0, 1.0
    products = rows @ rows.T / (size * rows.shape[1])
    np.fill_diagonal(products, 0)
    n = len(rows)
    # All ways to give them signs, but for the other sign of all at once; the first is as they are.
    signs = np.array([(1, *rest) for rest in itertools.product((1, -1), repeat=n - 1)])
    shares = ((signs @ products) * signs).sum(axis=1) / (n * (n - 1))
    return float(shares[0]), float((shares >= shares[0]).mean())


def _checkerboard() -> tuple[NDArray[np.int64], NDArray[np.int64], ItemLists]:
    """Train pairs of equal parity, three fifths of them, at least one for everybody; the rest is to be found."""
    random = np.random.default_rng(0)
    users, items = np.nonzero((np.arange(_USERS)[:, None] + np.arange(_ITEMS)) % 2 == 0)
    train = random.random(len(users)) < 0.6
    train[np.unique(users, return_index=True)[1]] = True
    train[np.unique(items, return_index=True)[1]] = True
    return users[train], items[train], ItemLists.of(users[~train], items[~train], _USERS)


def _features(seed: int = 0) -> NDArray[np.float32]:
    random = np.random.default_rng(seed)
    noisy: NDArray[np.float32] = (np.eye(2)[np.arange(_ITEMS) % 2] + 0.1 * random.standard_normal((_ITEMS, 2))).astype(
        np.float32
    )
    return noisy
