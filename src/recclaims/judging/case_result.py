"""What came of a case."""

from __future__ import annotations

from dataclasses import dataclass

from recclaims._model.case import Case
from recclaims._model.verdict import Verdict
from recclaims.judging.estimate import SHOWN, Estimate
from recclaims.judging.forecast import Chance
from recclaims.judging.verdict import Levels


@dataclass(frozen=True)
class Look:
    """A case as it stood after some replicates.

    Attributes:
        replicates: how many.
        levels: at which it could be decided.
        estimate: the effect then.
        verdict: what it said; INCONCLUSIVE: nothing yet.
    """

    replicates: int
    levels: Levels
    estimate: Estimate
    verdict: Verdict


@dataclass(frozen=True)
class CaseResult:
    """What came of a case.

    Attributes:
        estimate: of its last look; None where it could not be compared.
        looks: all that were taken, the last of them decides.
        planned: after how many replicates it is looked at.
        beside: the same comparison in the reported metric, where the case is judged in another.
        seconds: of training both arms.
        replicates: replicates of the last look.
        n_fixed: users who are left out of it in one replicate or more, as nothing could change their value.
        over: whether no further look is to come.
        chance: of an undecided case: what would settle it, and how likely.
    """

    case: Case
    verdict: Verdict
    reason: str
    estimate: Estimate | None = None
    looks: tuple[Look, ...] = ()
    planned: tuple[int, ...] = ()
    beside: Estimate | None = None
    seconds: float = 0.0
    replicates: int = 0
    n_fixed: int = 0
    over: bool = True
    chance: Chance | None = None

    @property
    def shown(self) -> float:
        """How often the interval that is shown holds the truth after one look, so that after all it does so SHOWN."""
        return 1 - self.looks[-1].levels.shown if self.looks else SHOWN

    @property
    def next_look(self) -> int | None:
        """How many replicates the next look needs; None: there is none to come."""
        return None if self.over else self.planned[len(self.looks)]
