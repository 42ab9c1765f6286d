"""The recommenders that come with recclaims, registered through the hook that everybody uses."""

from __future__ import annotations

from recclaims.hookspecs import hookimpl
from recclaims.recommenders.spec import Recommender

_HERE = "recclaims.recommenders"

MOSTPOP = Recommender("mostpop", "1", f"{_HERE}.mostpop:MostPop", content=False, training_free=True)
ITEMKNN = Recommender(
    "itemknn",
    "1",
    "ItemKNN",
    content=False,
    training_free=True,
    parameters={"k": 100, "shrink": 0.0, "knn_method": "item"},
)
BPR = Recommender("bpr", "1", "BPR", content=False, parameters={"embedding_size": 64})
LIGHTGCN = Recommender(
    "lightgcn",
    "1",
    "LightGCN",
    content=False,
    parameters={"embedding_size": 64, "n_layers": 2, "reg_weight": 1e-4, "require_pow": False},
)
VBPR = Recommender(
    "vbpr",
    "1",
    f"{_HERE}.vbpr:VBPR",
    flavour="mmrec",
    parameters={"embedding_size": 64, "reg_weight": 0.01},
    negatives="train",
    twins={"twin": {}},
)
FREEDOM = Recommender(
    "freedom",
    "1",
    f"{_HERE}.freedom:FREEDOM",
    flavour="mmrec",
    parameters={
        "embedding_size": 64,
        "n_ui_layers": 2,
        "n_item_layers": 1,
        "knn_k": 10,
        "visual_weight": 0.1,
        "edge_dropout": 0.8,
        "reg_weight": 1e-3,
        "train_features": True,
        "item_graph": "content",
    },
    negatives="train",
    twins={"twin": {}, "twin-identity": {"item_graph": "identity"}},
)
CONTENT_KNN = Recommender(
    "content-knn",
    "1",
    f"{_HERE}.content_knn:ContentKNN",
    flavour="mmrec",
    training_free=True,
    parameters={"k": 10, "shrink": 10.0},
)


@hookimpl
def recclaims_recommenders() -> list[Recommender]:
    """See hookspecs."""
    return [MOSTPOP, ITEMKNN, BPR, LIGHTGCN, VBPR, FREEDOM, CONTENT_KNN]
