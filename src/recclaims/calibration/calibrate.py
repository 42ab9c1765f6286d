"""How often the suite is wrong where the answer is known, and how often it finds what is there: tables.

Every figure comes from studies that are judged by the code that judges a case. They are drawn from a bank of trained
cells, or simulated with the bank's variances: a bank is real and finite, a simulation as large as one likes and
normal.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from recclaims._model.arm import Arm
from recclaims._model.case import CONFIRMATORY_NOISE, CONFIRMATORY_TWIN, Case
from recclaims._model.claim import JUDGED, Claim
from recclaims._model.verdict import Verdict
from recclaims.calibration import spread
from recclaims.calibration.advice import Settled, advised
from recclaims.calibration.bank import KEPT, Asked, Bank, fill
from recclaims.calibration.pools import Key, Pool, pool
from recclaims.calibration.rates import Rate
from recclaims.calibration.rules import RULES
from recclaims.calibration.spread import Spread
from recclaims.calibration.studies import Study, drawn_against_noise, drawn_against_twins, simulated
from recclaims.engine.pipeline import Pipeline
from recclaims.engine.run_cells import Progress
from recclaims.errors import RecclaimsError
from recclaims.judging.assignment import PROBE, TRAINED
from recclaims.planning.builtin import CONTENT, NOISE

#: After how many replicates a case is looked at: in profile quick, in paper, with a budget; of a probe in either.
LOOKS = ((4, 6), (4, 6, 10), (4, 6, 10, 16))
PROBE_LOOKS = ((10, 20, 50),)
#: Looked at once, as by --claims-seeds.
ONCE = (1, 2, 3, 4, 5, 6, 8, 10)
#: Relative effects that are to be found; the first is the margin, at which nothing may be called no difference.
EFFECTS = (0.02, 0.03, 0.05)
#: One study in so many is read in the ways that take longer.
SELDOM = 4
#: A replicate in ten collapses to half.
_COLLAPSING, _LEFT = 0.1, 0.5

Entry = str | Rate
#: Bank, random, count and replicates -> studies.
Draw = Callable[[Bank, np.random.Generator, int, int], Iterator[Study]]


BANK, SIMULATED = "bank", "simulation"
Pools = Mapping[tuple[str, str], Pool]
#: By what is done to the arms, the studies and how they were read.
Uneven = Mapping[str, tuple[Pool, Key]]
#: Replicates -> by what the values of each are multiplied.
Factors = Callable[[int], np.ndarray]


@dataclass(frozen=True)
class Table:
    """A table for people: of every row the labels, then figures."""

    title: str
    headers: Sequence[str]
    rows: Sequence[Sequence[Entry]]


@dataclass(frozen=True)
class Comparison:
    """One of the comparisons that decide a question.

    Attributes:
        name: its control.
        case: as the suite would judge it.
        draw: studies of a bank: count and replicates -> studies.
        most: how many replicates the bank has.
        spreads: by metric, to simulate with.
        luck: whether luck in the assignment counts.
        prior: see judging.assignment.
        looks: see LOOKS.
    """

    name: str
    case: Case
    draw: Callable[[int, int], Iterator[Study]]
    most: int
    spreads: Mapping[str, Spread]
    luck: bool
    prior: float
    looks: tuple[tuple[int, ...], ...]

    def simulate(self, random: np.random.Generator, count: int, replicates: int) -> Iterator[Study]:
        """Studies of the metric by which cases are judged, with the bank's variances."""
        return simulated({JUDGED: self.spreads[JUDGED]}, random, count, replicates, self.luck)

    def keys(self, most: int) -> list[Key]:
        """With what studies of that many replicates are read: the looks that they have enough of, every effect."""
        plans = [looks for looks in self.looks if looks[-1] <= most] or [(most,)]
        return [(looks, effect) for looks in plans for effect in (0.0, *EFFECTS, -EFFECTS[0])]


