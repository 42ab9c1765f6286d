"""Late fusion: the features of several encoders made into one matrix, or handed on beside each other.

With parts m of n rows x_m(i), and unit(x) = x / ||x|| (a zero row stays zero):

    late_fusion          [unit(x_1) ; unit(x_2) ; ...]      every part counts the same
    late_fusion-concat   [x_1 ; x_2 ; ...]                  a part of longer rows, or more of them, counts more
    late_fusion-pca      the principal components of late_fusion, at most COMPONENTS, unscaled
    late_fusion-sum      sum of unit(x_m) B_m
    late_fusion-mean     the same, divided by the number of parts
    late_fusion-graph    [x_1 ; x_2 ; ...], handed on as modalities of their own, each with its graph or loss

B_m brings a part to the width of the widest one: a random orthonormal basis, drawn from the part's place, which keeps
every distance within the part; parts of that width are taken as they are, so that encoders of one common space, as
CLIP's, keep it. Mean and sum differ by scale alone. Cosines, and so the raw graphs of FREEDOM and LATTICE, do not see
it; VBPR, the projections of LATTICE, FREEDOM and BM3, and content kNN with a shrinkage do.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from importlib.metadata import version as library_version
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from recclaims.data.reference import path_in
from recclaims.errors import FeatureError
from recclaims.features.encoded import side_by_side, unit_rows
from recclaims.features.encoders.file_features import NAME as FEATURES
from recclaims.features.encoders.file_features import is_path
from recclaims.features.extraction import extract
from recclaims.features.resolve import known_encoder, why_unavailable
from recclaims.features.spec import EncoderSpec, requirements
from recclaims.paths import expanded

if TYPE_CHECKING:
    from recclaims.data.catalogue import Item
    from recclaims.features.protocol import Encoder
    from recclaims.plugin_manager import Registry

Matrix = NDArray[np.float32]

DEFAULT = "efficientnet-lite0+sbert"
#: What the paper fuses.
PAPER = "resnet50+sbert:all-mpnet-base-v2"
#: Principal components that late_fusion-pca keeps; fewer where the catalogue has no more.
COMPONENTS = 256
#: A component of less variance than this share of the first is rounding.
_NOTHING = 1e-12


class Fusion:
    """What all fusions have in common: the parts, and how they become one matrix (`fuse`).

    Args:
        parts: encoders, joined by `+`, as in `resnet50+sbert:all-mpnet-base-v2` (the paper's); empty:
            efficientnet-lite0 and sbert, whose weights install as packages. A path of `features:PATH` may have a
            `+` in it where the file exists.
    """

    name: str
    modality = "multimodal"
    spec = EncoderSpec(requires=frozenset({"visual", "textual"}), on_request=True, fuses=True)
    own_version = "2"

    def __init__(self, parts: str = "") -> None:
        self._names = _split(parts or DEFAULT)
        if parts:
            self.name = f"{self.name}:{parts}"

    def make_parts(self, make: Callable[[str], Encoder]) -> None:
        """Make the encoders that are fused, as `make` does from their names."""
        parts = tuple(map(make, self._names))
        self.spec = replace(self.spec, parts=parts, requires=frozenset().union(*map(requirements, parts)))

    @property
    def parts(self) -> tuple[Encoder, ...]:
        """The encoders that are fused; none before make_parts, which resolve.make_encoder calls."""
        return self.spec.parts

    @property
    def version(self) -> str:
        """The fusion's own version and those of its parts."""
        return f"{self.own_version};" + ";".join(f"{part.name}={part.version}" for part in self.parts)

    def unavailable(self) -> str | None:
        """Why the first part that cannot run cannot."""
        reasons = map(why_unavailable, self.parts)
        return next((reason for reason in reasons if reason), None)

    def fuse(self, matrices: Sequence[Matrix]) -> Matrix:
        """Make one matrix of the parts', all rows of a catalogue: float32 (n, d1), (n, d2), ... -> (n, d)."""
        raise NotImplementedError

    def encode(self, items: Sequence[Item]) -> Matrix:
        """Encode with every part and fuse: float32 (n, d)."""
        return self.fuse([extract(part, items).matrix for part in self.parts])


class LateFusion(Fusion):
    """Normalised concatenation: each part's rows scaled to length 1, then put side by side."""

    name = "late_fusion"
    spec = replace(Fusion.spec, on_request=False, side_by_side=True)
    own_version = "3"

    def fuse(self, matrices: Sequence[Matrix]) -> Matrix:
        """Scale rows to length 1 and concatenate: float32 (n, d1), (n, d2), ... -> (n, d1 + d2 + ...).

        A zero row stays zero.
        """
        return side_by_side(matrices)


class Concatenation(Fusion):
    """The parts side by side as they are."""

    name = "late_fusion-concat"
    spec = replace(Fusion.spec, side_by_side=True)

    def fuse(self, matrices: Sequence[Matrix]) -> Matrix:
        """Concatenate: float32 (n, d1), (n, d2), ... -> (n, d1 + d2 + ...)."""
        return np.concatenate(matrices, axis=1).astype(np.float32)


class SeparateModalities(Concatenation):
    """The parts as modalities of their own, for recommenders that hold several: weighted graphs, or a loss each."""

    name = "late_fusion-graph"
    spec = replace(Concatenation.spec, separate=True)


class PrincipalComponents(LateFusion):
    """The principal components of the normalised concatenation, those of most variance first."""

    name = "late_fusion-pca"
    spec = Fusion.spec
    own_version = f"2;scikit-learn-{library_version('scikit-learn')}"

    def fuse(self, matrices: Sequence[Matrix]) -> Matrix:
        """Rotate the centred concatenation: float32 (n, d1), ... -> (n, at most COMPONENTS).

        Exact, without random numbers; of each component the largest loading is positive.
        """
        from sklearn.decomposition import PCA  # not while pytest collects

        joined = super().fuse(matrices).astype(np.float64)
        n, width = joined.shape
        if (joined == joined[0]).all():  # nothing varies
            return np.zeros((n, 1), dtype=np.float32)
        solver = "covariance_eigh" if n > width else "full"
        found = PCA(min(COMPONENTS, n - 1, width), svd_solver=solver)
        rows = found.fit_transform(joined)
        kept = (found.explained_variance_ > _NOTHING * found.explained_variance_[0]).sum()
        return np.ascontiguousarray(rows[:, :kept], dtype=np.float32)


class Sum(Fusion):
    """The sum of the parts, each scaled to length 1 and brought to the width of the widest."""

    name = "late_fusion-sum"

    def fuse(self, matrices: Sequence[Matrix]) -> Matrix:
        """Add: float32 (n, d1), (n, d2), ... -> (n, max(d1, d2, ...))."""
        return self._sum(matrices).astype(np.float32)

    @staticmethod
    def _sum(matrices: Sequence[Matrix]) -> NDArray[np.float64]:
        width = max(matrix.shape[1] for matrix in matrices)
        total = np.zeros((len(matrices[0]), width))
        for place, matrix in enumerate(matrices):
            rows: NDArray[np.float64] = unit_rows(matrix).astype(np.float64)
            total += rows if matrix.shape[1] == width else rows @ orthonormal_basis(matrix.shape[1], width, place)
        return total


class Mean(Sum):
    """The mean of the parts: their sum, divided by their number."""

    name = "late_fusion-mean"

    def fuse(self, matrices: Sequence[Matrix]) -> Matrix:
        """Average: float32 (n, d1), (n, d2), ... -> (n, max(d1, d2, ...))."""
        return (self._sum(matrices) / len(matrices)).astype(np.float32)


def orthonormal_basis(rows: int, width: int, seed: int) -> NDArray[np.float64]:
    """A random orthonormal basis, float64 (rows, width) with rows <= width; the same for the same seed."""
    drawn = np.random.default_rng([0xF05, seed]).standard_normal((width, rows))
    q, r = np.linalg.qr(drawn)
    # With a positive diagonal of R the factors are unique, whichever way a library computes them.
    basis: NDArray[np.float64] = (q * np.sign(np.diag(r))).T
    return basis


def parts_here(registry: Registry) -> str:
    """The parts that a claim about fusion compares with: the paper's where their weights are here, else DEFAULT."""
    return DEFAULT if why_unavailable(known_encoder(f"{LateFusion.name}:{PAPER}", registry)) else PAPER


def _split(parts: str) -> list[str]:
    """The names between `+`; one within the path of a file that exists is part of the path."""
    pieces, names = parts.split("+"), []
    while pieces:
        joined = ("+".join(pieces[:n]) for n in range(1, len(pieces) + 1))
        name = next((name for name in joined if not _lost(name)), None)
        if name is None:
            raise FeatureError(
                f"late_fusion:{parts}: no file at {pieces[0].partition(':')[2]}, "
                "nor at a path that continues after a '+'"
            )
        names.append(name)
        del pieces[: name.count("+") + 1]
    return names


def _lost(name: str) -> bool:
    """Whether it is a path of features that leads nowhere."""
    base, _, argument = name.partition(":")
    place = path_in(argument.partition("?")[0])
    return base == FEATURES and is_path(place) and not Path(expanded(place)).exists()
