"""What an encoder is: any object of this shape, no base class needed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from recclaims.data.catalogue import Item
    from recclaims.features.encoded import Encoded


@runtime_checkable
class Encoder(Protocol):
    """Turns items into features.

    `version` is part of the key of everything computed from the features: change it whenever the output changes.
    Everything else is optional and is described in features/spec.py: EncoderSpec, set as `spec`, and EncoderMethods.
    """

    name: str
    modality: str
    version: str

    def encode(self, items: Sequence[Item]) -> NDArray[np.float32] | Encoded:
        """Return one float32 row per item, shape (n, d), finite, alone or as an Encoded.

        Items without the modality are not passed in.
        """
        ...