def comparisons(bank: Bank, training_free: bool, random: np.random.Generator) -> list[Comparison]:
    """What a bank can be drawn for: against noise, and against the twin where it has any."""
    asked = bank.asked
    real = Arm(asked.recommender, asked.features)
    prior, looks = (PROBE, PROBE_LOOKS) if training_free else (TRAINED, LOOKS)

    def of(claim: Claim, name: str, arm: Arm, draw: Draw, spreads: Mapping[str, Spread], luck: bool) -> Comparison:
        case = Case(claim, asked.data, asked.data, asked.recommender, asked.features, name, (real, arm))
        return Comparison(
            name, case, partial(draw, bank, random), asked.seeds, spreads, luck=luck, prior=prior, looks=looks
        )

    noise = replace(real, noise=CONFIRMATORY_NOISE)
    spreads = {metric: spread.against_noise(bank, metric) for metric in KEPT}
    found = [of(NOISE, CONFIRMATORY_NOISE, noise, drawn_against_noise, spreads, luck=True)]
    if bank.twins:
        twin = Arm(asked.recommender, twin=CONFIRMATORY_TWIN)
        spreads = {metric: spread.against_twin(bank, metric) for metric in KEPT}
        found.append(of(CONTENT, CONFIRMATORY_TWIN, twin, drawn_against_twins, spreads, luck=False))
    return found


