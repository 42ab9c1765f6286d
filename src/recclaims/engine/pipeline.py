"""From a cell's coordinates to its result: training and scoring, each result stored once.

Nothing heavy is imported until something must be computed: finding what is stored needs neither torch nor
RecBole.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from filelock import Timeout

from recclaims._model.cell import Cell
from recclaims._model.reads import DROPPED
from recclaims.data.categories import categories, category_slot
from recclaims.engine.cell import CellResult
from recclaims.engine.data import CACHE_VERSION, DataPipeline, deterministic, versions
from recclaims.engine.held_out import FixedValues, HeldOut
from recclaims.engine.memory import peak_mb, reset_peak
from recclaims.engine.missing import filled_in, lacking, shown_to_nobody, without
from recclaims.engine.settings import Reuse
from recclaims.engine.stored_cell import FACTS as FACTS_FILE
from recclaims.engine.stored_cell import RANKINGS, Remembered, read_cell
from recclaims.engine.training import content_digest, ranked, scores_digest, training_data
from recclaims.engine.tuning import Tuned, tune
from recclaims.errors import CellError, NotAvailableError
from recclaims.evaluation.ranking import VERSION as RANKING
from recclaims.features.imputation import VERSION as IMPUTATION
from recclaims.packed import Packed
from recclaims.plugin_manager import BUILTIN
from recclaims.recommenders.batched.families import VERSION as TOGETHER
from recclaims.recommenders.batched.families import has_batched_form
from recclaims.recommenders.spec import TRAINING

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from recclaims.data.dataset import Dataset
    from recclaims.data.splits import Split
    from recclaims.features.controls.noise import NoiseControl
    from recclaims.features.encoded import Features
    from recclaims.features.protocol import Encoder
    from recclaims.recommenders._recbole.fit import Fitted, Prepared, TrainingData
    from recclaims.recommenders.spec import Recommender
    from recclaims.store import Artefact

#: Raised when a cell keeps other facts beside its ranks.
FACTS = 1
#: Libraries whose release can change a trained weight.
TRAINING_LIBRARIES = ("numpy", "scipy", "torch", "recbole")


@dataclass(frozen=True)
class Given:
    """What a cell is given.

    Attributes:
        dataset, split: where its interactions come from.
        data: what it is trained on.
        content: SHA-256 of its features, after any control; None: none.
        dropped: bool (n_items,), items that it is trained without and that nobody is shown; None: there are none.
    """

    dataset: Dataset
    split: Split
    data: TrainingData
    content: str | None
    dropped: NDArray[np.bool_] | None = None


class Pipeline(DataPipeline):
    """Finds or computes cells."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._held: dict[tuple[str, int], HeldOut] = {}
        self._remembered = Remembered()

    def held_out(self, reference: str, seed: int) -> HeldOut:
        """The part of replicate `seed` that cells are scored on."""
        if (reference, seed) not in self._held:
            self._held[reference, seed] = HeldOut(self.dataset(reference), self.split(reference, seed))
        return self._held[reference, seed]

    def fixed(self, reference: str, seed: int) -> FixedValues:
        """By metric, whose value in replicate `seed` no recommender could change: bool (n_users,)."""
        return self.held_out(reference, seed).fixed(self.settings.mask)

    def recommender(self, cell: Cell) -> Recommender:
        """The recommender of a cell."""
        recommender: Recommender = self.registry.find("recommenders", cell.recommender)
        return recommender

    def parameters(self, cell: Cell) -> dict[str, Any]:
        """A cell's hyper-parameters: the recommender's, the profile's, and what its twin changes."""
        recommender = self.recommender(cell)
        twin = recommender.twins[cell.twin] if cell.twin else {}
        profile = self.settings.profile.of(recommender, self.dataset(cell.dataset).name)
        return {**recommender.parameters, **profile, **twin}

    def ended_improving(self, result: CellResult) -> bool:
        """Whether a trained cell was best when it was last looked at: more training might have made another of it."""
        if self.recommender(result.cell).trains_itself:
            return False
        step = int({**TRAINING, **self.parameters(result.cell), **result.tuned}["eval_step"])
        return result.epochs > 0 and result.best_epoch > result.epochs - (result.epochs % step or step)

    def trains_together(self, cell: Cell) -> bool:
        """Whether a cell is trained as one model with others: where that is asked for and its recommender can be."""
        if not self.settings.trains_together or self.settings.profile.search(cell.recommender):
            return False  # a search decides each trial by those before it
        if cell.imputation == DROPPED:
            return False  # it has fewer items than the cells that it would be trained with
        return has_batched_form(self.recommender(cell).model_path, self.parameters(cell))

    def device(self, cell: Cell) -> str:
        """Where a cell is trained: what cannot be trained together takes as long on a GPU, and is left to the CPU."""
        return self.settings.device if self.trains_together(cell) else "cpu"

    def cell_recipe(self, cell: Cell) -> dict[str, Any]:
        """Everything a cell's ranks depend on; the mask is none of it, as they are kept under either."""
        dataset, recommender = self.dataset(cell.dataset), self.recommender(cell)
        search = self.settings.profile.search(recommender.name)
        origin = self.registry.origin["recommenders", recommender.name]
        # Of a built-in, its version says what is computed, wherever the class lies.
        path = [] if origin == BUILTIN else [recommender.model_path]
        return {
            "split": self._split_recipe(dataset, cell.seed),
            "relevance": dataset.relevance,
            "features": self.features_recipe(cell.dataset, cell.features) if cell.features else None,
            "control": self._control_recipe(cell),
            "recommender": [recommender.name, recommender.version, recommender.flavour, *path],
            "from": origin,
            "parameters": self.parameters(cell),
            "search": search.recipe() if search else None,
            "sampler": recommender.sampler,
            "twin": cell.twin,
            "seed": cell.seed,
            # A cell of a case has the key that it had before there was anything else.
            **({} if cell.stream == cell.seed else {"start": cell.stream}),
            **({"imputation": [cell.imputation, IMPUTATION]} if cell.imputation else {}),
            "device": self.device(cell).partition(":")[0],
            **({"together": TOGETHER} if self.trains_together(cell) else {}),
            **({"last_epoch": "validated"} if self._ends_between_validations(cell) else {}),
            "libraries": versions(TRAINING_LIBRARIES),
            "ranking": RANKING,
            "facts": FACTS,
            "protocol": CACHE_VERSION,
        }

    def _ends_between_validations(self, cell: Cell) -> bool:
        """Whether its last epoch is not one that is validated anyway: earlier releases trained on to it for nothing."""
        settings = {**TRAINING, **self.parameters(cell)}
        epochs, step = int(settings["epochs"]), int(settings["eval_step"])
        return epochs > step and epochs % step > 0

    def _control_recipe(self, cell: Cell) -> list[str | int | None] | None:
        if cell.control is None:
            return None
        control = self._control(cell.control)
        slot = [category_slot(self.dataset(cell.dataset))] if control.needs == "categories" else []
        origin = self.registry.origin["controls", control.name]
        return [control.name, control.version, cell.assignment, *slot, *([] if origin == BUILTIN else [origin])]

    def _control(self, name: str) -> NoiseControl:
        control: NoiseControl = self.registry.find("controls", name)
        return control

    def find(self, cell: Cell) -> CellResult | None:
        """The stored result of a cell, or None."""
        artefact = self.store.find("cells", self.cell_recipe(cell))
        return self.result(cell, artefact) if artefact else None

    def train(self, cell: Cell) -> CellResult:
        """Compute a cell and store it; where another process is at it, wait for that one's result.

        Raises:
            CellError, FeatureError, NotAvailableError: the cell has no result; the message says why.
        """
        recipe = self.cell_recipe(cell)
        with self.store.lock("cells", recipe):
            return self._found_or_trained(cell, recipe)

    def try_train(self, cell: Cell) -> CellResult | None:
        """Like `train`, but None at once where another process is at the cell."""
        recipe = self.cell_recipe(cell)
        try:
            with self.store.lock("cells", recipe).acquire(timeout=0):
                return self._found_or_trained(cell, recipe)
        except Timeout:
            return None

    def _found_or_trained(self, cell: Cell, recipe: Mapping[str, Any]) -> CellResult:
        if self.settings.reuse is not Reuse.NEVER:
            found = self.store.find("cells", recipe)
            if found:
                return self.result(cell, found)
        return self.result(cell, self._train(cell, recipe), fresh=True)

    def given(self, cell: Cell) -> Given:
        """What a cell is trained and scored on."""
        dataset, split = self.dataset(cell.dataset), self.split(cell.dataset, cell.seed)
        content, dropped = {}, None
        if cell.features:
            features = self.features(cell.dataset, cell.features)
            # Mapped from the store: what trains makes the one copy that it needs, with a row for padding.
            matrix = np.asarray(features.matrix)
            if cell.imputation:
                lacks = self._lacking(cell)
                if cell.imputation == DROPPED:
                    dropped = lacks
                else:
                    encoder, of = self._encoder(cell.dataset, cell.features), self._features_of(cell.dataset)
                    matrix = filled_in(cell.imputation, encoder, of, dataset, split, cell.seed)
            if self.recommender(cell).reads == "sets":
                matrix = matrix.copy()
                matrix[features.filled] = 0  # no attributes, where others are given an average item's
            if cell.control:
                control = self._control(cell.control)
                matrix = control.apply(matrix, cell.assignment, features.blocks, categories(dataset))
            content = features.content(matrix, self.recommender(cell).apart)
        data = training_data(dataset, split, content)
        if dropped is not None:
            data = without(data, dropped)
        return Given(dataset, split, data, content_digest(data.content), dropped)

    def _lacking(self, cell: Cell) -> NDArray[np.bool_]:
        """Which items lack what a cell's encoder reads; where none does, there is nothing to fill in.

        Raises:
            NotAvailableError: none does.
        """
        assert cell.features  # noqa: S101 - of a cell that fills them in
        lacks = lacking(self._encoder(cell.dataset, cell.features), self._features_of(cell.dataset))
        if not lacks.any():
            raise NotAvailableError(f"no item of {cell.dataset} lacks what {cell.features} reads: nothing to fill in")
        return lacks

    def _features_of(self, reference: str) -> Callable[[Encoder], Features]:
        return lambda encoder: self.features(reference, encoder.name)

    def prepared(self, cell: Cell, given: Given) -> Prepared:
        """A cell that is ready to be trained together with others; raises CellError."""
        from recclaims.recommenders._recbole.fit import prepare

        return prepare(self.recommender(cell), self.parameters(cell), given.data, cell.stream, self.device(cell))

    def _train(self, cell: Cell, recipe: Mapping[str, Any]) -> Artefact:
        from recclaims.recommenders._recbole.fit import fit

        reset_peak()
        given, recommender = self.given(cell), self.recommender(cell)

        def train(parameters: Mapping[str, Any]) -> Fitted:
            fitted = fit(recommender, parameters, given.data, cell.stream, self.device(cell))
            return fitted if given.dropped is None else shown_to_nobody(fitted, given.dropped)

        with deterministic(self.device(cell)):
            if self.trains_together(cell):
                from recclaims.recommenders.batched.trainer import train_together

                (fitted,) = train_together([self.prepared(cell, given)])
                if isinstance(fitted, CellError):
                    raise CellError(f"{cell.recommender}: {fitted}")
                return self.keep(cell, recipe, given, fitted)
            parameters, tuned = self.parameters(cell), self._tuned(cell, recipe, train)
            if tuned:
                parameters |= tuned.parameters
            return self.keep(cell, recipe, given, train(parameters), tuned)

    def keep(
        self, cell: Cell, recipe: Mapping[str, Any], given: Given, fitted: Fitted, tuned: Tuned | None = None
    ) -> Artefact:
        """Rank with a trained cell and store what came of it; raises CellError."""
        try:
            kept = ranked(fitted, self.held_out(cell.dataset, cell.seed), cell.seed)
            scores = scores_digest(fitted, given.dataset, given.split)
        except CellError as error:
            raise CellError(f"{cell.recommender}: {error}") from error
        facts = {
            "cell": str(cell),
            "epochs": fitted.epochs,
            "best_epoch": fitted.best_epoch,
            "seconds": fitted.seconds,
            "peak_mb": peak_mb(),
            "valid_score": None if np.isnan(fitted.valid_score) else fitted.valid_score,
            "trials": tuned.trials if tuned else 0,
            "failed_trials": tuned.failed if tuned else 0,
            "tuned": tuned.parameters if tuned else {},
            "content": given.content,
            "derived": fitted.derived,
            "scores": scores,
        }
        return self.store.save("cells", recipe, {RANKINGS: Packed(kept.arrays()), FACTS_FILE: facts})

    def _tuned(
        self, cell: Cell, recipe: Mapping[str, Any], train: Callable[[Mapping[str, Any]], Fitted]
    ) -> Tuned | None:
        """Search the cell's hyper-parameters as the profile says; every trial is stored, so that none is repeated."""
        search = self.settings.profile.search(cell.recommender)
        if search is None:
            return None
        common = {name: value for name, value in recipe.items() if name != "search"}

        def objective(parameters: Mapping[str, Any]) -> float:
            trial = {**common, "parameters": {**self.parameters(cell), **parameters}}
            artefact = self.store.find("trials", trial)
            if artefact is None:
                outcome: dict[str, float | str | None]
                try:
                    outcome = {"score": train(trial["parameters"]).valid_score, "error": None}
                except CellError as error:
                    outcome = {"score": None, "error": str(error)}
                artefact = self.store.save("trials", trial, {"outcome": outcome})
            stored = artefact.json("outcome")
            if stored["score"] is None:
                raise CellError(stored["error"])
            return float(stored["score"])

        return tune(search, objective, cell.stream)

    def result(self, cell: Cell, artefact: Artefact, fresh: bool = False) -> CellResult:
        """What an artefact holds, without the values that say nothing of the recommender.

        The store keeps those ranks, too: they are what the metric is, and the same as in other libraries.
        """
        held = self.held_out(cell.dataset, cell.seed)
        return read_cell(cell, artefact, held, self.settings.mask, fresh, self._remembered)
