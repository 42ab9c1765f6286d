"""Files of feature vectors in a dataset's folder, found by their names without reading them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from recclaims.errors import DatasetError

#: How the words of a name begin that tell what its vectors are of.
_WORDS: Mapping[str, tuple[str, ...]] = {
    "visual": ("visual", "vision", "image", "img", "photo", "picture", "poster"),
    "textual": ("textual", "text", "title", "description", "caption", "sentence", "review"),
    "multimodal": ("multimodal",),
}
_LETTERS = {"v": "visual", "t": "textual"}
#: Files in the top of a folder that hold a vector for each item, as MMRec and Cornac name them.
NAMES = re.compile(r"(.*[_-])?(feat|feats|features)\.npy")
#: Beside `NAME.npy`: the id of each row, one a line.
SIDECAR = ".ids.txt"
#: Cornac's: the ids of the rows of every matrix in the folder.
COMMON_IDS = "item_ids.txt"


@dataclass(frozen=True)
class FeatureFile:
    """Vectors of a catalogue on disk.

    Attributes:
        path: a file, or a folder with one file per item.
        modality: visual, textual or multimodal.
        ids: a text file with the id of each row; None: the path contains the ids itself, or has one row per item in
            the order of the catalogue.
        rows: the id of each row, if a program gave them.
    """

    path: Path
    modality: str
    ids: Path | None = None
    rows: Sequence[str] | None = None


@dataclass(frozen=True)
class FeatureArray:
    """Vectors of a catalogue in memory.

    Attributes:
        matrix: numbers (n, d), one row per item.
        modality: visual, textual or multimodal.
        ids: the item of each row; None: the items of the catalogue, in its order.
    """

    matrix: Any
    modality: str = "multimodal"
    ids: Sequence[str] | None = None


def modality_of(name: str) -> str | None:
    """The modality that a name tells: visual, textual or multimodal; None if it tells none."""
    words = re.findall(r"[a-z]+", name.lower())
    # MMRec's older folders say `v_feat` and `t_feat`.
    words = [_LETTERS.get(word, word) if after.startswith("feat") else word for word, after in pairwise([*words, ""])]
    said = {modality for modality, starts in _WORDS.items() if any(word.startswith(starts) for word in words)}
    if {"visual", "textual"} <= said:
        return "multimodal"
    return said.pop() if len(said) == 1 else None


def sidecar(path: Path) -> Path:
    """The file that would hold the ids of a file's rows."""
    return path.with_name(path.stem + SIDECAR)


def find_matrices(folder: Path) -> dict[str, FeatureFile]:
    """Matrices in the top of a folder whose names tell a modality, by name: `image_feat`, `text_feat`.

    Raises:
        DatasetError: one is a link out of the folder.
    """
    found = {}
    common = folder / COMMON_IDS
    for path in sorted(folder.glob("*.npy")):
        modality = modality_of(path.stem) if NAMES.fullmatch(path.name) else None
        if modality is None:
            continue
        ids = next((ids for ids in (sidecar(path), common) if ids.is_file()), None)
        for one in (path, ids):
            if one and not one.resolve().is_relative_to(folder.resolve()):
                raise DatasetError(f"{one}: leads out of the folder")
        found[path.stem] = FeatureFile(path, modality, ids)
    return found
