"""Encoders that a dataset brings by itself: its own vectors, and their late fusion."""

from __future__ import annotations

from typing import TYPE_CHECKING

from recclaims.data.source_spec import source_spec
from recclaims.features.encoders.file_features import NAME

if TYPE_CHECKING:
    from recclaims.data.dataset import DatasetSource


def available_modalities(source: DatasetSource) -> frozenset[str]:
    """What encoders may require of a dataset: what its items carry, and the names of its own vectors."""
    return source.modalities | {f"{NAME}:{name}" for name in source_spec(source).features}


def bundled_encoders(source: DatasetSource) -> list[str]:
    """References of the dataset's own vectors, and of each visual one fused with each textual one."""
    found = {name: file.modality for name, file in source_spec(source).features.items()}
    pairs = [
        f"late_fusion:{NAME}:{visual}+{NAME}:{textual}"
        for visual, seen in found.items()
        for textual, read in found.items()
        if (seen, read) == ("visual", "textual") and "+" not in visual + textual
    ]
    return [f"{NAME}:{name}" for name in found] + pairs
