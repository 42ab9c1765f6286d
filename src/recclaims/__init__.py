"""Turns the claims of multimodal-recommendation papers into pytest benchmark cases with verdicts.

This module is the whole public surface; importing it loads neither torch nor RecBole.
"""

from recclaims.claims.case import Case
from recclaims.claims.claim import Claim
from recclaims.datasets.catalogue import Item
from recclaims.datasets.dataset import Dataset, Interactions
from recclaims.datasets.parameters import Parameter
from recclaims.encoders.features import Features
from recclaims.encoders.protocol import Encoder
from recclaims.errors import (
    CellError,
    DatasetError,
    FeatureError,
    NotAvailableError,
    RecclaimsError,
    StoreError,
    UnknownNameError,
)
from recclaims.hookspecs import hookimpl
from recclaims.recommenders.spec import Recommender

__all__ = [
    "Case",
    "CellError",
    "Claim",
    "Dataset",
    "DatasetError",
    "Encoder",
    "FeatureError",
    "Features",
    "Interactions",
    "Item",
    "NotAvailableError",
    "Parameter",
    "RecclaimsError",
    "Recommender",
    "StoreError",
    "UnknownNameError",
    "hookimpl",
]
