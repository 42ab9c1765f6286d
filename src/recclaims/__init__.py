"""Turns the claims of multimodal-recommendation papers into pytest benchmark cases with verdicts.

This module is the whole public surface; importing it loads neither torch nor RecBole.
"""

from typing import TYPE_CHECKING, Any

from recclaims.data.catalogue import Item
from recclaims.data.dataset import Dataset, Interactions
from recclaims.data.parameters import Parameter
from recclaims.data.vectors import FeatureArray
from recclaims.errors import (
    CellError,
    DatasetError,
    FeatureError,
    NotAvailableError,
    RecclaimsError,
    StoreError,
    UnknownNameError,
)
from recclaims.features.controls.noise import NoiseControl
from recclaims.features.encoded import Features
from recclaims.features.protocol import Encoder
from recclaims.hookspecs import hookimpl
from recclaims.planning.case import Case
from recclaims.planning.claim import Claim
from recclaims.recommenders.spec import Recommender

if TYPE_CHECKING:
    from recclaims.evaluating import evaluate
    from recclaims.results import Results

__all__ = [
    "Case",
    "CellError",
    "Claim",
    "Dataset",
    "DatasetError",
    "Encoder",
    "FeatureArray",
    "FeatureError",
    "Features",
    "Interactions",
    "Item",
    "NoiseControl",
    "NotAvailableError",
    "Parameter",
    "RecclaimsError",
    "Recommender",
    "Results",
    "StoreError",
    "UnknownNameError",
    "evaluate",
    "hookimpl",
]


def __getattr__(name: str) -> Any:
    """Import what only a program that evaluates needs: every pytest session imports this module."""
    if name == "evaluate":
        from recclaims.evaluating import evaluate

        return evaluate
    if name == "Results":
        from recclaims.results import Results

        return Results
    raise AttributeError(f"module 'recclaims' has no attribute '{name}'")
