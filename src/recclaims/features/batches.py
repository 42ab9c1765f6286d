"""From items to rows in batches, for models that may refuse an item: what cannot be encoded costs no other its row."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from recclaims.errors import ChangedError, DatasetError, FeatureError, one_line
from recclaims.features.encoded import Encoded
from recclaims.features.whole import Gaps

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from recclaims.data.catalogue import Item

#: Of a batch, with what pads its texts to one length: memory grows with its square.
LETTERS = 32_768
#: Items that are kept at a time: their images are in memory together.
_CHUNK, _TEXT_CHUNK = 64, 4096


@dataclass(frozen=True)
class Batches:
    """How items become rows.

    Attributes:
        read: what the model is given of an item; raises DatasetError or FeatureError where there is nothing.
        embed: from what is given of b items to their rows, float32 (b, d).
        size: items at once; fewer where texts are long.
        device: what computes, for the records.
        gaps: the tensors that the model lacks.
    """

    read: Callable[[Item], Any]
    embed: Callable[[list[Any]], NDArray[np.float32]]
    size: int
    device: str
    gaps: Gaps

    def encode(self, items: Sequence[Item]) -> Encoded:
        """Encode items: float32 (n, d), with a record of each.

        Raises:
            FeatureError: rows follow tensors that the model lacks.
        """
        records: list[dict[str, Any]] = [{} for _ in items]
        rows: dict[int, NDArray[np.float32]] = {}
        # Inputs of about one length share a batch: less of it is padding.
        places = sorted(range(len(items)), key=lambda place: -len(items[place].text))
        while places:
            most = max(1, min(self.size, LETTERS // max(len(items[places[0]].text), 1)))
            self._batch(items, places[:most], rows, records)
            del places[:most]
        width = len(next(iter(rows.values()))) if rows else 1
        matrix = np.zeros((len(items), width), dtype=np.float32)
        for place, row in rows.items():
            matrix[place] = row
        return Encoded(matrix, records)

    def _batch(
        self,
        items: Sequence[Item],
        places: Sequence[int],
        rows: dict[int, NDArray[np.float32]],
        records: list[dict[str, Any]],
    ) -> None:
        """Encode these items together, or one by one if that fails: an image may be refused."""
        import torch

        inputs = {}
        for place in places:
            try:
                inputs[place] = self.read(items[place])
            except ChangedError:
                raise
            except (DatasetError, FeatureError) as error:  # a broken image
                records[place]["error"] = str(error)
        if not inputs:
            return
        try:
            found = self.embed(list(inputs.values()))
        except torch.OutOfMemoryError:
            raise
        except Exception as error:  # a processor that refuses an image says so in many ways
            if len(inputs) == 1:
                records[next(iter(inputs))]["error"] = one_line(error)
                return
            for place in inputs:
                self._batch(items, [place], rows, records)
            return
        self.gaps.check(found)
        for place, row in zip(inputs, found, strict=True):
            rows[place] = row
            records[place] |= {"device": self.device, "batch": len(inputs)}


def chunk_of(modality: str) -> int:
    """How many items of a modality are encoded between two times that what is done is kept."""
    return _TEXT_CHUNK if modality == "textual" else _CHUNK


def the_image(item: Item) -> Any:
    """An item's image; raises FeatureError where it has none, DatasetError where it is broken."""
    picture = item.image()
    if picture is None:
        raise FeatureError(f"item '{item.item_id}' has no image")
    return picture
