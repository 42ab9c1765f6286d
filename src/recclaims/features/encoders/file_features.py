"""Features that are there already: a file or folder of vectors, made by whatever program."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from recclaims._model.reads import MODALITIES
from recclaims.data.ducho import ROOTS
from recclaims.data.ids import alike, shown_pairs
from recclaims.data.vectors import FeatureFile, modality_of, sidecar
from recclaims.errors import FeatureError, UnknownNameError
from recclaims.features.arguments import split_argument
from recclaims.features.digests import digest_of
from recclaims.features.spec import EncoderSpec
from recclaims.features.vector_files import READERS, check_size, read_vectors, shown
from recclaims.paths import expanded

if TYPE_CHECKING:
    from recclaims.data.catalogue import Item
    from recclaims.data.dataset import Dataset

NAME = "features"
#: Rows that are brought in order and checked at once.
BLOCK = 4096
#: How many parts of a path, from its end, can tell its modality: BACKEND/MODEL/LAYER lie under Ducho's.
TELLING = 4


class FileFeatures:
    """Rows of a file, put in the order of the catalogue; items without one are imputed.

    Args:
        argument: a path (`features:vectors/clip.npy`), or the name of vectors that come with the dataset
            (`features:image_feat`); whatever has a separator or the ending of a format is a path, in which `%3F` is a
            question mark. Behind one `modality`: visual, textual or multimodal; else what the name says, else
            multimodal.
    """

    name = NAME
    modality = "multimodal"
    #: Without an argument there is no case: no file is a default.
    spec = EncoderSpec(requires=frozenset({"the path of a file"}), on_request=True)

    def __init__(self, argument: str = "") -> None:
        self.argument, self._known_as = argument, ""
        self._file: FeatureFile | None = None
        self._matrix: NDArray[Any] | None = None
        self._rows: dict[str, int] = {}
        self._listed: list[str] = []
        if not argument:
            return
        self.name = f"{NAME}:{argument}"
        place, settings = split_argument(argument, ("modality",), NAME)
        self._own = "" if is_path(place) else place
        said = settings.get("modality")
        if said is not None and said not in MODALITIES:
            raise UnknownNameError.of("modality", said, MODALITIES, self.name)
        self.modality = said or _seen(place)
        if self._own:
            self.spec = replace(self.spec, requires=frozenset({f"{NAME}:{self._own}"}))
            return
        path = Path(expanded(place))
        if not path.exists():
            raise FeatureError(f"{self.name}: {place} does not exist")
        # The file that says whose the rows are, if there is one.
        beside = sidecar(path)
        self._file = FeatureFile(path, self.modality, beside if beside.is_file() else None)
        self.spec = replace(self.spec, requires=frozenset(), place=place, beside=(beside,) if self._file.ids else ())

    @property
    def version(self) -> str:
        """Its own; once bound to a dataset, that of the file's content, too."""
        return f"3;{self._known_as}" if self._known_as else "3"

    def bind(self, dataset: Dataset) -> None:
        """Find the file, by the dataset's names or the path, and know it by its content.

        Raises:
            UnknownNameError: the dataset has no vectors of this name.
            FeatureError: the file cannot be read.
        """
        if self._own:
            if self._own not in dataset.features:
                raise UnknownNameError.of("features", self._own, dataset.features, f"dataset '{dataset.name}'")
            found = dataset.features[self._own]
            if not isinstance(found, FeatureFile):
                raise FeatureError(f"{self.name}: these vectors are in memory; pass the dataset to recclaims.evaluate")
            self._file = found
        file = self._found()
        try:
            for path in (file.path, file.ids):
                check_size(path)
            parts = [digest_of(path) for path in (file.path, file.ids) if path]
        except OSError as error:
            raise FeatureError(f"{file.path}: cannot be read: {error.strerror or error}") from None
        listed, numbered = list(dataset.listed), [item.item_id for item in dataset.items]
        self._listed = listed or numbered
        self._known_as = ",".join(f"sha256-{part}" for part in parts)
        if file.rows is not None:
            self._known_as += f",rows-{hashlib.sha256(json.dumps(list(file.rows)).encode()).hexdigest()}"
        elif file.ids is None and self._listed != numbered:
            # Rows without ids follow the catalogue's own order, of which the catalogue's fingerprint knows nothing.
            self._known_as += f",rows-{hashlib.sha256(json.dumps(listed).encode()).hexdigest()}"

    def unavailable(self) -> str | None:
        """Say what is missing, without reading anything."""
        return None if self.argument else f"{NAME} needs a file: {NAME}:PATH"

    def prepare(self, items: Sequence[Item]) -> None:
        """Read the file and find the row of each item.

        Raises:
            FeatureError: see read_vectors; or there are neither ids nor a row for each item, no item's id is among
                the ids, or an item without a vector has one but for the spelling of its id.
        """
        file = self._found()
        ids = self._listed or [item.item_id for item in items]
        vectors = read_vectors(file.path, file.ids, set(ids))
        if file.rows is not None:
            vectors = replace(vectors, ids=list(file.rows))
        self._matrix = vectors.matrix
        if vectors.ids is None:
            if len(vectors.matrix) != len(ids):
                raise FeatureError(
                    f"{file.path}: has {len(vectors.matrix):,} rows for {len(ids):,} items ({shown(ids)}, ...); "
                    f"list their ids in {sidecar(file.path).name}, one per line"
                )
            self._rows = {one: row for row, one in enumerate(ids)}
            return
        mine = set(ids)
        self._rows = {one: row for row, one in enumerate(vectors.ids) if one in mine}
        if not self._rows:
            raise FeatureError(
                f"{file.path}: no item has a vector: the catalogue's ids are like {shown(ids)}, "
                f"the file's like {shown(vectors.ids)}"
            )
        strange = [one for one in (*vectors.ids, *vectors.others) if one not in mine]
        pairs = alike((one for one in ids if one not in self._rows), strange)
        if pairs:
            raise FeatureError(
                f"{file.path}: {len(pairs):,} ids differ from the catalogue's only in spelling (catalogue and file): "
                f"{shown_pairs(pairs)}; write the ids as in the catalogue"
            )

    def covers(self, item: Item) -> bool:
        """Say whether the item has a vector."""
        return item.item_id in self._rows

    def encode(self, items: Sequence[Item]) -> NDArray[np.float32]:
        """Return float32 (n, d); where the file holds just that in this order, its map.

        Raises:
            FeatureError: a value is NaN or inf; shows three of the items.
        """
        if self._matrix is None:
            self.prepare(items)
        matrix: NDArray[Any] = self._matrix  # type: ignore[assignment]
        index = np.array([self._rows[item.item_id] for item in items], dtype=np.int64)
        as_it_is = matrix.dtype == np.float32 and len(index) == len(matrix) and bool((np.diff(index) == 1).all())
        made = np.asarray(matrix) if as_it_is else np.empty((len(index), matrix.shape[1]), dtype=np.float32)
        wrong: list[str] = []
        for start in range(0, len(index), BLOCK):
            span = slice(start, start + BLOCK)
            if not as_it_is:
                with np.errstate(over="ignore"):  # becomes inf, which is reported
                    made[span] = matrix[index[span]]
            bad = np.flatnonzero(~np.isfinite(made[span]).all(axis=1))
            wrong += [items[start + int(row)].item_id for row in bad]
        if wrong:
            raise FeatureError(
                f"{self._found().path}: the vectors of {len(wrong):,} items have NaN or inf: {shown(wrong)}"
            )
        return made

    def _found(self) -> FeatureFile:
        if self._file is None:
            raise FeatureError(
                f"{self.name} names vectors that come with a dataset; to read a file, give its path: ./{self._own}"
            )
        return self._file


def is_path(place: str) -> bool:
    """Whether it has a separator or the ending of a format; a bare name is that of a dataset's own vectors."""
    return os.sep in place or Path(place).suffix in READERS


def _seen(place: str) -> str:
    """The modality that a name or the last parts of a path tell: Ducho's folders first, then the last part."""
    path = Path(place)
    for part in path.parts[-TELLING:]:
        for root, modality in ROOTS.items():
            if part.startswith(root):
                return modality
    parts = (path.stem, *reversed(path.parts[-TELLING:-1]))
    return next((found for part in parts if (found := modality_of(part))), "multimodal")
