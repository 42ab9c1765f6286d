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

    `version` enters the key of everything computed from the features: change it whenever the output
    changes. What else an encoder can say and do, none of it required, is in features/spec.py: EncoderSpec, which it
    carries as `spec`, and EncoderMethods.
    """

    name: str
    modality: str
    version: str

    def encode(self, items: Sequence[Item]) -> NDArray[np.float32] | Encoded:
        """Return one float32 row per item, shape (n, d), finite, alone or as an Encoded.

        Items that lack the modality are not sent.
        """
        ...
