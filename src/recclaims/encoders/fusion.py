"""Late fusion: the features of several encoders side by side."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from recclaims.encoders.extraction import extract
from recclaims.encoders.file_features import NAME as FEATURES
from recclaims.encoders.file_features import is_path
from recclaims.encoders.resolve import make_encoder, requirements
from recclaims.errors import FeatureError
from recclaims.plugin_manager import registry

if TYPE_CHECKING:
    from recclaims.datasets.catalogue import Item
    from recclaims.encoders.protocol import Encoder

DEFAULT = "efficientnet-lite0+sbert"


class LateFusion:
    """Normalised concatenation: each part's rows scaled to length 1, then put side by side.

    Args:
        parts: encoders, joined by `+`, as in `resnet50+sbert:all-mpnet-base-v2` (the paper's); empty:
            efficientnet-lite0 and sbert, whose weights install as packages. A path of `features:PATH` may have a
            `+` in it where the file exists.
    """

    name, modality = "late_fusion", "multimodal"
    side_by_side = True
    requires: frozenset[str] = frozenset({"visual", "textual"})

    def __init__(self, parts: str = "") -> None:
        self._names = _split(parts or DEFAULT)
        if parts:
            self.name = f"late_fusion:{parts}"
            self.requires = frozenset().union(*(requirements(part) for part in self.parts))

    @cached_property
    def parts(self) -> tuple[Encoder, ...]:
        """The encoders that are fused."""
        return tuple(make_encoder(name, registry()) for name in self._names)

    @property
    def version(self) -> str:
        """The fusion's own version and those of its parts."""
        return "2;" + ";".join(f"{part.name}={part.version}" for part in self.parts)

    def unavailable(self) -> str | None:
        """Why the first part that cannot run cannot."""
        reasons = (getattr(part, "unavailable", lambda: None)() for part in self.parts)
        return next((reason for reason in reasons if reason), None)

    def fuse(self, matrices: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
        """Scale rows to length 1 and concatenate: float32 (n, d1), (n, d2), ... -> (n, d1 + d2 + ...).

        A zero row stays zero.
        """
        norms = (np.linalg.norm(matrix, axis=1, keepdims=True) for matrix in matrices)
        scaled = [m / np.where(norm > 0, norm, 1) for m, norm in zip(matrices, norms, strict=True)]
        return np.concatenate(scaled, axis=1).astype(np.float32)

    def encode(self, items: Sequence[Item]) -> NDArray[np.float32]:
        """Encode with every part and fuse: float32 (n, sum of the parts' dimensions)."""
        return self.fuse([extract(part, items).matrix for part in self.parts])


def _split(parts: str) -> list[str]:
    """The names between `+`; one within the path of a file that exists is part of the path."""
    pieces, names = parts.split("+"), []
    while pieces:
        joined = ("+".join(pieces[:n]) for n in range(1, len(pieces) + 1))
        name = next((name for name in joined if not _lost(name)), None)
        if name is None:
            raise FeatureError(
                f"late_fusion:{parts}: no file is at {pieces[0].partition(':')[2]} "
                "or where its path would go on after a '+'"
            )
        names.append(name)
        del pieces[: name.count("+") + 1]
    return names


def _lost(name: str) -> bool:
    """Whether it is a path of features that leads nowhere."""
    base, _, argument = name.partition(":")
    place = argument.partition("?")[0]
    return base == FEATURES and is_path(place) and not Path(place).exists()
