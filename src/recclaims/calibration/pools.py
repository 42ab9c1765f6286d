"""Many studies of one kind, read by every rule, and counted."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from recclaims._model.case import Case
from recclaims._model.verdict import Verdict
from recclaims.calibration.rates import Bools, Rate, design
from recclaims.calibration.rules import RULES, Finding, Reading
from recclaims.calibration.studies import Study

#: Looks and the true relative effect with which studies are read.
Key = tuple[tuple[int, ...], float]
#: A p that is no rarity: the studies of a bank that have it tell how much they depend on each other.
_COMMON = 0.2


@dataclass(frozen=True)
class Seen:
    """What the suite made of a study: its verdict, whether the interval holds the truth, replicates that it took."""

    verdict: Verdict
    covered: bool
    replicates: int


@dataclass
class Pool:
    """Studies of one kind.

    Attributes:
        seen: by key, of every study, or of the first few.
        tested: by rule and effect, likewise.
        common: whether each study's p is below _COMMON.
        drawn: of every study, see Study.
    """

    seen: dict[Key, list[Seen]] = field(default_factory=dict)
    tested: dict[tuple[str, float], list[Finding]] = field(default_factory=dict)
    common: list[bool] = field(default_factory=list)
    drawn: list[tuple[tuple[np.ndarray, int], ...]] = field(default_factory=list)

    def rate(self, key: Key, hit: Callable[[Seen], bool]) -> Rate:
        """How many studies are hit."""
        return self._rate([hit(one) for one in self.seen[key]], max(key[0]))

    def said(self, key: Key, verdict: Verdict) -> Rate:
        """How many studies have a verdict."""
        return self.rate(key, lambda one: one.verdict is verdict)

    def replicates(self, key: Key) -> float:
        """How many a study took on average."""
        return float(np.mean([one.replicates for one in self.seen[key]]))

    def sided(self, name: str, effect: float, side: int) -> Rate:
        """How many studies another rule called a gain (1) or a loss (-1)."""
        rule = next(rule for rule in RULES if rule.name == name)
        sides = rule.sides(self.tested[name, effect])
        return self._rate([one == side for one in sides], rule.replicates)

    def _rate(self, hits: Sequence[bool], replicates: int) -> Rate:
        counted = np.asarray(hits, dtype=bool)
        drawn = self.drawn[: len(counted)]
        read = [_read([one[factor] for one in drawn], replicates) for factor in range(len(drawn[0]) if drawn else 0)]
        common = np.asarray(self.common[: len(drawn)], dtype=bool)
        return Rate(int(counted.sum()), len(counted), max(design(counted, read), design(common, read)))


def _read(drawn: Sequence[tuple[np.ndarray, int]], replicates: int) -> Bools:
    """Which units of a factor each study reads, bool (n_studies, n_units)."""
    found = np.zeros((len(drawn), drawn[0][1]), dtype=bool)
    for row, (units, _) in zip(found, drawn, strict=True):
        row[units[:replicates]] = True
    return found


def pool(
    studies: Iterable[Study],
    case: Case,
    prior: float,
    keys: Sequence[Key],
    few: int = 0,
    slow: Sequence[Key] = (),
    effects: Sequence[float] = (),
    truth: float = 0.0,
) -> Pool:
    """Read studies.

    Args:
        studies: whose arms do not differ in truth, or by `truth`.
        case, prior: see Reading.
        keys: with which looks and effects the suite reads each.
        few: how many, from the first on, are read in the ways that take longer:
        slow: by the suite with these keys, too,
        effects: and by the other rules with these effects.
        truth: relative effect that is in the studies before any is added.
    """
    found = Pool()
    for number, study in enumerate(studies):
        reading = Reading(study, case, prior)
        for looks, effect in [*keys, *(slow if number < few else ())]:
            answer = reading.answer(looks, effect)
            covered = answer.covers((1 + truth) * (1 + effect) - 1)
            found.seen.setdefault((looks, effect), []).append(Seen(answer.verdict, covered, answer.replicates))
        if study.drawn:
            found.drawn.append(study.drawn)
            found.common.append(reading.at(keys[0][0][-1]).p_value < _COMMON)
        for effect in effects if number < few else ():
            made: dict[tuple[object, ...], Finding] = {}
            for rule in RULES:
                same = rule.test, rule.replicates, rule.metric
                if same not in made:
                    made[same] = rule.tested(study, effect)
                found.tested.setdefault((rule.name, effect), []).append(made[same])
    return found
