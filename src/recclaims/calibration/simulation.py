"""A simulated study: the comparison that a case makes, on planted data of which the answer is known.

The machinery is that of a case: the dataset `emoji`, its encoder, splits, control, recommender and scoring. Only the
store is left out of it: a study is kept whole.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from recclaims.engine.cell import REPLICATES_PER_ASSIGNMENT
from recclaims.evaluation.metrics import PRIMARY, parse_metric

if TYPE_CHECKING:
    from recclaims.data.dataset import Dataset
    from recclaims.data.splits import Split
    from recclaims.features.encoded import Features
    from recclaims.plugin_manager import Registry
    from recclaims.recommenders._recbole.fit import Fitted
    from recclaims.recommenders.spec import Recommender
    from recclaims.store import Store

#: Raised when the same study would come out otherwise.
VERSION = 2
#: Sizes of the neighbourhood among which a study tunes.
GRID = (5, 10, 20, 40)
#: Ways in which a study can choose hyper-parameters.
FIXED, EACH, ONCE, TREATMENT = "fixed", "each replicate", "first replicate", "treatment only"

#: By way of choosing, the metric of each arm, user and replicate: float32 (2, n_users, n_replicates), NaN for users
#: without a relevant test item; treatment before control.
Tables = Mapping[str, NDArray[np.float32]]


@dataclass(frozen=True)
class Study:
    """What is simulated.

    Attributes:
        world: seed of the planted dataset: items, groups, popularity.
        crowd: which users of that world.
        dose, users: of the planted dataset; the channel is `both`.
        replicates: how many.
        first: seed of the first replicate; those of two studies must not overlap, since seeds decide the noise.
        tuned: whether the size of the neighbourhood is tuned as well, in each way there is.
        recommender, features, control: names: what is trained on what, and what it is compared with.
    """

    world: int = 0
    crowd: int = 0
    dose: float = 0.0
    users: int = 943
    replicates: int = 5
    first: int = 0
    tuned: bool = False
    recommender: str = "content-knn"
    features: str = "attributes"
    control: str = "permuted"

    @property
    def seeds(self) -> range:
        """Seeds of the replicates."""
        return range(self.first, self.first + self.replicates)

    @property
    def recipe(self) -> dict[str, Any]:
        """Everything the study depends on, with the releases of what computes it."""
        from recclaims.engine.data import ENCODING_LIBRARIES, PROTOCOL, versions
        from recclaims.engine.pipeline import TRAINING_LIBRARIES
        from recclaims.evaluation.ranking import VERSION as RANKING

        libraries = versions(tuple(dict.fromkeys((*ENCODING_LIBRARIES, *TRAINING_LIBRARIES))))
        return {
            **asdict(self),
            "grid": list(GRID),
            "version": VERSION,
            "protocol": PROTOCOL,
            "ranking": RANKING,
            "libraries": libraries,
        }


def conduct(study: Study, store: Store, registry: Registry) -> Tables:
    """Find a study's tables in the store, or conduct it and keep them.

    Raises:
        RecclaimsError: a name that is not installed, or a cell that failed.
    """
    found = store.find("studies", study.recipe)
    if found is None:
        tables = _Conductor(study, registry).tables()
        ways = dict(enumerate(tables))
        files: dict[str, Any] = {f"table{number}": tables[way] for number, way in ways.items()}
        found = store.save("studies", study.recipe, {**files, "ways": list(ways.values())})
    return {way: np.array(found.array(f"table{number}")) for number, way in enumerate(found.json("ways"))}


@dataclass(frozen=True)
class _Tried:
    """One replicate of one arm with one set of hyper-parameters."""

    valid_score: float
    per_user: NDArray[np.float32]


class _Conductor:
    def __init__(self, study: Study, registry: Registry) -> None:
        from recclaims.data.emoji import Emoji
        from recclaims.features.extraction import extract
        from recclaims.features.resolve import make_encoder

        self.study = study
        self.recommender: Recommender = registry.find("recommenders", study.recommender)
        self.splits: dict[int, Split] = {}
        self.tried: dict[tuple[int, int, int | None], _Tried] = {}
        self.dataset: Dataset = Emoji(users=study.users, dose=study.dose, seed=study.world, crowd=study.crowd).load()
        self.features: Features = extract(make_encoder(study.features, registry), self.dataset.items)

    def tables(self) -> Tables:
        """The study's tables, see Tables."""
        usual = self.recommender.parameters.get("k")
        tables = {FIXED: self._table([[self._try(arm, seed, usual) for seed in self.study.seeds] for arm in (0, 1)])}
        if not self.study.tuned:
            return tables
        tried = [
            [[self._try(arm, seed, k) for k in GRID] for seed in self.study.seeds] for arm in (0, 1)
        ]  # [arm][replicate][k]
        best = [[int(np.argmax([one.valid_score for one in ks])) for ks in arm] for arm in tried]
        tables[EACH] = self._table([[ks[b] for ks, b in zip(tried[a], best[a], strict=True)] for a in (0, 1)])
        tables[ONCE] = self._table([[ks[best[a][0]] for ks in tried[a]] for a in (0, 1)])
        tables[TREATMENT] = np.stack([tables[EACH][0], tables[FIXED][1]])
        return tables

    @staticmethod
    def _table(arms: list[list[_Tried]]) -> NDArray[np.float32]:
        return np.stack([np.stack([one.per_user for one in arm], axis=1) for arm in arms])

    def _try(self, arm: int, seed: int, k: int | None) -> _Tried:
        key = arm, seed, k
        if key not in self.tried:
            self.tried[key] = self._train(arm, seed, {} if k is None else {"k": k})
        return self.tried[key]

    def _train(self, arm: int, seed: int, parameters: Mapping[str, Any]) -> _Tried:
        from recclaims.data.categories import categories
        from recclaims.data.splits import make_split
        from recclaims.engine.held_out import HeldOut
        from recclaims.engine.training import ranked, training_data
        from recclaims.plugin_manager import registry
        from recclaims.recommenders._recbole.fit import fit

        matrix = np.array(self.features.matrix)
        if arm == 1:
            control = registry().find("controls", self.study.control)
            matrix = control.apply(
                matrix, seed // REPLICATES_PER_ASSIGNMENT, self.features.blocks, categories(self.dataset)
            )
        if seed not in self.splits:
            self.splits[seed] = make_split(self.dataset, seed)
        split = self.splits[seed]
        data = training_data(self.dataset, split, {self.features.modality: matrix})
        fitted: Fitted = fit(self.recommender, {**self.recommender.parameters, **parameters}, data, seed)
        held = HeldOut(self.dataset, split)
        ranks = held.ranks(ranked(fitted, held, seed).test_ranks(left_out=True))
        return _Tried(fitted.valid_score, parse_metric(PRIMARY).values(ranks).astype(np.float32))
