from types import MappingProxyType

import numpy as np
import pytest
from recclaims_ease import EASE
from scipy.optimize import minimize

from recclaims import CellError
from recclaims.testing import RecommenderContract, scores_of

REG, WEIGHT = 2.0, 3.0
SETTINGS = {"reg_weight": REG, "feature_weight": WEIGHT}
RANDOM = np.random.default_rng(0)
X = (RANDOM.random((12, 6)) < 0.4).astype(float)
X[0] = 1  # everything was had once
F = RANDOM.standard_normal((6, 3)).astype(np.float32)


class TestContract(RecommenderContract):
    recommender = EASE
    parameters = MappingProxyType({"reg_weight": 5.0, "feature_weight": 5.0})


def scores(features=None, **changes):
    """What EASE says of X, float (12, 6)."""
    content = {} if features is None else {"textual": features}
    return scores_of(EASE, X, content, {**SETTINGS, **changes})


@pytest.mark.parametrize("weight", [0.0, WEIGHT])
def test_it_minimises_what_it_says(weight):
    """By a general minimiser, off the diagonal, without the closed form."""
    unit = F / np.linalg.norm(F, axis=1, keepdims=True)
    free = ~np.eye(6, dtype=bool)

    def loss(values):
        b = np.zeros((6, 6))
        b[free] = values
        return ((X - X @ b) ** 2).sum() + weight * ((unit.T - unit.T @ b) ** 2).sum() + REG * (b**2).sum()

    found = np.zeros((6, 6))
    found[free] = minimize(loss, np.zeros(30), method="BFGS", options={"gtol": 1e-7}).x
    np.testing.assert_allclose(scores(F, feature_weight=weight), X @ found, atol=1e-4)


def test_without_features_or_their_weight_it_is_its_twin():
    np.testing.assert_array_equal(scores(F, feature_weight=0.0), scores())
    assert np.abs(scores(F) - scores()).max() > 1e-3


def test_the_scale_of_features_does_not_matter_and_zero_rows_do_no_harm():
    np.testing.assert_allclose(scores(10 * F), scores(F), atol=1e-6)
    silent = F.copy()
    silent[2] = 0
    assert np.isfinite(scores(silent)).all()


def test_too_many_items_are_refused_in_one_line(monkeypatch):
    monkeypatch.setattr("recclaims_ease.model.MOST_ITEMS", 5)
    with pytest.raises(CellError, match="6 items: EASE inverts a dense matrix, of at most 5"):
        scores()
