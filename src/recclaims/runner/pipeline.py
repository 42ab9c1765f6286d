"""From a cell's coordinates to its result: dataset, split, features, training, scoring; each step stored once.

Nothing heavy is imported until something must be computed: finding what is stored needs neither torch nor
RecBole.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from importlib.metadata import version as library_version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from filelock import Timeout

from recclaims.datasets.categories import categories, category_slot
from recclaims.datasets.reference import located, open_source
from recclaims.datasets.splits import Split, check_relevant, make_split
from recclaims.encoders.chunks import Chunks, Tell
from recclaims.encoders.extraction import extract
from recclaims.encoders.features import Block, FeatureReport, Features
from recclaims.encoders.noise import CONTROLS
from recclaims.encoders.resolve import bind, make_encoder
from recclaims.errors import CellError, NotAvailableError, StoreError, one_line
from recclaims.evaluation.ranking import METRICS
from recclaims.evaluation.ranking import VERSION as RANKING
from recclaims.runner.cell import Cell, CellResult
from recclaims.runner.memory import Memory, peak_mb, reset_peak
from recclaims.runner.settings import Reuse, Settings
from recclaims.runner.tuning import Tuned, tune

if TYPE_CHECKING:
    from recclaims.datasets.catalogue import Item
    from recclaims.datasets.dataset import Dataset
    from recclaims.encoders.protocol import Encoder
    from recclaims.plugin_manager import Registry
    from recclaims.recommenders.fit import Fitted
    from recclaims.recommenders.spec import Recommender
    from recclaims.store import Artefact, Content, Store

#: Raised when what a cell computes changes, so that no old result is taken for a new one.
PROTOCOL = 2
#: Raised when the records of `diagnose` change.
DIAGNOSIS = 1
#: Libraries whose release can change an embedding, or a trained weight.
ENCODING_LIBRARIES = ("numpy", "pillow", "torch", "transformers", "sentence-transformers")
TRAINING_LIBRARIES = ("numpy", "scipy", "torch", "recbole")


def versions(libraries: tuple[str, ...]) -> dict[str, str]:
    """Installed release of each library, without importing it."""
    return {name: library_version(name) for name in libraries}


class Pipeline:
    """Computes and finds cells and what they depend on; what was read once is kept for the session.

    Args:
        settings, registry, store: what to compute, with what, and where it lies.
        tell: told how far an encoding in chunks is.
        folder: where references to folders start from; None: the working directory.
    """

    def __init__(
        self,
        settings: Settings,
        registry: Registry,
        store: Store,
        tell: Tell = lambda _: None,
        folder: Path | None = None,
    ) -> None:
        self.settings, self.registry, self.store, self.tell, self.folder = settings, registry, store, tell, folder
        self._datasets: dict[str, Dataset] = {}
        self._splits: dict[tuple[str, int], Split] = {}
        self._features: dict[tuple[str, str], Artefact] = {}
        # Asked for their version alone, which one of files takes from their content; none of them loads anything.
        self._encoders: dict[tuple[str, str], Encoder] = {}

    # Datasets and splits

    def dataset(self, reference: str) -> Dataset:
        """Read a dataset."""
        if reference not in self._datasets:
            place = located(reference, self.registry, self.folder) if self.folder else reference
            self._datasets[reference] = open_source(place, self.registry).load()
        return self._datasets[reference]

    def split(self, reference: str, seed: int) -> Split:
        """Draw replicate `seed`'s split, or find the one that was drawn."""
        if (reference, seed) not in self._splits:
            dataset = self.dataset(reference)
            recipe = self._split_recipe(dataset, seed)
            found = self.store.find("splits", recipe)
            if found is None:
                with self.store.lock("splits", recipe):
                    found = self.store.find("splits", recipe) or self.store.save(
                        "splits", recipe, {"labels": make_split(dataset, seed).labels}
                    )
            split = Split(np.array(found.array("labels")))
            check_relevant(dataset, split)
            self._splits[reference, seed] = split
        return self._splits[reference, seed]

    def _split_recipe(self, dataset: Dataset, seed: int) -> dict[str, Any]:
        return {"data": dataset.fingerprint, **Split.recipe(dataset, seed)}

    # Features

    def features_recipe(self, reference: str, encoder_name: str) -> dict[str, Any]:
        """Everything features depend on."""
        key = reference, encoder_name
        if key not in self._encoders:
            self._encoders[key] = self._encoder(reference, encoder_name)
        encoder = self._encoders[key]
        origin = self.registry.origin["encoders", encoder_name.partition(":")[0]]
        return {
            "catalogue": self.dataset(reference).catalogue_fingerprint,
            "encoder": encoder.name,
            "version": encoder.version,
            "from": origin,
            "libraries": versions(ENCODING_LIBRARIES),
            "protocol": PROTOCOL,
        }

    def _encoder(self, reference: str, encoder_name: str) -> Encoder:
        return bind(make_encoder(encoder_name, self.registry), self.dataset(reference))

    def obstacle(self, reference: str, encoder_name: str) -> str | None:
        """Say why features cannot be had: they are not stored, and their encoder cannot run here."""
        if (reference, encoder_name) in self._features:
            return None
        encoder = self._encoder(reference, encoder_name)
        unavailable: str | None = getattr(encoder, "unavailable", lambda: None)()
        found = unavailable and self.store.find("features", self.features_recipe(reference, encoder_name))
        return None if found else unavailable

    def encode(self, reference: str, encoder_name: str) -> Artefact:
        """Find or compute the features of a dataset.

        Raises:
            NotAvailableError: the encoder's weights or packages are not on this machine.
            FeatureError: the encoder failed or returned what no recommender should read.
        """
        key = reference, encoder_name
        if key not in self._features:
            recipe = self.features_recipe(reference, encoder_name)
            artefact = self.store.find("features", recipe)
            if artefact is None:
                if self.settings.reuse is Reuse.ALWAYS:
                    raise NotAvailableError(f"features {encoder_name} are not in the store (--claims-reuse always)")
                artefact = self._encode(reference, encoder_name, recipe)
            self._features[key] = artefact
        return self._features[key]

    def _encode(self, reference: str, encoder_name: str, recipe: Mapping[str, Any]) -> Artefact:
        encoder = self._encoder(reference, encoder_name)
        unavailable = getattr(encoder, "unavailable", lambda: None)()
        if unavailable:
            raise NotAvailableError(unavailable)
        lock = self.store.lock("features", recipe)
        if getattr(encoder, "chunk", 0):
            # Not under the lock: processes share the work, chunk by chunk.
            made = self._extract(reference, encoder, recipe)
            with lock:
                return self.store.find("features", recipe) or self._keep(made, recipe)
        with lock:
            found = self.store.find("features", recipe)
            return found or self._keep(self._extract(reference, encoder, recipe), recipe)

    def diagnosis(self, reference: str, encoder_name: str) -> list[dict[str, Any]]:
        """What an encoder says of the answers that it reads (`diagnose(items)`), flat records; none from most.

        Raises:
            RecclaimsError: the encoder cannot run here, or failed.
        """
        encoder = make_encoder(encoder_name, self.registry)
        diagnose: Callable[[Sequence[Item]], list[dict[str, Any]]] | None = getattr(encoder, "diagnose", None)
        if diagnose is None:
            return []
        recipe = {"features": self.features_recipe(reference, encoder_name), "version": DIAGNOSIS}
        found = self.store.find("diagnoses", recipe)
        if found is None:
            if self.settings.reuse is Reuse.ALWAYS or self.obstacle(reference, encoder_name):
                return []
            with _deterministic(self.settings.device):
                records = diagnose(self.dataset(reference).items)
            found = self.store.save("diagnoses", recipe, {"records": records})
        stored: list[dict[str, Any]] = found.json("records")
        return stored

    def _extract(self, reference: str, encoder: Encoder, recipe: Mapping[str, Any]) -> tuple[Features, Memory]:
        items = self.dataset(reference).items
        reset_peak()
        with _deterministic(self.settings.device):
            features = extract(
                encoder,
                items,
                part=lambda part: self.features(reference, part.name),
                chunks=Chunks(self.store, recipe),
                tell=self.tell,
            )
        parts = [self.encode(reference, part.name).json("facts") for part in getattr(encoder, "parts", ())]
        return features, Memory.now().most(parts)

    def _keep(self, made: tuple[Features, Memory], recipe: Mapping[str, Any]) -> Artefact:
        features, memory = made
        tokens = [record["tokens"] for record in features.records if "tokens" in record]
        document = {
            "encoder": features.encoder,
            "modality": features.modality,
            "imputation": features.imputation,
            "seconds": features.seconds,
            **asdict(memory),
            "generated_tokens": sum(tokens) if tokens else None,
            "blocks": [asdict(block) for block in features.blocks],
            "separate": features.separate,
            **asdict(FeatureReport.of(features)),
        }
        files: dict[str, Content] = {"matrix": features.matrix, "filled": features.filled, "facts": document}
        if features.records:
            files["records"] = [dict(record) for record in features.records]
        return self.store.save("features", recipe, files)

    def features(self, reference: str, encoder_name: str) -> Features:
        """The features of a dataset, their matrix mapped from disk."""
        artefact = self.encode(reference, encoder_name)
        facts = artefact.json("facts")
        return Features(
            encoder=facts["encoder"],
            modality=facts["modality"],
            matrix=artefact.array("matrix"),
            filled=artefact.array("filled"),
            imputation=facts["imputation"],
            seconds=facts["seconds"],
            blocks=tuple(Block(**block) for block in facts.get("blocks", ())),
            separate=facts.get("separate", False),
        )

    # Cells

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

    def cell_recipe(self, cell: Cell) -> dict[str, Any]:
        """Everything a cell's result depends on."""
        dataset, recommender = self.dataset(cell.dataset), self.recommender(cell)
        search = self.settings.profile.search(recommender.name)
        return {
            "split": self._split_recipe(dataset, cell.seed),
            "relevance": dataset.relevance,
            "mask": str(self.settings.mask),
            "features": self.features_recipe(cell.dataset, cell.features) if cell.features else None,
            "control": self._control_recipe(cell),
            "recommender": [recommender.name, recommender.version, recommender.flavour, recommender.model],
            "from": self.registry.origin["recommenders", recommender.name],
            "parameters": self.parameters(cell),
            "search": search.recipe() if search else None,
            "sampler": recommender.sampler,
            "twin": cell.twin,
            "seed": cell.seed,
            "device": self.settings.device.partition(":")[0],
            "libraries": versions(TRAINING_LIBRARIES),
            "ranking": RANKING,
            "protocol": PROTOCOL,
        }

    def _control_recipe(self, cell: Cell) -> list[str | None] | None:
        if cell.control is None:
            return None
        control = CONTROLS[cell.control]
        slot = [category_slot(self.dataset(cell.dataset))] if control.needs == "categories" else []
        return [control.name, control.version, *slot]

    def find(self, cell: Cell) -> CellResult | None:
        """The stored result of a cell, or None."""
        artefact = self.store.find("cells", self.cell_recipe(cell))
        return _result(cell, artefact) if artefact else None

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
                return _result(cell, found)
        return _result(cell, self._train(cell, recipe), fresh=True)

    def _train(self, cell: Cell, recipe: Mapping[str, Any]) -> Artefact:
        from recclaims.recommenders.fit import fit
        from recclaims.runner.training import score, training_data

        reset_peak()
        dataset, split = self.dataset(cell.dataset), self.split(cell.dataset, cell.seed)
        content = {}
        if cell.features:
            features = self.features(cell.dataset, cell.features)
            # Mapped from the store: what trains makes the one copy that it needs, with a row for padding.
            matrix = np.asarray(features.matrix)
            if self.recommender(cell).reads == "sets":
                matrix = matrix.copy()
                matrix[features.filled] = 0  # no attributes, where others are given an average item's
            if cell.control:
                matrix = CONTROLS[cell.control].apply(matrix, cell.seed, features.blocks, categories(dataset))
            content = features.content(matrix)
        data = training_data(dataset, split, content)
        recommender = self.recommender(cell)

        def train(parameters: Mapping[str, Any]) -> Fitted:
            return fit(recommender, parameters, data, cell.seed, self.settings.device)

        with _deterministic(self.settings.device):
            parameters, tuned = self.parameters(cell), self._tuned(cell, recipe, train)
            if tuned:
                parameters |= tuned.parameters
            fitted = train(parameters)
            try:
                per_user = score(fitted, dataset, split, self.settings.mask, cell.seed)
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
        }
        table = np.stack([per_user[metric] for metric in METRICS])
        return self.store.save("cells", recipe, {"per_user": table, "facts": facts})

    def _tuned(
        self, cell: Cell, recipe: Mapping[str, Any], train: Callable[[Mapping[str, Any]], Fitted]
    ) -> Tuned | None:
        """Search the cell's hyper-parameters as the profile says; every trial is stored, so that none is repeated."""
        search = self.settings.profile.search(cell.recommender)
        if search is None:
            return None
        # A trial sees no test part, so that it is the same whichever items are masked there.
        common = {name: value for name, value in recipe.items() if name not in ("mask", "search")}

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

        return tune(search, objective, cell.seed)


def _result(cell: Cell, artefact: Artefact, fresh: bool = False) -> CellResult:
    facts = artefact.json("facts")
    table = np.array(artefact.array("per_user"))
    try:
        return CellResult(
            cell=cell,
            key=artefact.key,
            per_user=dict(zip(METRICS, table, strict=True)),
            epochs=facts["epochs"],
            best_epoch=facts["best_epoch"],
            seconds=facts["seconds"],
            peak_mb=facts["peak_mb"],
            valid_score=facts["valid_score"],
            trials=facts["trials"],
            tuned=facts["tuned"],
            fresh=fresh,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise StoreError(f"{artefact.path}: does not hold what a cell's result holds: {one_line(error)}") from error


@contextlib.contextmanager
def _deterministic(device: str) -> Iterator[None]:
    """Compute on one thread (CPU), so that the same seed gives the same bits in every process."""
    import torch

    threads = torch.get_num_threads()
    if device == "cpu":
        torch.set_num_threads(1)
        # Weights that decay towards zero become denormal numbers, which cost many times more per operation.
        torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
        torch.set_flush_denormal(False)
