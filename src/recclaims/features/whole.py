"""Loaded models whose checkpoint does not hold all of their tensors.

transformers fills what it does not find with random numbers and says so in a line of its log. Rows that follow such
numbers look like any others, and are others at every load.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from recclaims.errors import FeatureError

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass
class Gaps:
    """The tensors that no file had, of the models that were loaded.

    They hold NaN instead of random numbers, and so does every row that follows them: a head that nothing reads, as the
    pooler of a BERT whose token states are averaged, does no harm.

    Attributes:
        who: whose models they are, for messages.
        names: of the tensors, as transformers calls them.
    """

    who: str
    names: list[str] = field(default_factory=list)

    def refuse(self) -> None:
        """Refuse models of which any tensor is missing; raises FeatureError."""
        if self.names:
            raise FeatureError(f"{self.who}: {lacking(self.names)}")

    def check(self, rows: NDArray[np.float32]) -> None:
        """Refuse rows that follow a tensor that is missing; raises FeatureError."""
        if self.names and not np.isfinite(rows).all():
            self.refuse()


@contextmanager
def watched(who: str) -> Iterator[Gaps]:
    """Note what is missing of every model of transformers that is loaded in the meantime, by whatever library.

    Weights are taken from safetensors alone: a checkpoint in pickles is a program.

    Raises:
        FeatureError: a tensor has another shape in the file than in the model; one line that names one.
    """
    from transformers import PreTrainedModel

    gaps = Gaps(who)
    theirs: Any = PreTrainedModel.__dict__["from_pretrained"]

    def from_pretrained(cls: type, /, *arguments: Any, output_loading_info: bool = False, **options: Any) -> Any:
        # Refused here, with a name: transformers would speak of a table that it has logged.
        options |= {"ignore_mismatched_sizes": True, "use_safetensors": True}
        model, report = theirs.__func__(cls, *arguments, output_loading_info=True, **options)
        other = sorted(report["mismatched_keys"])
        if other:
            name, found, needed = other[0]
            raise FeatureError(
                f"{who}: {name} is {_shape(found)} in the weights and {_shape(needed)} by config.json"
                + (f", and so are {len(other) - 1:,} more" if len(other) > 1 else "")
            )
        missing = sorted(report["missing_keys"])
        _blank(model, missing)
        gaps.names += missing
        return (model, report) if output_loading_info else model

    patched: Any = PreTrainedModel
    patched.from_pretrained = classmethod(from_pretrained)
    try:
        yield gaps
    finally:
        patched.from_pretrained = theirs


def lacking(names: Sequence[str]) -> str:
    """Say that these tensors are missing."""
    return (
        f"the weights lack {len(names):,} of the model's tensors, such as {names[0]}, which would be random numbers; "
        "copy the whole checkpoint, and see that config.json is its own"
    )


def _blank(model: Any, names: Sequence[str]) -> None:
    """Make these tensors NaN, but for whole numbers, which are never random."""
    import torch

    with torch.no_grad():
        for name in names:
            tensor = model.get_parameter_or_buffer(name)
            if tensor.is_floating_point() and not tensor.is_meta:
                tensor.fill_(math.nan)


def _shape(shape: Sequence[int]) -> str:
    return " x ".join(map(str, shape))
