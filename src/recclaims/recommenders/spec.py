"""What a recommender declares about itself, readable without importing torch or RecBole."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from recclaims.errors import RecclaimsError

#: Settings of the training loop, by RecBole's names, where neither recommender nor profile says otherwise. Two are our
#: own: an epoch goes over the train part as often as `least_steps_per_epoch` batches need, so that a small dataset, of
#: which a batch holds everything, is not left after as many steps as there are epochs; and what scores has the mean of
#: the weights at the `average_best` best validations.
TRAINING: dict[str, Any] = {
    "learning_rate": 1e-3,
    "train_batch_size": 2048,
    "epochs": 100,
    "least_steps_per_epoch": 1,
    "eval_step": 5,
    "stopping_step": 5,
    "average_best": 1,
    "weight_decay": 0.0,
    "learning_rate_decay": [1.0, 1.0],
    "stock": False,
}


@dataclass(frozen=True)
class Recommender:
    """The declaration of a recommender that runs on RecBole.

    Attributes:
        name: its name in tables and case names.
        version: part of every cell's key; change it whenever results change.
        model: `package.module:Class`, a RecBole GeneralRecommender, imported only when a cell is trained; the class
            itself; or the name of one of RecBole's own models ("BPR").
        content: whether it reads features.
        reads: "any" features, or only "sets": rows of 0 and 1, such as attributes and keywords.
        training_free: it is computed without training; such a content probe may rank below popularity.
        flavour: which family of implementations its equations follow, if families differ.
        parameters: hyper-parameters under RecBole's names; profiles override them.
        sampler: how training batches are drawn, a name in `sampling.SAMPLERS`.
        separates: whether it treats separate modalities separately, each with its own graph or loss; others would
            only put them side by side.
        modalities: how many separate modalities it cannot do without; on planted data it is tried with as many.
        scores_unseen_items: whether its scores of an item that nobody has in train depend on that item's own features.
            Others can say nothing of such items, and no case asks them.
        feature_free: whether anything is left of it without features; if so, it has twins.
        fixed: hyper-parameters that no profile changes, but the user may.
        apart: whether it is given the parts of every fusion as modalities of their own.
        trains_itself: whether its class trains in a loop of its own, in what counts as one epoch here: nobody then
            knows whether more of them would have helped.
        on_request: whether it takes part only where somebody names it.
        reference: what `--claims-recommender` takes to get it, if it is not installed.
        stand_in: the noise control that claims compare with if they ask for a twin and it has none.
    """

    name: str
    version: str
    model: str | type
    content: bool = True
    reads: str = "any"
    training_free: bool = False
    flavour: str | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    sampler: str = "catalogue"
    separates: bool = False
    modalities: int = 1
    scores_unseen_items: bool = False
    feature_free: bool = True
    fixed: Mapping[str, Any] = field(default_factory=dict)
    apart: bool = False
    trains_itself: bool = False
    on_request: bool = False
    reference: str | None = None
    stand_in: str | None = None

    @property
    def model_path(self) -> str:
        """The model as `package.module:Class`, or by the name that RecBole resolves itself."""
        return self.model if isinstance(self.model, str) else f"{self.model.__module__}:{self.model.__qualname__}"

    @property
    def twins(self) -> dict[str, dict[str, Any]]:
        """Feature-free twins by name, each with the hyper-parameters it changes.

        A twin is the same recommender without features: every term that reads them is left out (for an item graph A:
        A = 0). A recommender with an item graph has a second twin, whose graph links every item to itself (A = I) and
        so keeps what the graph does to an item's own embedding.
        """
        if not (self.content and self.feature_free):
            return {}
        identity = {"twin-identity": {"item_graph": "identity"}} if "item_graph" in self.parameters else {}
        return {"twin": {}, **identity}

    def __call__(self) -> type | str:
        """Import and return the model class, or the name that RecBole resolves itself.

        Raises:
            RecclaimsError: the module or the class cannot be imported; the message names both.
        """
        if isinstance(self.model, type) or ":" not in self.model:
            return self.model
        module_name, class_name = self.model.split(":", 1)
        try:
            model: type = getattr(importlib.import_module(module_name), class_name)
        except (ImportError, AttributeError) as error:
            raise RecclaimsError(f"recommender '{self.name}': cannot import {self.model}: {error}") from error
        return model


def joins_unasked(recommender: Recommender) -> bool:
    """Whether a recommender takes part where nobody names it."""
    return not recommender.on_request
