"""How a dataset is split and scored, where a reference or a manifest says so."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from recclaims.errors import DatasetError, UnknownNameError

KEYS = ("relevance", "split")
STRATEGIES = ("random", "temporal", "cold")


@dataclass(frozen=True)
class EvaluationProtocol:
    """Changes to a dataset's own protocol; None keeps what the dataset has.

    Attributes:
        strategy: one of STRATEGIES.
        relevance: the lowest rating that counts as relevant.
        every: True: every interaction is relevant, whatever its rating (`relevance=none`).
    """

    strategy: str | None = None
    relevance: float | None = None
    every: bool = False

    @classmethod
    def parse(cls, settings: Mapping[str, str], where: str) -> EvaluationProtocol:
        """Read `split` and `relevance` from a reference's settings.

        Raises:
            UnknownNameError, DatasetError: the value is none of those that exist; names reference and key.
        """
        strategy, relevance = settings.get("split"), settings.get("relevance")
        if strategy is not None and strategy not in STRATEGIES:
            raise UnknownNameError.of("split", strategy, STRATEGIES, where)
        if relevance is None or relevance == "none":
            return cls(strategy, every=relevance == "none")
        try:
            threshold = float(relevance)
        except ValueError:
            threshold = math.nan
        if not math.isfinite(threshold):
            raise DatasetError(f"{where}: relevance is '{relevance}', neither a number nor 'none'")
        return cls(strategy, threshold)

    @property
    def facts(self) -> dict[str, str]:
        """What a dataset must be told while it is made, by attribute."""
        return {} if self.strategy is None else {"strategy": self.strategy}

    def over(self, other: EvaluationProtocol) -> EvaluationProtocol:
        """This protocol, with `other`'s say where it has one."""
        decided = other.every or other.relevance is not None
        return EvaluationProtocol(
            other.strategy or self.strategy,
            other.relevance if decided else self.relevance,
            other.every if decided else self.every,
        )
