"""A class written for Cornac as it is: fitted by its own loop on our train part, given features as Cornac's modalities.

    item_image      the image features; where there are none, all of them
    item_text       the features that are no images; where there are none, all of them
    item_feature    all of them side by side

Users and items have their own numbers as ids. It is trained within what is one epoch here: its epochs are its own, and
no validation chooses among them. Scores are asked for user by user, as Cornac's evaluation does.
"""

from __future__ import annotations

import copy
import importlib
import inspect
import shutil
import tempfile
import warnings
import weakref
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # see recbole_bridge
    from recbole.model.abstract_recommender import GeneralRecommender
    from recbole.utils import InputType

from recclaims.errors import NotAvailableError, UnknownNameError
from recclaims.interop.foreign.asking import Question
from recclaims.interop.foreign.mmrec_model import by_file
from recclaims.interop.foreign.reading import IMAGE, TEXT, Features, Pairs, randomness_kept
from recclaims.interop.foreign.surroundings import explained, quiet_in
from recclaims.recommenders._recbole.bridge import TrainDataset
from recclaims.recommenders._recbole.sampling import history

if TYPE_CHECKING:
    from recclaims.interop.foreign.modules import ModuleRecommender

#: What Cornac's classes call the length of their training, and how long it is where they are only asked.
LENGTHS, SHORT = ("n_epochs", "max_iter", "num_epochs"), 2


class _Object:
    """A fitted object of the class, to be asked: it has no steps of its own."""

    def __init__(self, model: Any, n_items: int) -> None:
        self.module, self._model, self._n_items = nn.Module(), model, n_items

    def begin_epoch(self) -> None:
        """There are no epochs."""

    def end_epoch(self) -> None:
        """There are no epochs."""

    def loss(self, batch: torch.Tensor) -> torch.Tensor:
        """It has none that could be asked for."""
        return torch.zeros(())

    def scores(self, users: torch.Tensor) -> torch.Tensor:
        """Scores of all items, float32 (b, n_items)."""
        found = [np.asarray(self._model.score(int(user)), dtype=np.float32) for user in users]
        for one in found:
            if one.shape != (self._n_items,):
                raise ValueError(f"score returned {one.shape} for {self._n_items:,} items")
        return torch.from_numpy(np.stack(found))


class CornacModel(GeneralRecommender):  # type: ignore[misc]
    """Fits and scores an object of the class of `recommender`, which the subclass that model_of makes has."""

    input_type = InputType.PAIRWISE
    fresh_scores = True
    recommender: Any

    def __init__(self, config: Any, dataset: TrainDataset) -> None:
        super().__init__(config, dataset)
        # Only now: it is no dependency.
        try:
            self.cornac = importlib.import_module("cornac.data")
        except ImportError as error:
            raise NotAvailableError(f"cornac cannot be imported ({error}): pip install cornac") from error
        self.folder = Path(tempfile.mkdtemp(prefix="recclaims-"))
        weakref.finalize(self, shutil.rmtree, self.folder, ignore_errors=True)
        # The trainer wants something to train.
        self.nothing = nn.Parameter(torch.zeros(()))
        users, items = (column - 1 for column in history(dataset))
        self.columns = users, items
        self.seed: int = config["seed"]
        recommender = self.recommender
        self.settings = {name: config[name] for name in (*recommender.given, *recommender.switch)}
        n_items, place = self.n_items - 1, torch.device("cpu")
        pairs = Pairs(users, items, n_items, self.seed, place, False, False)
        known_as = (recommender.known.digest, recommender.model_path, str(sorted(self.settings.items())))
        asked = Question(
            recommender.known.name, known_as, pairs, lambda given: self.fitted(given, short=True), recommender.switch
        )
        self.features = by_file({name: matrix[1:].cpu().numpy() for name, matrix in dataset.content})
        with randomness_kept():
            if self.features:
                asked.made(self.features)
            else:
                asked.twin()
                self.features = {name: np.ones((n_items, 1), np.float32) for name in (IMAGE, TEXT)}
        self.inner: _Object | None = None

    def fitted(self, features: Features, short: bool = False) -> _Object:
        """An object of the class, fitted to the train part.

        Raises:
            CellError, NotAvailableError: it cannot be made or fitted.
        """
        file = self.recommender.known.file
        with explained(file, lambda: (), torch.device("cpu"), ""), quiet_in(self.folder):
            made = self.recommender.imported()
            return _Object(self._made(made, short).fit(self._data(features)), self.n_items - 1)

    def _made(self, made: Any, short: bool) -> Any:
        takes = inspect.signature(made).parameters
        others = any(one.kind is inspect.Parameter.VAR_KEYWORD for one in takes.values())
        for key in self.settings:
            if key not in takes and not others:
                raise UnknownNameError.of("setting", key, takes, made.__name__)
        usual = {"seed": self.seed, "verbose": False}
        settings = {**{key: value for key, value in usual.items() if key in takes}, **self.settings}
        settings |= {key: SHORT for key in LENGTHS if short and key in takes}
        return made(**settings)

    def _data(self, features: Features) -> Any:
        """The train part as Cornac has it, ids equal to numbers; features are copies, the class's own."""
        users, items = self.columns
        numbers = [{n: n for n in range(count - 1)} for count in (self.n_users, self.n_items)]
        ratings = zip(users.tolist(), items.tolist(), np.ones(len(users)).tolist(), strict=True)
        data = self.cornac.Dataset.build(
            list(ratings), global_uid_map=numbers[0], global_iid_map=numbers[1], seed=self.seed
        )
        both = np.concatenate(list(features.values()), axis=1)
        data.add_modalities(
            item_image=self.cornac.ImageModality(features=copy.copy(features.get(IMAGE, both))),
            item_text=self.cornac.TextModality(features=copy.copy(features.get(TEXT, both))),
            item_feature=self.cornac.FeatureModality(features=both.copy()),
        )
        return data

    def calculate_loss(self, interaction: Any) -> torch.Tensor:
        """Fit it, once; there is no loss that could be told."""
        if self.inner is None:
            self.inner = self.fitted(self.features)
        return self.nothing * 0

    def full_sort_predict(self, interaction: Any) -> torch.Tensor:
        """Scores of all items, padding included, flattened: float32 (b * (n_items + 1),)."""
        assert self.inner is not None  # noqa: S101 - it is trained before it is asked
        file = self.recommender.known.file
        with explained(file, lambda: (), torch.device("cpu"), ""), quiet_in(self.folder):
            scores = self.inner.scores(interaction[self.USER_ID].cpu() - 1)
        return torch.cat([scores.new_zeros(len(scores), 1), scores], dim=1).view(-1)


def model_of(recommender: ModuleRecommender) -> type:
    """What RecBole takes for a model, and what fits the class."""
    return type("CornacModel", (CornacModel,), {"recommender": recommender})
