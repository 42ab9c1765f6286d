"""What every encoder, dataset, recommender and noise control must pass: subclass a contract in your own tests.

class TestMine(recclaims.testing.EncoderContract):
    def make(self):
        return Mine()

Importing this module needs pytest, and neither torch nor RecBole.
"""

import pytest

# Before the imports: only then does a failed assertion show its values.
pytest.register_assert_rewrite(
    *(f"recclaims.testing.{name}" for name in ("encoder", "dataset", "recommender", "noise_control"))
)

from recclaims.testing.dataset import DatasetContract  # noqa: E402
from recclaims.testing.encoder import EncoderContract  # noqa: E402
from recclaims.testing.noise_control import NoiseControlContract  # noqa: E402
from recclaims.testing.recommender import RecommenderContract, scores_of  # noqa: E402

__all__ = ["DatasetContract", "EncoderContract", "NoiseControlContract", "RecommenderContract", "scores_of"]
