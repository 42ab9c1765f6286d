"""How long the slowest interval takes on a large dataset; times are reported, not asserted."""

from __future__ import annotations

import numpy as np

from recclaims.calibration.intervals import crossed_bootstrap_interval


def test_crossed_bootstrap_of_20_000_users(benchmark):
    rng = np.random.default_rng(0)
    differences = rng.normal(0.01, 0.2, size=(20_000, 5))
    differences[rng.random(differences.shape) < 0.3] = np.nan
    estimate = benchmark.pedantic(
        crossed_bootstrap_interval, args=(differences,), kwargs={"n_resamples": 10_000}, rounds=1
    )
    assert estimate.low < estimate.effect < estimate.high
