"""What every dataset source must pass."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pytest

from recclaims.data.protocol import STRATEGIES
from recclaims.data.splits import make_split, relevant
from recclaims.errors import NotAvailableError

if TYPE_CHECKING:
    from recclaims.data.dataset import Dataset, DatasetSource

_CARRIED = {"visual": "items_with_image", "textual": "items_with_text", "attributes": "items_with_attributes"}


class DatasetContract:
    """Subclass it and define `make`, which returns your source; you inherit every test.

    If `load()` raises NotAvailableError, because data is missing, the tests are skipped for its reason.
    """

    _loaded: ClassVar[Dataset]

    def make(self) -> DatasetSource:
        """Return a new source; required."""
        raise NotImplementedError(f"{type(self).__name__} must define `make`, which returns the source")

    @pytest.fixture
    def dataset(self) -> Dataset:
        """The dataset, loaded once for all tests of a class; skips if it is not available."""
        mine = type(self)
        if "_loaded" not in vars(mine):  # that of a class it inherits from would be another
            mine._loaded = self._load()
        return mine._loaded

    def _load(self) -> Dataset:
        try:
            return self.make().load()
        except NotAvailableError as error:
            pytest.skip(str(error))

    def test_it_says_what_it_is(self) -> None:
        """Name and modalities are known before anything is read."""
        source = self.make()
        assert isinstance(source.name, str)
        assert source.name, "its name is empty"
        known = ", ".join(sorted(_CARRIED))
        assert source.modalities <= _CARRIED.keys(), f"its modalities are not of {known}"

    def test_its_items_carry_what_it_promised(self, dataset: Dataset) -> None:
        """An encoder is matched with a dataset by the promise alone."""
        card = dataset.card()
        for modality in self.make().modalities:
            assert card[_CARRIED[modality]], f"it declares {modality}, but no item has it"

    def test_ids_are_unique(self, dataset: Dataset) -> None:
        """A row of a feature matrix is found by its item's place, and a place by its id."""
        item_ids = [item.item_id for item in dataset.items]
        assert item_ids, "it has no items"
        assert len(set(item_ids)) == len(item_ids), "an item id occurs twice"
        assert len(set(dataset.user_ids)) == len(dataset.user_ids), "a user id occurs twice"

    def test_columns_are_aligned_and_in_range(self, dataset: Dataset) -> None:
        """Users and items are indices; ratings and times, where there are any, are numbers."""
        interactions = dataset.interactions
        assert len(interactions), "it has no interactions"
        for name, column in interactions.columns():
            assert column.shape == (len(interactions),), f"{name} is not as long as users"
            assert np.isfinite(column.astype(float)).all(), f"{name} has a value that is not a number"
        for name, size in (("users", len(dataset.user_ids)), ("items", len(dataset.items))):
            column = getattr(interactions, name)
            assert column.dtype == np.int32, f"{name} is {column.dtype}, not int32"
            assert column.min() >= 0, f"{name} has a negative index"
            assert column.max() < size, f"{name} points behind the last of {size}"

    def test_a_pair_occurs_once(self, dataset: Dataset) -> None:
        """A pair in train and again in test would be a test of memory."""
        pairs = dataset.interactions.users.astype(np.int64) * len(dataset.items) + dataset.interactions.items
        assert len(np.unique(pairs)) == len(pairs), "a user has an item twice"

    def test_its_protocol_can_be_followed(self, dataset: Dataset) -> None:
        """A threshold needs ratings, a temporal split needs times, a given split needs a label each."""
        assert dataset.strategy in STRATEGIES, f"its strategy is none of {', '.join(STRATEGIES)}"
        if dataset.relevance is not None:
            assert dataset.interactions.ratings is not None, "its relevance is a threshold, but it has no ratings"
        if dataset.given_split is not None:
            assert dataset.given_split.shape == (len(dataset.interactions),)
            assert set(np.unique(dataset.given_split)) <= {0, 1, 2}

    def test_it_can_be_split_and_scored(self, dataset: Dataset) -> None:
        """Train, validation and test all have something in them, and test has something to find."""
        split = make_split(dataset, 0)
        assert relevant(dataset, split.test).any(), "no test interaction is relevant"
        assert relevant(dataset, split.valid).any(), "no validation interaction is relevant"

    def test_it_loads_the_same_again(self, dataset: Dataset) -> None:
        """Its fingerprints are parts of every key."""
        again = self._load()
        assert again.fingerprint == dataset.fingerprint
        assert again.catalogue_fingerprint == dataset.catalogue_fingerprint

    def test_its_card_can_be_written(self, dataset: Dataset) -> None:
        """A reader judges by the card."""
        card = dataset.card()
        assert json.loads(json.dumps(card, allow_nan=False)) == card
        assert isinstance(dataset.planted, bool), "it does not say whether its interactions are simulated"

    def test_its_pictures_open(self, dataset: Dataset) -> None:
        """The first and the last of them, at least."""
        pictured = [item for item in dataset.items if item.has("visual")]
        for item in pictured[:1] + pictured[-1:]:
            picture = item.image()
            assert picture is not None
            assert picture.mode == "RGB"
