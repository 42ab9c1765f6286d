"""Cases of features that know held-out interactions, from the data to the report."""

import numpy as np
import polars as pl
import pytest
from scipy.sparse import csr_matrix
from scipy.sparse.linalg import svds

import recclaims
from recclaims.reporting import tables

USERS, ITEMS = 300, 160
ASKED = {"recommenders": "content-knn", "claims": ["noise"], "controls": "permuted", "profile": "smoke", "workers": 0}


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """Vectors of all interactions and of the train part alone, on data with a split and on the same without one."""
    draw = np.random.default_rng(0)
    taste = draw.standard_normal((USERS, 6)) @ draw.standard_normal((6, ITEMS))
    items = np.argsort(draw.gumbel(size=taste.shape) + taste, axis=1)[:, -20:].ravel()
    users = np.repeat(np.arange(USERS), 20)
    split = np.tile(np.repeat(["train", "valid", "test"], [14, 3, 3]), USERS)
    table = {"user_id": [f"u{u:03}" for u in users], "item_id": [f"i{i:03}" for i in items], "split": split}
    catalogue = {"item_id": [f"i{i:03}" for i in range(ITEMS)]}

    def vectors(part):
        counts = csr_matrix((np.ones(part.sum()), (users[part], items[part])), (USERS, ITEMS))
        return svds(counts, k=16, v0=np.ones(ITEMS))[2].T.astype(np.float32)

    features = {"of_all": vectors(split != ""), "of_train": vectors(split == "train")}
    store = tmp_path_factory.mktemp("store")
    results = {}
    for name, frame in (("given", pl.DataFrame(table)), ("drawn", pl.DataFrame(table).drop("split"))):
        data = recclaims.Dataset.of(name, frame, pl.DataFrame(catalogue), features)
        for of in features:
            results[name, of] = recclaims.evaluate(data, **ASKED, encoders=f"features:{of}", store=store)
    return results


@pytest.mark.parametrize("split", ["given", "drawn"])
def test_what_knows_held_out_interactions_is_inadmissible(found, split):
    (verdict,) = found[split, "of_all"].verdicts
    assert verdict.verdict == "inadmissible"
    assert "the features know held-out interactions (z = " in verdict.reason
    (encoder,) = found[split, "of_all"].to_dict()["encoders"]
    assert encoder["leakage"].startswith("knows held-out interactions: yes (z = ")
    headers, (row,) = tables.encoder_rows(found[split, "of_all"].document)
    assert row[headers.index("knows held-out interactions")].startswith("yes (z = ")


def test_features_of_a_given_train_part_are_judged(found):
    (verdict,) = found["given", "of_train"].verdicts
    assert verdict.verdict != "inadmissible"
    (encoder,) = found["given", "of_train"].to_dict()["encoders"]
    assert encoder["leakage"] == f"knows held-out interactions: no (z = {encoder['leakage_z']:.1f})"
