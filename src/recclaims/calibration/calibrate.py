"""How often the suite is wrong where the answer is known: false positives, coverage, power.

Two kinds of simulated studies. In *many worlds* each has its own planted dataset of dose 0: whatever it calls an
effect is a false positive. In *one world* each has its own users, splits and noise, but the items are the same: the
mean over all of them is the effect in that world, which 95 % of their intervals should cover.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import scipy.stats

from recclaims.calibration.rules import RULES, Floats, Reading, Rule
from recclaims.calibration.simulation import FIXED, Study, Tables, conduct
from recclaims.engine.cell import REPLICATES_PER_ASSIGNMENT
from recclaims.errors import RecclaimsError
from recclaims.features.resolve import facts_of
from recclaims.judging.assignment import PROBE, TRAINED
from recclaims.planning.arm import can_read
from recclaims.plugin_manager import registry

if TYPE_CHECKING:
    from recclaims.store import Store


@dataclass(frozen=True)
class Plan:
    """What is simulated.

    Attributes:
        study: what all studies have in common.
        studies: how many of dose 0, of either kind.
        powered: how many of each other dose.
        doses: the others.
        fewer: smaller numbers of replicates and of users at which the same studies are read as well.
    """

    study: Study
    studies: int = 400
    powered: int = 100
    doses: tuple[float, ...] = (0.02, 0.05, 0.1, 0.2)
    fewer: tuple[tuple[int, ...], tuple[int, ...]] = ((3,), (200,))

    @classmethod
    def of(cls, study: Study, studies: int, powered: int) -> Plan:
        """A plan that reads its studies at fewer replicates and users where they have more.

        Raises:
            RecclaimsError: a name is not installed, the recommender reads no such features, or a number is too small.
        """
        for what, count, least in (
            ("studies", studies, 2),
            ("powered", powered, 2),
            ("seeds", study.replicates, 2),
            ("users", study.users, 20),
        ):
            if count < least:
                raise RecclaimsError(f"--{what} {count}: at least {least} are needed")
        recommender = registry().find("recommenders", study.recommender, "--recommender")
        facts = facts_of(study.features, registry(), "--features")
        if not (recommender.content and can_read(recommender, facts)):
            raise RecclaimsError(f"--recommender {study.recommender} does not read {study.features}")
        control = registry().find("controls", study.control, "--control")
        reason = control.unfit(facts.blocks, has_categories=True, reads=recommender.reads)
        if reason:
            raise RecclaimsError(f"--control {study.control}: {reason}")
        fewer = tuple(
            tuple(count for count in counts if count < most)
            for counts, most in (((3,), study.replicates), ((200,), study.users))
        )
        return cls(study, studies, powered, fewer=(fewer[0], fewer[1]))

    def many_worlds(self) -> list[Study]:
        """Studies of dose 0, each of a dataset of its own."""
        tuned = "k" in registry().find("recommenders", self.study.recommender).parameters
        return [replace(self.study, world=n, first=self._first(n), tuned=tuned) for n in range(1, self.studies + 1)]

    def one_world(self, dose: float = 0.0) -> list[Study]:
        """Studies of one dataset, each with users of its own."""
        count = self.powered if dose else self.studies
        return [replace(self.study, dose=dose, crowd=n, first=self._first(n), tuned=False) for n in range(1, count + 1)]

    @property
    def replicate_counts(self) -> list[int]:
        """Numbers of replicates at which studies are read, rising."""
        return [*self.fewer[0], self.study.replicates]

    @property
    def user_counts(self) -> list[int]:
        """Numbers of users at which studies are read, rising."""
        return [*self.fewer[1], self.study.users]

    def everything(self) -> list[Study]:
        """All studies."""
        return [*self.many_worlds(), *(study for dose in (0.0, *self.doses) for study in self.one_world(dose))]

    def _first(self, number: int) -> int:
        # No seed, and no assignment of noise, which two in a row share, is drawn twice.
        return number * (self.study.replicates + self.study.replicates % REPLICATES_PER_ASSIGNMENT)


@dataclass(frozen=True)
class Rate:
    """How many of how many."""

    count: int
    total: int

    @property
    def share(self) -> float:
        """0 to 1; NaN of nothing."""
        return self.count / self.total if self.total else float("nan")

    @property
    def interval(self) -> tuple[float, float]:
        """Its 95 % interval after Clopper and Pearson (1934)."""
        if not self.total:
            return float("nan"), float("nan")
        found = scipy.stats.binomtest(self.count, self.total).proportion_ci()
        return float(found.low), float(found.high)

    @classmethod
    def of(cls, answers: Iterable[bool]) -> Rate:
        """Count the true ones."""
        counted = list(answers)
        return cls(sum(counted), len(counted))


@dataclass(frozen=True)
class NullRow:
    """A rule where there is nothing to find.

    Attributes:
        rule, replicates: which rule on how many replicates.
        gain, loss: how often an effect was called significant, by side, over many worlds.
        coverage: how often the interval held the effect of the one world; of nothing where the rule has no interval,
            or needs hyper-parameters tuned.
        width: median half-width of the interval in the one world, relative to the mean of the control; NaN likewise.
    """

    rule: str
    replicates: int
    gain: Rate
    loss: Rate
    coverage: Rate
    width: float


@dataclass(frozen=True)
class PowerRow:
    """How often an effect that is there was called significant.

    Attributes:
        dose: share of taste that content carries.
        effect: relative to the mean of the control, over all studies.
        found: by users and replicates, how often it was found.
    """

    dose: float
    effect: float
    found: dict[tuple[int, int], Rate]


@dataclass(frozen=True)
class Read:
    """A study, read by every rule.

    Attributes:
        readings: by rule, users and replicates.
        effect: mean over replicates of the mean over users of the difference; `control` is that of the control.
    """

    readings: dict[tuple[str, int, int], Reading]
    effect: float
    control: float


def conduct_all(plan: Plan, store: Store, workers: int, tell: Callable[[], None]) -> dict[Study, Read]:
    """Conduct every study, or find it in the store, and read it; over processes of one thread each.

    Raises:
        RecclaimsError: a study failed; those that are done are kept.
    """
    from joblib import Parallel, delayed, parallel_config

    found = {}
    with parallel_config("loky", n_jobs=workers, inner_max_num_threads=1):
        tasks = (delayed(_conduct)(study, plan, store) for study in plan.everything())
        for study, read in Parallel(return_as="generator_unordered")(tasks):
            found[study] = read
            tell()
    return found


def _conduct(study: Study, plan: Plan, store: Store) -> tuple[Study, Read]:
    return study, read_study(conduct(study, store, registry()), plan)


def read_study(tables: Tables, plan: Plan) -> Read:
    """Read one study by every rule at every number of replicates, and by the first rule with fewer users as well."""
    means = np.nanmean(tables[FIXED], axis=1).mean(axis=1)
    training_free = registry().recommenders[plan.study.recommender].training_free
    prior = PROBE if training_free else TRAINED
    readings = {
        (rule.name, users, count): rule.read(*_arms(tables[rule.tuned], users, count), prior)
        for rule in RULES
        if rule.tuned in tables
        for users in (plan.user_counts if rule is RULES[0] else plan.user_counts[-1:])
        for count in plan.replicate_counts
    }
    return Read(readings, float(means[0] - means[1]), float(means[1]))


def _arms(arms: Floats, users: int, replicates: int) -> tuple[Floats, Floats]:
    # In double precision: a sum of a thousand thirds is not a matter of single precision.
    treatment, control = arms[:, :users, :replicates].astype(np.float64)
    return treatment, control


def null_rows(plan: Plan, reads: Mapping[Study, Read]) -> list[NullRow]:
    """How each rule read the studies of dose 0."""
    worlds = [reads[study] for study in plan.many_worlds()]
    crowds = [reads[study] for study in plan.one_world()]
    return [
        _null_row(rule, (rule.name, plan.study.users, count), worlds, crowds)
        for rule in RULES
        for count in plan.replicate_counts
        if (rule.name, plan.study.users, count) in worlds[0].readings
    ]


def _null_row(rule: Rule, key: tuple[str, int, int], worlds: Sequence[Read], crowds: Sequence[Read]) -> NullRow:
    read = [one.readings[key] for one in worlds]
    truth, control = (float(np.mean([getattr(one, name) for one in crowds])) for name in ("effect", "control"))
    intervals = [one.readings[key] for one in crowds if key in one.readings and not np.isnan(one.readings[key].low)]
    width = float(np.median([one.high - one.low for one in intervals])) / 2 / control if intervals else float("nan")
    return NullRow(
        rule.name,
        key[2],
        Rate.of(one.gain for one in read),
        Rate.of(one.loss for one in read),
        Rate.of(one.low <= truth <= one.high for one in intervals),
        width,
    )


def power_rows(plan: Plan, reads: Mapping[Study, Read]) -> Iterator[PowerRow]:
    """How often the first rule found each dose, at every size."""
    for dose in (0.0, *plan.doses):
        found = [reads[study] for study in plan.one_world(dose)]
        effect, control = (float(np.mean([getattr(one, name) for one in found])) for name in ("effect", "control"))
        rates = {
            (users, count): Rate.of(one.readings[RULES[0].name, users, count].gain for one in found)
            for users in plan.user_counts
            for count in plan.replicate_counts
        }
        yield PowerRow(dose, effect / control, rates)
