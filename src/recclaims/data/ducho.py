"""Ducho's outputs: one `.npy` an item, called by its id, in `visual_embeddings/BACKEND/MODEL/LAYER/` and the like.

They are no dataset of their own: they are the features of whatever dataset lies in the same folder.
"""

from __future__ import annotations

import os
from pathlib import Path

from recclaims.data.vectors import FeatureFile
from recclaims.errors import DatasetError

#: Beginnings of the folders' names, by modality; Ducho's own configurations add a batch size (`_32`).
ROOTS = {"visual_embeddings": "visual", "textual_embeddings": "textual"}


def find_embeddings(folder: Path) -> dict[str, FeatureFile]:
    """Folders with a file an item, by name: their path with dots, `visual_embeddings.torch.ResNet50.avgpool`.

    Raises:
        DatasetError: one is a link out of the folder.
    """
    found = {}
    for start, modality in ROOTS.items():
        for root in sorted(folder.glob(f"{start}*/")):
            if not root.resolve().is_relative_to(folder.resolve()):
                raise DatasetError(f"{root}: leads out of the folder")
            for place, folders, files in os.walk(root):
                folders.sort()
                mine = [name for name in files if name.endswith(".npy")]
                path = Path(place)
                for one in (path / name for name in mine):
                    if one.is_symlink() and not one.resolve().is_relative_to(folder.resolve()):
                        raise DatasetError(f"{one}: leads out of the folder")
                if mine:
                    found[".".join(path.relative_to(folder).parts)] = FeatureFile(path, modality)
    return found
