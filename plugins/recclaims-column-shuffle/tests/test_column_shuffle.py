import numpy as np
from recclaims_column_shuffle import recclaims_controls

from recclaims.testing import NoiseControlContract


class TestContract(NoiseControlContract):
    def make(self):
        return recclaims_controls()[0]


def test_columns_keep_their_values():
    real = np.random.default_rng(1).normal(size=(50, 4)).astype(np.float32)
    made = recclaims_controls()[0].apply(real, 0)
    np.testing.assert_array_equal(np.sort(made, axis=0), np.sort(real, axis=0))
    assert not np.allclose(np.corrcoef(made.T), np.corrcoef(real.T), atol=0.01)