def calibrate(
    asked: Asked, studies: int, pipeline: Pipeline, tell: Callable[[Progress], None] = lambda _: None
) -> list[Table]:
    """Fill a bank, draw and simulate studies, judge them, and count.

    Args:
        asked: see there.
        studies: of each kind and comparison.
        pipeline: what finds and trains cells.
        tell: told how far it is.

    Raises:
        RecclaimsError: see bank.fill; or too few studies.
    """
    if studies < 20:
        raise RecclaimsError(f"--studies {studies}: at least 20 are needed")
    bank = fill(asked, pipeline, tell)
    recommender = pipeline.registry.find("recommenders", asked.recommender)
    random = np.random.default_rng(1)
    found = comparisons(bank, recommender.training_free, random)
    kinds = 4  # of studies, by comparison
    tell(Progress("studies", kinds * len(found), advance=0))

    def pooled(one: Comparison, simulating: bool) -> Pool:
        most = max(looks[-1] for looks in one.looks) if simulating else one.most
        drawn = one.simulate(random, studies, most) if simulating else one.draw(studies, most)
        keys = one.keys(most)
        once: list[Key] = [((count,), 0.0) for count in ONCE if count <= most and ((count,), 0.0) not in keys]
        others = () if simulating else (0.0, *EFFECTS)
        result = pool(drawn, one.case, one.prior, keys, studies // SELDOM, once, others)
        tell(Progress("studies", kinds * len(found), f"{one.name}, {'simulated' if simulating else 'of the bank'}"))
        return result

    pools = {(one.name, source): pooled(one, source == SIMULATED) for one in found for source in (BANK, SIMULATED)}
    uneven, settled = {}, {}
    for one in found:
        uneven[one.name] = _uneven(one, random, studies // SELDOM)
        tell(Progress("studies", kinds * len(found), f"{one.name}, uneven arms"))
        settled[one.name] = advised(one.simulate, one.case, one.prior, one.looks[0], random, studies // SELDOM)
        tell(Progress("studies", kinds * len(found), f"{one.name}, advice"))
    return [
        _spreads(found),
        _nothing(pools),
        _something(pools),
        _beside(found, pools),
        _arms(uneven),
        _advice(settled),
    ]


def _uneven(one: Comparison, random: np.random.Generator, studies: int) -> Uneven:
    """Studies of the bank whose arms are made unlike."""
    looks = next((looks for looks in reversed(one.looks[:2]) if looks[-1] <= one.most), (one.most,))
    own = np.sqrt(one.spreads[JUDGED].replicates / 2)
    key: Key = (looks, 0.0)

    def louder(shape: int) -> np.ndarray:
        # Of four times the variance: what it has, and three times as much beside it.
        return np.exp(random.normal(0, np.sqrt(3) * own, shape))

    def collapsing(shape: int) -> np.ndarray:
        return np.where(random.random(shape) < _COLLAPSING, _LEFT, 1.0)

    def none(_: int) -> np.ndarray:
        return np.ones(1)

    def unlike(first: Factors, second: Factors, truth: float) -> Pool:
        drawn = one.draw(studies, looks[-1])
        made = (study.scaled((first(looks[-1]), second(looks[-1]))) for study in drawn)
        return pool(made, one.case, one.prior, [key], truth=truth)

    kinds: dict[str, tuple[Factors, Factors, float]] = {
        "the treatment's replicates differ twice as much": (louder, none, 0.0),
        "the control's replicates differ twice as much": (none, louder, 0.0),
        "one replicate in ten collapses to half, in either arm": (collapsing, collapsing, 0.0),
        "the same, in the treatment alone": (collapsing, none, _LEFT**_COLLAPSING - 1),
    }
    return {name: (unlike(*how), key) for name, how in kinds.items()}


def _spreads(found: Sequence[Comparison]) -> Table:
    rows: list[list[Entry]] = []
    for one in found:
        for metric, values in one.spreads.items():
            low, high = values.share_interval
            rows.append(
                [
                    one.name,
                    metric,
                    f"{values.mean:.3f}",
                    f"{100 * np.sqrt(values.replicates):.2f}",
                    f"{values.share:.2f} [{low:.2f}, {high:.2f}]" if one.luck else "",
                    f"{100 * np.sqrt(values.users / values.n_users):.2f}",
                    f"{values.n_users:,}",
                ]
            )
    headers = ["against", "metric", "mean", "replicate, %", "share of the assignment", "users, %", "users"]
    return Table("How far luck alone reaches", headers, rows)


def _written(looks: Sequence[int]) -> str:
    return ", ".join(map(str, looks))


def _nothing(pools: Pools) -> Table:
    rows: list[list[Entry]] = []
    for (name, source), one in pools.items():
        keys = [key for key in one.seen if key[1] == 0]
        rows += [[name, source, _written(key[0]), *_verdicts(one, key)] for key in keys]
    headers = ["against", "studies of the", "replicates", "gain, %", "loss, %", "no difference, %", "coverage, %"]
    return Table("Nothing to find", headers, rows)


def _verdicts(one: Pool, key: Key) -> list[Entry]:
    said = [one.said(key, word) for word in (Verdict.SUPPORTED, Verdict.CONTRADICTED, Verdict.NO_DIFFERENCE)]
    return [*said, one.rate(key, lambda seen: seen.covered)]


def _something(pools: Pools) -> Table:
    rows: list[list[Entry]] = []
    for (name, source), one in pools.items():
        for key in one.seen:
            if key[1] != 0:
                took = f"{one.replicates(key):.1f}"
                rows.append([name, source, _written(key[0]), f"{100 * key[1]:+g}", *_verdicts(one, key), took])
    headers = ["against", "studies of the", "replicates", "effect, %", "gain, %", "loss, %", "no difference, %"]
    return Table("Something to find", [*headers, "coverage, %", "replicates taken"], rows)


def _beside(found: Sequence[Comparison], pools: Pools) -> Table:
    rows: list[list[Entry]] = []
    for one in found:
        results = pools[one.name, BANK]
        for looks in dict.fromkeys(looks for looks, effect in results.seen if effect):
            took = f"{np.mean([results.replicates((looks, effect)) for effect in (0.0, *EFFECTS)]):.1f}"
            gains = [results.said((looks, effect), Verdict.SUPPORTED) for effect in (0.0, *EFFECTS)]
            loss = results.said((looks, 0.0), Verdict.CONTRADICTED)
            rows.append([one.name, f"the suite, {_written(looks)}", took, gains[0], loss, *gains[1:]])
        for rule in RULES:
            gains = [results.sided(rule.name, effect, 1) for effect in (0.0, *EFFECTS)]
            loss = results.sided(rule.name, 0.0, -1)
            rows.append([one.name, rule.name, f"{rule.replicates}.0", gains[0], loss, *gains[1:]])
    powers = [f"gain at {100 * effect:+g} %, %" for effect in EFFECTS]
    headers = ["against", "rule", "replicates", "gain at 0, %", "loss at 0, %", *powers]
    return Table("Other rules, on the same studies of the bank", headers, rows)


def _arms(uneven: Mapping[str, Uneven]) -> Table:
    rows: list[list[Entry]] = [
        [name, what, _written(key[0]), *_verdicts(results, key)]
        for name, kinds in uneven.items()
        for what, (results, key) in kinds.items()
    ]
    headers = ["against", "arms", "replicates", "gain, %", "loss, %", "no difference, %", "coverage, %"]
    return Table("Unlike arms, nothing to find", headers, rows)


def _advice(settled: Mapping[str, Sequence[Settled]]) -> Table:
    rows: list[list[Entry]] = [
        [
            name,
            f"{100 * one.effect:+g}",
            one.promise,
            f"{one.settled.total:,}",
            f"{100 * one.promised:.0f}",
            one.settled,
        ]
        for name, rest in settled.items()
        for one in rest
    ]
    headers = ["against", "effect, %", "chances in 10", "undecided studies", "promised, %", "settled, %"]
    return Table("Advice to undecided cases", headers, rows)
