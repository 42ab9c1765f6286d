"""What a recommender declares of itself, readable without importing torch or RecBole."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from recclaims.errors import RecclaimsError


@dataclass(frozen=True)
class Recommender:
    """A named recommender on RecBole.

    Attributes:
        name: what tables and case names call it.
        version: part of every cell's key; change it whenever results change.
        model: `package.module:Class`, a RecBole GeneralRecommender, or the name of one of RecBole's own
            models ("BPR"). Imported only when a cell is trained.
        content: whether it reads features.
        training_free: nothing is trained; a content probe of this kind may rank below popularity.
        flavour: which family of implementations its equations follow, where families differ.
        parameters: hyper-parameters by RecBole's names; profiles override them.
        negatives: "catalogue" (RecBole) or "train" (MMRec: only items that occur in train are sampled).
        twins: named feature-free variants: what to change besides taking the features away.
    """

    name: str
    version: str
    model: str
    content: bool = True
    training_free: bool = False
    flavour: str | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    negatives: str = "catalogue"
    twins: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def __call__(self) -> type | str:
        """Import and return the model class, or the name that RecBole resolves itself.

        Raises:
            RecclaimsError: the module or the class cannot be imported; the message names both.
        """
        if ":" not in self.model:
            return self.model
        module_name, class_name = self.model.split(":", 1)
        try:
            model: type = getattr(importlib.import_module(module_name), class_name)
        except (ImportError, AttributeError) as error:
            raise RecclaimsError(f"recommender '{self.name}': cannot import {self.model}: {error}") from error
        return model
