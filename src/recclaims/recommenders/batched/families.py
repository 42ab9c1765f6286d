"""Which recommenders have a batched form, readable without importing torch."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

_HERE = "recclaims.recommenders"

#: By the model that a recommender declares, its batched form.
FAMILIES = {
    f"{_HERE}.collaborative:BPR": f"{_HERE}.batched.collaborative:BatchedBPR",
    f"{_HERE}.collaborative:LightGCN": f"{_HERE}.batched.collaborative:BatchedLightGCN",
    f"{_HERE}.vbpr:VBPR": f"{_HERE}.batched.vbpr:BatchedVBPR",
    f"{_HERE}.vbpr:ElliotVBPR": f"{_HERE}.batched.vbpr:BatchedElliotVBPR",
    f"{_HERE}.freedom:FREEDOM": f"{_HERE}.batched.freedom:BatchedFREEDOM",
    f"{_HERE}.lattice:LATTICE": f"{_HERE}.batched.lattice:BatchedLATTICE",
    f"{_HERE}.lattice:ElliotLATTICE": f"{_HERE}.batched.lattice:BatchedElliotLATTICE",
    f"{_HERE}.bm3:BM3": f"{_HERE}.batched.bm3:BatchedBM3",
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
