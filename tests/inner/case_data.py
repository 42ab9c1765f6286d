"""Run by test_pytest_face in a session of its own: a test that looks at a case's data, not at its verdict."""

import numpy as np
import pytest


@pytest.mark.claim("noise")
def test_a_case_has_its_data(case, dataset, features):
    assert dataset.name == case.dataset_name
    assert features.encoder == case.treatment
    assert features.matrix.shape[0] == len(dataset.items)
    assert np.isfinite(features.matrix).all()
    assert not features.matrix.flags.writeable
