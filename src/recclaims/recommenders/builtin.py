"""The recommenders that come with recclaims, registered through the hook that everybody uses.

Where MMRec and Elliot's external models differ, both are here, under two names: their results never share a
column. Defaults are those of the configurations that came with published results.
"""

from __future__ import annotations

from dataclasses import replace

from recclaims.hookspecs import hookimpl
from recclaims.recommenders.spec import Recommender

_HERE = "recclaims.recommenders.models"

MOSTPOP = Recommender("mostpop", "1", f"{_HERE}.mostpop:MostPop", content=False, training_free=True)
ITEMKNN = Recommender(
    "itemknn",
    "2",
    f"{_HERE}.item_knn:ItemKNN",
    content=False,
    training_free=True,
    parameters={
        "k": 100,
        "similarity": "cosine",
        "weighting": "none",
        "alpha": 0.5,
        "beta": 0.5,
        "neighbourhood": "candidate",
    },
)
ATTRIBUTE_KNN = Recommender(
    "attribute-knn",
    "1",
    f"{_HERE}.item_knn:ItemKNN",
    reads="sets",
    training_free=True,
    scores_unseen_items=True,
    parameters={**ITEMKNN.parameters, "attribute_weight": 1.0},
)
ATTRIBUTE_KNN_CONTENT = Recommender(
    "attribute-knn-content",
    "1",
    f"{_HERE}.item_knn:AttributeKNN",
    reads="sets",
    training_free=True,
    feature_free=False,
    scores_unseen_items=True,
    parameters=ITEMKNN.parameters,
)
CONTENT_KNN = Recommender(
    "content-knn",
    "2",
    f"{_HERE}.content_knn:ContentKNN",
    flavour="mmrec",
    training_free=True,
    feature_free=False,
    scores_unseen_items=True,
    parameters={"k": 10, "shrink": 10.0},
)
BPR = Recommender("bpr", "5", f"{_HERE}.collaborative:BPR", content=False, parameters={"embedding_size": 64})
LIGHTGCN = Recommender(
    "lightgcn",
    "6",
    f"{_HERE}.collaborative:LightGCN",
    content=False,
    parameters={"embedding_size": 64, "n_layers": 2, "reg_weight": 1e-4, "require_pow": False},
)
VBPR = Recommender(
    "vbpr",
    "7",
    f"{_HERE}.vbpr:VBPR",
    flavour="mmrec",
    scores_unseen_items=True,
    parameters={"embedding_size": 64, "reg_weight": 0.01, "projection_dtype": "float32"},
    sampler="train",
)
VBPR_ELLIOT = Recommender(
    "vbpr-elliot",
    "7",
    f"{_HERE}.vbpr:ElliotVBPR",
    flavour="elliot",
    scores_unseen_items=True,
    parameters={"embedding_size": 64, "reg_weight": 0.1, "projection_dtype": "float32"},
    sampler="users",
)
LATTICE = Recommender(
    "lattice",
    "5",
    f"{_HERE}.lattice:LATTICE",
    flavour="mmrec",
    separates=True,
    scores_unseen_items=True,
    parameters={
        "embedding_size": 64,
        "n_ui_layers": 2,
        "n_item_layers": 1,
        "knn_k": 10,
        "lambda_coeff": 0.9,
        "reg_weight": 1e-4,
        "train_features": True,
        "projection_dtype": "float32",
        "item_graph": "content",
        "learning_rate_decay": [0.96, 50],
    },
    sampler="train",
)
LATTICE_ELLIOT = Recommender(
    "lattice-elliot",
    "5",
    f"{_HERE}.lattice:ElliotLATTICE",
    flavour="elliot",
    separates=True,
    scores_unseen_items=True,
    parameters={**LATTICE.parameters, "lambda_coeff": 0.7, "reg_weight": 0.01},
    sampler="distinct-users",
)
FREEDOM = Recommender(
    "freedom",
    "8",
    f"{_HERE}.freedom:FREEDOM",
    flavour="mmrec",
    separates=True,
    scores_unseen_items=True,
    parameters={
        "embedding_size": 64,
        "n_ui_layers": 2,
        "n_item_layers": 1,
        "knn_k": 10,
        "visual_weight": 0.1,
        "single_weight": 1.0,
        "edge_dropout": 0.8,
        "reg_weight": 1e-3,
        "train_features": True,
        "projection_dtype": "float32",
        "item_graph": "content",
    },
    sampler="train",
)
# single_weight: one modality's item graph weighs a tenth, the confound described in `freedom`.
FREEDOM_ELLIOT = replace(
    FREEDOM,
    name="freedom-elliot",
    flavour="elliot",
    parameters={**FREEDOM.parameters, "single_weight": 0.1, "reg_weight": 0.01},
    sampler="catalogue",
)
BM3 = Recommender(
    "bm3",
    "5",
    f"{_HERE}.bm3:BM3",
    flavour="mmrec",
    separates=True,
    parameters={
        "embedding_size": 64,
        "n_layers": 2,
        "dropout": 0.3,
        "reg_weight": 0.1,
        "cl_weight": 2.0,
        "train_features": True,
        "projection_dtype": "float32",
    },
    sampler="train",
)
ENSEMBLE = Recommender(
    "ensemble",
    "2",
    f"{_HERE}.ensemble:Ensemble",
    flavour="mmrec",
    on_request=True,
    scores_unseen_items=True,
    parameters={"embedding_size": 64, "reg_weight": 0.01, "projection_dtype": "float32"},
    sampler="train",
)
MGCN = Recommender(
    "mgcn",
    "3",
    f"{_HERE}.mgcn:MGCN",
    flavour="mmrec",
    separates=True,
    on_request=True,
    scores_unseen_items=True,
    parameters={
        "embedding_size": 64,
        "n_ui_layers": 2,
        "n_item_layers": 1,
        "knn_k": 10,
        "cl_weight": 0.01,
        "reg_weight": 1e-4,
        "train_features": True,
        "projection_dtype": "float32",
        "learning_rate_decay": [0.96, 50],
    },
    sampler="train",
)
SMORE = Recommender(
    "smore",
    "3",
    f"{_HERE}.smore:SMORE",
    flavour="mmrec",
    separates=True,
    modalities=2,
    on_request=True,
    scores_unseen_items=True,
    parameters={
        "embedding_size": 64,
        "n_ui_layers": 3,
        "n_item_layers": 1,
        "visual_knn_k": 15,
        "textual_knn_k": 15,
        "cl_weight": 0.01,
        "dropout": 0.0,
        "reg_weight": 1e-5,
        "train_features": True,
        "projection_dtype": "float32",
        "learning_rate_decay": [0.96, 50],
    },
    sampler="train",
)
LGMREC = Recommender(
    "lgmrec",
    "2",
    f"{_HERE}.lgmrec:LGMRec",
    flavour="mmrec",
    separates=True,
    on_request=True,
    scores_unseen_items=True,
    parameters={
        "embedding_size": 64,
        "n_ui_layers": 2,
        "n_content_layers": 2,
        "n_hyper_layers": 1,
        "n_hyperedges": 4,
        "keep_rate": 0.5,
        "alpha": 0.3,
        "cl_weight": 1e-4,
        "reg_weight": 1e-6,
        "projection_dtype": "float32",
    },
    sampler="train",
)


@hookimpl
def recclaims_recommenders() -> list[Recommender]:
    """See hookspecs."""
    return [
        MOSTPOP,
        ITEMKNN,
        BPR,
        LIGHTGCN,
        CONTENT_KNN,
        ATTRIBUTE_KNN,
        ATTRIBUTE_KNN_CONTENT,
        VBPR,
        LATTICE,
        FREEDOM,
        BM3,
        VBPR_ELLIOT,
        LATTICE_ELLIOT,
        FREEDOM_ELLIOT,
        ENSEMBLE,
        MGCN,
        SMORE,
        LGMREC,
    ]
