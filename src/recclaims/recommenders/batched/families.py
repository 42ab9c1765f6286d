"""Which recommenders have a batched form, readable without importing torch."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

_MODELS = "recclaims.recommenders.models"
_BATCHED = "recclaims.recommenders.batched"

#: By the model that a recommender declares, its batched form.
FAMILIES = {
    f"{_MODELS}.collaborative:BPR": f"{_BATCHED}.collaborative:BatchedBPR",
    f"{_MODELS}.collaborative:LightGCN": f"{_BATCHED}.collaborative:BatchedLightGCN",
    f"{_MODELS}.vbpr:VBPR": f"{_BATCHED}.vbpr:BatchedVBPR",
    f"{_MODELS}.vbpr:ElliotVBPR": f"{_BATCHED}.vbpr:BatchedElliotVBPR",
    f"{_MODELS}.freedom:FREEDOM": f"{_BATCHED}.freedom:BatchedFREEDOM",
    f"{_MODELS}.lattice:LATTICE": f"{_BATCHED}.lattice:BatchedLATTICE",
    f"{_MODELS}.lattice:ElliotLATTICE": f"{_BATCHED}.lattice:BatchedElliotLATTICE",
    f"{_MODELS}.bm3:BM3": f"{_BATCHED}.bm3:BatchedBM3",
    f"{_MODELS}.mgcn:MGCN": f"{_BATCHED}.views:BatchedMGCN",
    f"{_MODELS}.smore:SMORE": f"{_BATCHED}.views:BatchedSMORE",
    f"{_MODELS}.lgmrec:LGMRec": f"{_BATCHED}.lgmrec:BatchedLGMRec",
}
#: Raised when a batched cell would come out otherwise, by more than rounding.
VERSION = 1
#: Hyper-parameters that the batched forms know with one value alone; where they have another, a cell is trained alone.
_FIXED = {"stock": False, "require_pow": False, "projection_dtype": "float32"}


def has_batched_form(model: str, parameters: Mapping[str, Any]) -> bool:
    """Whether cells of a model, as a recommender declares it, can be trained together with these hyper-parameters."""
    fits = all(parameters.get(name, value) == value for name, value in _FIXED.items())
    return model in FAMILIES and fits and int(parameters.get("epochs", 1)) > 0


def batched_form(model: type) -> Any:
    """The batched form of a model's class."""
    module_name, class_name = FAMILIES[f"{model.__module__}:{model.__name__}"].split(":")
    return getattr(importlib.import_module(module_name), class_name)
