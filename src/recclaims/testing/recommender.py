"""What every recommender must pass, on data whose right answer is obvious by eye."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from recclaims.errors import CellError
from recclaims.evaluation.ranking import ItemLists, evaluate
from recclaims.recommenders.spec import Recommender

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from recclaims.recommenders.fit import Fitted

_USERS, _ITEMS = 40, 30


class RecommenderContract:
    """Subclass it, and set `recommender`; every test then is yours.

    Forty users and thirty items: who is even likes what is even, who is odd what is odd, and features, where they
    are read, say which is which. A recommender that learns anything finds the rest.

    Attributes:
        recommender: what is tested; required.
        parameters: hyper-parameters that make it learn quickly on so little.
        least_recall: recall@10 that it must reach; popularity and chance stay near one half.
    """

    recommender: Recommender
    parameters: Mapping[str, Any] = {"epochs": 40, "learning_rate": 0.05, "train_batch_size": 128}
    least_recall = 0.9

    def test_it_finds_what_is_obvious(self) -> None:
        """Even users want even items."""
        assert self._recall(self._fit()) >= self.least_recall

    def test_it_scores_every_item_with_a_number(self) -> None:
        """One row per user that was asked for, one column per item, nothing NaN or inf."""
        scores = self._scores(self._fit(), np.arange(5))
        assert scores.shape == (5, _ITEMS)
        assert np.isfinite(scores).all()

    def test_a_users_scores_do_not_depend_on_the_others(self) -> None:
        """Users are scored in blocks of any size."""
        fitted = self._fit()
        together, alone = self._scores(fitted, np.array([7, 3, 9])), self._scores(fitted, np.array([3]))
        np.testing.assert_allclose(together[1], alone[0], rtol=1e-4, atol=1e-6)

    def test_the_seed_decides(self) -> None:
        """The same seed gives the same scores to the last bit; what is trained differs with another one."""
        users = np.arange(_USERS)
        one, same, other = (self._scores(self._fit(seed=seed), users) for seed in (1, 1, 2))
        np.testing.assert_array_equal(one, same)
        if not self.recommender.training_free:
            assert (one != other).any(), "the seed changes nothing"

    def test_it_refuses_features_that_are_no_numbers(self) -> None:
        """NaN is a failure, never an effect."""
        self._needs_content()
        content = _features()
        content[3, 1] = np.nan
        with pytest.raises(CellError, match="NaN or inf"):
            self._fit(content={"textual": content})

    def test_it_reads_its_features(self) -> None:
        """With the features of other items it scores otherwise: what else would a control control?"""
        self._needs_content()
        users, moved = np.arange(_USERS), {"textual": np.roll(_features(), 1, axis=0)}
        assert (self._scores(self._fit(), users) != self._scores(self._fit(content=moved), users)).any()

    def test_its_twins_read_no_features(self) -> None:
        """A feature-free twin is trained without any, and still learns from interactions."""
        self._needs_content()
        if not self.recommender.twins:
            pytest.skip("it has no twin")
        for changes in self.recommender.twins.values():
            assert self._recall(self._fit(content={}, changes=changes)) >= self.least_recall

    def _needs_content(self) -> None:
        if not self.recommender.content:
            pytest.skip("it reads no features")

    def _fit(
        self,
        content: Mapping[str, NDArray[np.float32]] | None = None,
        changes: Mapping[str, Any] | None = None,
        seed: int = 0,
    ) -> Fitted:
        from recclaims.recommenders.fit import TrainingData, fit

        users, items, held = _checkerboard()
        if content is None:
            content = {"textual": _features()} if self.recommender.content else {}
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


def _checkerboard() -> tuple[NDArray[np.int64], NDArray[np.int64], ItemLists]:
    """Train pairs of equal parity, three fifths of them, at least one for everybody; the rest is to be found."""
    random = np.random.default_rng(0)
    users, items = np.nonzero((np.arange(_USERS)[:, None] + np.arange(_ITEMS)) % 2 == 0)
    train = random.random(len(users)) < 0.6
    train[np.unique(users, return_index=True)[1]] = True
    train[np.unique(items, return_index=True)[1]] = True
    return users[train], items[train], ItemLists.of(users[~train], items[~train], _USERS)


def _features() -> NDArray[np.float32]:
    random = np.random.default_rng(0)
    noisy: NDArray[np.float32] = (np.eye(2)[np.arange(_ITEMS) % 2] + 0.1 * random.standard_normal((_ITEMS, 2))).astype(
        np.float32
    )
    return noisy
