"""Noise controls, declared: what replaces features, and what it keeps of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Need = Literal["blocks", "categories"]
#: What a control can need beside a matrix and a seed.
NEEDS: tuple[str, ...] = get_args(Need)


@dataclass(frozen=True)
class ControlDeclaration:
    """A named control that replaces features by noise of the same shape.

    Attributes:
        name: its name in tables and case names.
        version: part of every key; change it whenever the numbers change.
        draw: (matrix float32 (n, d), seed, and what it needs) -> matrix of the same shape and type.
        preserves: which properties of the real features it keeps, in a phrase.
        keeps_sets: whether rows of 0 and 1 stay rows of 0 and 1.
        needs: "blocks" (of columns, by modality) or "categories" (of items).
    """

    name: str
    version: str
    draw: Callable[..., NDArray[np.float32]]
    preserves: str
    keeps_sets: bool = False
    needs: Need | None = None
