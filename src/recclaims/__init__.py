"""Turns the claims of multimodal-recommendation papers into pytest benchmark cases with verdicts.

This module is the whole public surface; importing it loads neither torch nor RecBole.
"""

import importlib
from typing import TYPE_CHECKING, Any

from recclaims._model.case import Case
from recclaims._model.claim import Claim
from recclaims._model.population import SomeItems, SomeUsers
from recclaims._model.reads import Reads
from recclaims.data.catalogue import Item
from recclaims.data.dataset import Dataset, Interactions
from recclaims.data.parameters import Parameter
from recclaims.data.source_spec import SourceSpec
from recclaims.data.vectors import FeatureArray, FeatureFile
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
from recclaims.features.encoded import Encoded, Features
from recclaims.features.protocol import Encoder
from recclaims.features.spec import EncoderSpec
from recclaims.hookspecs import hookimpl
from recclaims.recommenders.spec import Recommender

if TYPE_CHECKING:
    from recclaims.data.folder import FolderDataset
    from recclaims.data.preparation import Prepared, PrepareRequest, data_directory
    from recclaims.data.reference import load_dataset
    from recclaims.evaluating import evaluate
    from recclaims.interop.foreign.recommender import open_recommender
    from recclaims.lvlm.answering import AnsweringEncoder
    from recclaims.lvlm.generation import AnswerSettings, Question, Reply, ask
    from recclaims.recommenders.models.content import ContentRecommender
    from recclaims.release import __version__
    from recclaims.results import Results

__all__ = [
    "AnswerSettings",
    "AnsweringEncoder",
    "Case",
    "CellError",
    "Claim",
    "ContentRecommender",
    "Dataset",
    "DatasetError",
    "Encoded",
    "Encoder",
    "EncoderSpec",
    "FeatureArray",
    "FeatureError",
    "FeatureFile",
    "Features",
    "FolderDataset",
    "Interactions",
    "Item",
    "NoiseControl",
    "NotAvailableError",
    "Parameter",
    "PrepareRequest",
    "Prepared",
    "Question",
    "Reads",
    "RecclaimsError",
    "Recommender",
    "Reply",
    "Results",
    "SomeItems",
    "SomeUsers",
    "SourceSpec",
    "StoreError",
    "UnknownNameError",
    "__version__",
    "ask",
    "data_directory",
    "evaluate",
    "hookimpl",
    "load_dataset",
    "open_recommender",
]


#: Needed by some programs only, and slow to import for every pytest session: imported on first use.
_WHEN_ASKED = {
    "evaluate": "recclaims.evaluating",
    "open_recommender": "recclaims.interop.foreign.recommender",
    "Results": "recclaims.results",
    "__version__": "recclaims.release",
    "FolderDataset": "recclaims.data.folder",
    "load_dataset": "recclaims.data.reference",
    **dict.fromkeys(("PrepareRequest", "Prepared", "data_directory"), "recclaims.data.preparation"),
    "ContentRecommender": "recclaims.recommenders.models.content",
    "AnsweringEncoder": "recclaims.lvlm.answering",
    **dict.fromkeys(("AnswerSettings", "Question", "Reply", "ask"), "recclaims.lvlm.generation"),
}


def __getattr__(name: str) -> Any:
    """Import what is in _WHEN_ASKED."""
    if name not in _WHEN_ASKED:
        raise AttributeError(f"module 'recclaims' has no attribute '{name}'")
    return getattr(importlib.import_module(_WHEN_ASKED[name]), name)
