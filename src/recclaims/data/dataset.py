"""A dataset: a catalogue of items and the interactions users had with them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any
from typing import Protocol as Interface

import numpy as np
from numpy.typing import NDArray

from recclaims.data.catalogue import MAX_IMAGE_BYTES, READING, Item, Seen
from recclaims.data.contents import content_of
from recclaims.data.markup import has_markup
from recclaims.data.protocol import EvaluationProtocol
from recclaims.errors import DatasetError
from recclaims.toml_file import LARGEST

if TYPE_CHECKING:
    from collections.abc import Iterator

    from recclaims.data.vectors import FeatureArray, FeatureFile


@dataclass(frozen=True)
class Interactions:
    """Aligned columns, one row per (user, item) pair, each pair at most once.

    Attributes:
        users: int32 (n,), index into `Dataset.user_ids`.
        items: int32 (n,), index into `Dataset.items`.
        ratings: float32 (n,), or None for implicit data.
        timestamps: float64 (n,), seconds since the epoch, or None.
    """

    users: NDArray[np.int32]
    items: NDArray[np.int32]
    ratings: NDArray[np.float32] | None = None
    timestamps: NDArray[np.float64] | None = None

    def __len__(self) -> int:
        return len(self.users)

    def columns(self) -> Iterator[tuple[str, NDArray[np.generic]]]:
        """Yield the name and the array of every column that is present."""
        for name in ("users", "items", "ratings", "timestamps"):
            column = getattr(self, name)
            if column is not None:
                yield name, column


@dataclass(frozen=True)
class Dataset:
    """A catalogue and its interactions, with the protocol by which they are split and scored.

    Attributes:
        name: its name in tables and case names.
        items: the catalogue; an item's index is its row in every feature matrix.
        user_ids: external ids; a user's index is the user's number.
        interactions: see Interactions.
        relevance: the lowest rating that counts as relevant when scoring; None: every interaction counts.
            Training always uses every interaction of the train part.
        strategy: "random", "temporal" or "cold" (see splits).
        given_split: int8 (n,), 0 train, 1 valid, 2 test, if the data came with a split; otherwise None.
        planted: True for simulated interactions; tables always say so.
        duplicates_dropped: how many repeated (user, item) pairs were dropped; the latest of each is kept.
        parameters: the parameters of simulated interactions, by name.
        category: the attribute slot with an item's category; None: see categories.
        listed: ids of the items in the order of the catalogue's file, which vectors without ids follow; empty: the
            order of `items`.
        features: vectors that came with the data, by name; the encoder `features:NAME` reads them and puts their
            content into its version. In memory (FeatureArray) until `evaluate` writes them to its store.
        notes: what was joined to it from other files, and what of these did not fit, a line each.
    """

    name: str
    items: Sequence[Item]
    user_ids: Sequence[str]
    interactions: Interactions
    relevance: float | None = None
    strategy: str = "random"
    given_split: NDArray[np.int8] | None = None
    planted: bool = False
    duplicates_dropped: int = 0
    parameters: Mapping[str, object] = field(default_factory=dict)
    category: str | None = None
    listed: Sequence[str] = ()
    features: Mapping[str, FeatureFile | FeatureArray] = field(default_factory=dict)
    notes: Sequence[str] = ()

    @classmethod
    def of(
        cls,
        name: str,
        interactions: Any,
        items: Any = None,
        features: Mapping[str, Any] | None = None,
        *,
        relevance: float | None = None,
        split: str = "random",
        domain: str = "",
    ) -> Dataset:
        """Make a dataset from frames or arrays in memory; it equals one from a folder with the same content.

        Args:
            name: its name in tables and case names.
            interactions: a polars or pandas frame, an Arrow table or a mapping with the columns `user_id`, `item_id`
                and optionally `rating`, `timestamp` (seconds or dates) and `split` (train, valid or test).
            items: the same for the catalogue: `item_id` and optionally `title`, `description`, `image` (a path) and
                columns of lists of strings, each an attribute slot; or a sequence of Item; None: only the ids.
            features: vectors of the items by name: an array (n_items, d) in the order of `items`, or a FeatureArray,
                which can give ids and a modality. The encoder `features:NAME` reads them.
            relevance: the lowest rating that counts as relevant; None: every interaction counts.
            split: "random", "temporal" or "cold", if there is no column `split`; "cold" beside one says that its
                items are held out altogether.
            domain: what kind of thing the items are (`movies`), if a model is to be asked about them.

        Raises:
            DatasetError: a column is missing or has wrong values; names frame, row and column.
        """
        from recclaims.data.frames import dataset_of

        settings = {"split": split} | ({} if relevance is None else {"relevance": str(relevance)})
        protocol = EvaluationProtocol.parse(settings, name)
        made = dataset_of(name, interactions, items, features or {}, domain, protocol.facts)
        return made.under(protocol)

    @property
    def has_one_split(self) -> bool:
        """Whether all replicates hold out the same interactions, but for those at one time."""
        return self.given_split is not None or self.strategy == "temporal"

    @property
    def holds_out_items(self) -> bool:
        """Whether items are held out altogether: nobody has them in train, and they are ranked among each other."""
        return self.strategy == "cold"

    def under(self, protocol: EvaluationProtocol) -> Dataset:
        """Return the dataset with a protocol applied.

        Raises:
            DatasetError: it has no ratings for a threshold, or no timestamps to split by.
        """
        relevance = None if protocol.every else protocol.relevance if protocol.relevance is not None else self.relevance
        strategy = protocol.strategy or self.strategy
        if relevance is not None and self.interactions.ratings is None:
            raise DatasetError(f"dataset '{self.name}': relevance is {relevance:g}, but there is no rating column")
        if strategy == "temporal" and self.interactions.timestamps is None and self.given_split is None:
            raise DatasetError(f"dataset '{self.name}': a temporal split needs a timestamp column")
        return replace(self, strategy=strategy, relevance=relevance)

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of the interactions, the ids behind them and their parameters: what a split and a cell depend on."""
        digest = hashlib.sha256()
        for name, column in self.interactions.columns():
            digest.update(f"{name} {column.dtype} {len(column)}\n".encode())
            digest.update(np.ascontiguousarray(column).data)
        digest.update(_line([list(self.user_ids), [item.item_id for item in self.items]]))
        if self.given_split is not None:
            digest.update(b"split" + self.given_split.tobytes())
        digest.update(_line({key: repr(value) for key, value in self.parameters.items()}))
        return digest.hexdigest()

    @cached_property
    def catalogue_fingerprint(self) -> str:
        """SHA-256 of the items' ids, texts, attributes, answers, prompts and image bytes: what features depend on."""
        return self._catalogue_fingerprint(self._contents)

    @cached_property
    def seen_items(self) -> Sequence[Item]:
        """The catalogue for encoders: an image that is no longer what the fingerprint says of it is refused."""
        return [replace(item, seen=seen) for item, seen in zip(self.items, self._contents, strict=True)]

    def has_changed(self) -> bool:
        """Whether a file of the catalogue no longer holds what the fingerprint says; reads all of them again."""
        return self._catalogue_fingerprint(self._read_contents()) != self.catalogue_fingerprint

    @cached_property
    def _contents(self) -> Sequence[Seen]:
        return self._read_contents()

    def _read_contents(self) -> Sequence[Seen]:
        backdrops = {item.backdrop for item in self.items}
        below = {path: content_of(path, MAX_IMAGE_BYTES) for path in backdrops}
        return [Seen(content_of(item.image_path, MAX_IMAGE_BYTES), below[item.backdrop]) for item in self.items]

    def _catalogue_fingerprint(self, contents: Sequence[Seen]) -> str:
        digest = hashlib.sha256(_line({"reading": READING}))
        prompts = sorted({Path(item.domain) for item in self.items if item.domain.endswith(".toml")})
        # What it asks counts, not where it lies.
        digest.update(_line([content_of(path, LARGEST) for path in prompts]))
        for item, seen in zip(self.items, contents, strict=True):
            document = {
                "id": item.item_id,
                "title": item.title,
                "description": item.description,
                "attributes": {slot: list(values) for slot, values in item.attributes.items()},
                "answers": dict(item.answers),
                "domain": "" if item.domain.endswith(".toml") else item.domain,
                "image": seen.image,
                "backdrop": seen.backdrop,
            }
            digest.update(_line(document))
        return digest.hexdigest()

    @cached_property
    def strangers(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Users and items of a given split's validation and test that train lacks: int64, their numbers, ascending."""
        if self.given_split is None:
            return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
        train = self.given_split == 0
        users, items = (
            np.setdiff1d(column[~train], column[train]).astype(np.int64)
            for column in (self.interactions.users, self.interactions.items)
        )
        return users, items

    def users_of_one_time(self) -> tuple[int, int]:
        """How many users' timestamps are all equal, and of how many: those with three interactions, who are split."""
        users, times = self.interactions.users, self.interactions.timestamps
        n = len(self.user_ids)
        split = np.bincount(users, minlength=n) >= 3
        if times is None:
            return 0, int(split.sum())
        first, last = np.full(n, np.inf), np.full(n, -np.inf)
        np.minimum.at(first, users, times)
        np.maximum.at(last, users, times)
        return int((split & (first == last)).sum()), int(split.sum())

    def card(self) -> dict[str, object]:
        """What a reader needs to judge the dataset: sizes, density, content, protocol."""
        given = self.given_split is not None
        drawn = "given, cold" if self.holds_out_items else "given"
        strange_users, strange_items = self.strangers
        n_users, n_items, n = len(self.user_ids), len(self.items), len(self.interactions)
        marked = sum(has_markup(item.title) or has_markup(item.description) for item in self.items)
        return {
            "dataset": self.name,
            "users": n_users,
            "items": n_items,
            "interactions": n,
            "density": n / max(n_users * n_items, 1),
            "items_with_image": sum(item.has("visual") for item in self.items),
            "items_with_text": sum(item.has("textual") for item in self.items),
            "items_with_both": sum(item.has("multimodal") for item in self.items),
            "items_with_attributes": sum(bool(item.attributes) for item in self.items),
            "items_with_answers": sum(bool(item.answers) for item in self.items),
            **({"items_with_markup": marked} if marked else {}),
            "split": drawn if given else self.strategy,
            **({"users_of_one_time": self.users_of_one_time()[0]} if not given and self.strategy == "temporal" else {}),
            **({"users_not_in_train": len(strange_users), "items_not_in_train": len(strange_items)} if given else {}),
            "relevance": self.relevance,
            "planted": self.planted,
            "parameters": dict(self.parameters),
            "duplicates_dropped": self.duplicates_dropped,
            **({"notes": list(self.notes)} if self.notes else {}),
        }


def _line(document: object) -> bytes:
    """A line of canonical JSON: no two documents share one, as texts that are joined might."""
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode() + b"\n"


class DatasetSource(Interface):
    """Where a dataset comes from; made cheaply while pytest collects, read only when a case runs.

    Attributes:
        name: the dataset's name in tables and case names.
        modalities: what its items can carry, a subset of {"visual", "textual", "attributes", "answers"},
            known without reading the interactions.

    What else it can say, none of it required, is in source_spec.SourceSpec.
    """

    name: str

    @property
    def modalities(self) -> frozenset[str]:
        """See the class."""
        ...

    def load(self) -> Dataset:
        """Read the dataset; raise DatasetError with file, line and key where it is not well-formed."""
        ...
