"""What an encoder is: any object of this shape, no base class needed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from recclaims.data.catalogue import Item
    from recclaims.features.encoded import Encoded

#: What an encoder reads. `none` is the modality of a feature-free twin, which has no encoder.
MODALITIES = ("visual", "textual", "multimodal")


@runtime_checkable
class Encoder(Protocol):
    """Turns items into features.

    `version` enters the key of everything computed from the features: change it whenever the output
    changes. An encoder may also have `unavailable() -> str | None`, which says without loading anything
    why it cannot run on this machine and how to mend that; `representation = "sets"` where its rows are 0 and
    1: recommenders that read sets (Attribute Item-kNN) take those alone; `bind(dataset)`, which is told the dataset
    before its `version` counts and anything is encoded, where what it reads comes with the dataset; `chunk`, a
    number of items: it is then given as many at a time, and what is done stays done when the run is stopped; and
    `place`, where its argument names a file or folder: that path, which reports replace by its last name and a digest.
    """

    name: str
    modality: str
    version: str

    def encode(self, items: Sequence[Item]) -> NDArray[np.float32] | Encoded:
        """Return one float32 row per item, shape (n, d), finite, alone or as an Encoded.

        Items that lack the modality are not sent.
        """
        ...
