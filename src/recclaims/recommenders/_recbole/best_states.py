"""The states of a model at its best validations, and their mean.

A state is best by a little, and by luck: which of the last epochs it was decides much of what two trainings of one
model differ in. The mean of the weights of a few of them scores as well as the best or better, and differs less
(Izmailov et al., UAI 2018). What that gains here is in docs/methods.md.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch

#: Weights by name, and whatever else a model keeps.
State = Mapping[str, Any]


@dataclass
class BestStates:
    """The states with the highest scores; of equal scores the later ones, as RecBole's early stopping has it.

    Attributes:
        count: how many are kept.
        kept: score, epoch from 1 and state of each, the best first.
    """

    count: int = 1
    kept: list[tuple[float, int, State]] = field(default_factory=list)

    @property
    def best_epoch(self) -> int:
        """The epoch of the best; 0 if there is none."""
        return self.kept[0][1] if self.kept else 0

    def offer(self, score: float, epoch: int, state: Callable[[], State]) -> None:
        """Keep the state of an epoch if its score is among the best; NaN is not.

        Args:
            score: on the validation part.
            epoch: from 1, later than those before.
            state: gives a copy that training does not change; called only if it is kept.
        """
        place = sum(score < other for other, _, _ in self.kept)
        if math.isnan(score) or place >= self.count:
            return
        self.kept.insert(place, (score, epoch, state()))
        del self.kept[self.count :]

    def mean(self) -> dict[str, Any]:
        """The mean of what is kept, name by name; of what is no floating-point tensor, that of the best."""
        states = [state for _, _, state in self.kept]
        return {name: _mean([state[name] for state in states]) for name in states[0]} if states else {}


def _mean(values: list[Any]) -> Any:
    first = values[0]
    if len(values) == 1 or not (isinstance(first, torch.Tensor) and first.is_floating_point()):
        return first
    return torch.stack(values).mean(dim=0)
