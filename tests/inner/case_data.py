"""Run by test_pytest_face in a session of its own: a test that looks at a case's data, not at its verdict."""

import numpy as np
import pytest


@pytest.mark.claim("noise")
def test_a_case_has_its_data(case, claims_dataset, claims_features):
    assert claims_dataset.name == case.dataset_name
    assert claims_features.encoder == case.treatment
    assert claims_features.matrix.shape[0] == len(claims_dataset.items)
    assert np.isfinite(claims_features.matrix).all()
    assert not claims_features.matrix.flags.writeable
