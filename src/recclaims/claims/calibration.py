"""How often the suite is wrong where the answer is known: false positives, coverage, power.

Two kinds of simulated studies. In *many worlds* each has its own planted dataset of dose 0: whatever it calls an
effect is a false positive. In *one world* each has its own users, splits and noise, but the items are the same: the
mean over all of them is the effect in that world, which 95 % of their intervals should cover.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import scipy.stats

from recclaims.claims.rules import RULES, Floats, Reading, Rule
from recclaims.claims.study import FIXED, Study, Tables, conduct
from recclaims.encoders.noise import find_control
from recclaims.encoders.resolve import facts_of
from recclaims.errors import RecclaimsError
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
        if not recommender.content or recommender.reads not in ("any", facts.representation):
            raise RecclaimsError(f"--recommender {study.recommender} does not read {study.features}")
        reason = find_control(study.control).unfit(facts.blocks, has_categories=True, reads=recommender.reads)
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

    def everything(self) -> list[Study]:
        """All studies."""
        return [*self.many_worlds(), *(study for dose in (0.0, *self.doses) for study in self.one_world(dose))]

    def _first(self, number: int) -> int:
        return number * self.study.replicates  # no seed, so no noise, is drawn twice


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
        found: by rule, users and replicates, how often it was found.
    """

    dose: float
    effect: float
    found: dict[tuple[str, int, int], Rate]


def conduct_all(studies: Sequence[Study], store: Store, workers: int, tell: Callable[[], None]) -> None:
    """Bring every study into the store, over processes of one thread each.

    Raises:
        RecclaimsError: a study failed; those that are done are kept.
    """
    from joblib import Parallel, delayed, parallel_config

    missing = [study for study in studies if store.find("studies", study.recipe) is None]
    for _ in range(len(studies) - len(missing)):
        tell()
    with parallel_config("loky", n_jobs=workers, inner_max_num_threads=1):
        for _ in Parallel(return_as="generator_unordered")(delayed(_conduct)(study, store) for study in missing):
            tell()


def _conduct(study: Study, store: Store) -> None:
    conduct(study, store, registry())


def null_rows(plan: Plan, store: Store) -> list[NullRow]:
    """Read every study of dose 0 by every rule."""
    worlds = [conduct(study, store, registry()) for study in plan.many_worlds()]
    crowds = [conduct(study, store, registry())[FIXED] for study in plan.one_world()]
    control = float(np.mean([np.nanmean(arms[1]) for arms in crowds]))
    replicates = sorted({*plan.fewer[0], plan.study.replicates})
    return [
        _null_row(rule, count, worlds, [arms[0] - arms[1] for arms in crowds], control)
        for rule in RULES
        if rule.tuned in worlds[0]
        for count in replicates
    ]


def _null_row(
    rule: Rule, replicates: int, worlds: Sequence[Tables], crowds: Sequence[Floats], control: float
) -> NullRow:
    read = [_read(rule, tables[rule.tuned], replicates=replicates) for tables in worlds]
    covered, widths = Rate(0, 0), float("nan")
    if rule.tuned == FIXED:
        truth = float(np.mean([np.nanmean(differences, axis=0).mean() for differences in crowds]))
        intervals = [rule.read(differences[:, :replicates]) for differences in crowds]
        intervals = [one for one in intervals if not np.isnan(one.low)]
        covered = Rate.of(one.low <= truth <= one.high for one in intervals)
        if intervals:
            widths = float(np.median([one.high - one.low for one in intervals])) / 2 / control
    return NullRow(
        rule.name,
        replicates,
        Rate.of(one.gain for one in read),
        Rate.of(one.loss for one in read),
        covered,
        widths,
    )


def power_rows(plan: Plan, store: Store, rules: Sequence[Rule] = RULES[:1]) -> Iterator[PowerRow]:
    """Read the studies of every dose, of all sizes."""
    replicates, users = ([*few, most] for few, most in zip(plan.fewer, _most(plan), strict=True))
    for dose in (0.0, *plan.doses):
        studies = [conduct(study, store, registry())[FIXED] for study in plan.one_world(dose)]
        means = np.mean([[np.nanmean(arm) for arm in arms] for arms in studies], axis=0)
        found = {
            (rule.name, n_users, count): Rate.of(
                _read(rule, arms, replicates=count, users=n_users).gain for arms in studies
            )
            for rule in rules
            for n_users in users
            for count in replicates
        }
        yield PowerRow(dose, float(means[0] / means[1] - 1), found)


def _most(plan: Plan) -> tuple[int, int]:
    return plan.study.replicates, plan.study.users


def _read(rule: Rule, arms: Floats, replicates: int, users: int | None = None) -> Reading:
    return rule.read(arms[0, :users, :replicates] - arms[1, :users, :replicates])
