"""From a dataset's name to its splits and features; each computed once and stored.

Nothing heavy is imported until something must be computed: finding what is stored needs neither torch nor
RecBole.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from recclaims import trust
from recclaims.data.dataset import Dataset
from recclaims.data.reference import located, open_source
from recclaims.data.splits import TRAIN, Split, check_relevant, make_split
from recclaims.engine.memory import Memory, reset_peak
from recclaims.engine.settings import Reuse, Settings
from recclaims.errors import ChangedError, DatasetError, FeatureError, NotAvailableError, foreign
from recclaims.features.chunks import Chunks, Tell
from recclaims.features.digests import forget
from recclaims.features.encoded import Block, FeatureReport, Features, made_on
from recclaims.features.extraction import extract
from recclaims.features.leakage import VERSION as LEAKAGE
from recclaims.features.leakage import Leakage, check
from recclaims.features.modality_gap import VERSION as GAP
from recclaims.features.modality_gap import ModalityGap, modality_gap
from recclaims.features.resolve import bind, known_encoder, make_encoder, of_one_space, why_unavailable
from recclaims.features.spec import methods_of, spec_of

if TYPE_CHECKING:
    from recclaims.features.protocol import Encoder
    from recclaims.plugin_manager import Registry
    from recclaims.store import Artefact, Content, Store

#: Raised when what features or a cell compute changes, so that no old result is taken for a new one.
CACHE_VERSION = 2
#: Raised when the records of `diagnose` change.
DIAGNOSIS = 3
#: Libraries whose release can change an embedding.
ENCODING_LIBRARIES = ("numpy", "pillow", "torch", "transformers", "sentence-transformers")
#: Installed release of a library; finding it reads the disk, and every recipe asks.
library_version = cache(version)


def versions(libraries: tuple[str, ...]) -> dict[str, str]:
    """Installed release of each library, without importing it."""
    return {name: library_version(name) for name in libraries}


class DataPipeline:
    """Finds or computes what cells depend on; what was read once is kept for the session.

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
        self._leakage: dict[tuple[str, str], Leakage] = {}
        # Made and told their dataset once: asked for their version, which one of files takes from their content, and
        # whether they can run; then the same one encodes.
        self._encoders: dict[tuple[str, str], Encoder] = {}

    # Datasets and splits

    def dataset(self, reference: str) -> Dataset:
        """Read a dataset."""
        if reference not in self._datasets:
            place = located(reference, self.registry, self.folder) if self.folder else reference
            source = open_source(place, self.registry)
            with foreign(f"dataset '{reference}' cannot be read", DatasetError):
                dataset = source.load()
                if not isinstance(dataset, Dataset):
                    raise DatasetError(f"dataset '{reference}': load() returned {dataset!r}, not a recclaims.Dataset")
            self._datasets[reference] = dataset
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
        encoder = self._encoder(reference, encoder_name)
        return {
            "catalogue": self.dataset(reference).catalogue_fingerprint,
            "encoder": encoder.name,
            "version": encoder.version,
            "from": "; ".join([self._origin(encoder), *self._brought(encoder)]),
            "libraries": versions(ENCODING_LIBRARIES),
            "protocol": CACHE_VERSION,
        }

    def _origin(self, encoder: Encoder) -> str:
        return self.registry.origin["encoders", encoder.name.partition(":")[0]]

    def _brought(self, encoder: Encoder) -> list[str]:
        """Origins of a fusion's parts that the program brought: their code may change and their version not."""
        own = self.registry.own
        found = []
        for part in spec_of(encoder).parts:
            if own and ("encoders", part.name.partition(":")[0]) in own.origin:
                found.append(f"{part.name}: {self._origin(part)}")
            found += self._brought(part)
        return found

    def _trust(self) -> contextlib.AbstractContextManager[None]:
        """Whether an encoder may run code that comes with a checkpoint: as this run's settings say, and no other's."""
        return trust.given(self.settings.trust_remote_code)

    def _encoder(self, reference: str, encoder_name: str) -> Encoder:
        key = reference, encoder_name
        if key not in self._encoders:
            self._encoders[key] = self._new_encoder(reference, encoder_name)
        return self._encoders[key]

    def _new_encoder(self, reference: str, encoder_name: str) -> Encoder:
        return bind(make_encoder(encoder_name, self.registry), self.dataset(reference))

    def obstacle(self, reference: str, encoder_name: str) -> str | None:
        """Say why features cannot be had: they are not stored, and their encoder cannot run here."""
        if (reference, encoder_name) in self._features:
            return None
        with self._trust():
            unavailable = why_unavailable(self._encoder(reference, encoder_name))
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
                with self._trust():
                    artefact = self._encode(reference, encoder_name, recipe)
            self._features[key] = artefact
        return self._features[key]

    def is_fused(self, reference: str, encoder_name: str) -> bool:
        """Whether an encoder is made of others."""
        return bool(spec_of(self._encoder(reference, encoder_name)).parts)

    def examine(self, reference: str, encoder_name: str) -> None:
        """Encode, and find out what claims ask of features, while both are at hand; raises as `encode` does."""
        self.encode(reference, encoder_name)
        self.leakage(reference, encoder_name)

    def _encode(self, reference: str, encoder_name: str, recipe: Mapping[str, Any]) -> Artefact:
        encoder = self._encoder(reference, encoder_name)
        # What it loads goes with it, and what it has seen of the catalogue.
        del self._encoders[reference, encoder_name]
        unavailable = why_unavailable(encoder)
        if unavailable:
            raise NotAvailableError(unavailable)
        lock = self.store.lock("features", recipe)

        def same() -> None:
            # What was read is what the key says, even where a map was read until the copy was made.
            forget()
            again = self._new_encoder(reference, encoder_name)
            if again.version != recipe["version"]:
                raise ChangedError(f"{encoder_name}: its files changed while they were read; run it again")
            self._encoders[reference, encoder_name] = again  # to be asked from now on
            # An encoder may have opened images by itself.
            if self.dataset(reference).has_changed():
                raise ChangedError(f"{reference}: files of its items changed while they were read; run it again")

        if spec_of(encoder).chunk:
            # Not under the lock: processes share the work, chunk by chunk.
            made = self._extract(reference, encoder, recipe)
            with lock:
                return self.store.find("features", recipe) or self._keep(made, recipe, same)
        with lock:
            found = self.store.find("features", recipe)
            return found or self._keep(self._extract(reference, encoder, recipe), recipe, same)

    def partly_imputed(self, reference: str, encoder_name: str) -> int:
        """Items for which some part of a fusion was filled in, but not all: their row is half a content's.

        Raises:
            RecclaimsError: see encode.
        """
        parts = spec_of(self._encoder(reference, encoder_name)).parts
        if not parts:
            return 0
        filled = np.stack([np.asarray(self.encode(reference, part.name).array("filled")) for part in parts])
        return int((filled.any(axis=0) & ~filled.all(axis=0)).sum())

    def leakage(self, reference: str, encoder_name: str) -> Leakage:
        """Whether features know held-out interactions; raises as `encode` does."""
        key = reference, encoder_name
        if key not in self._leakage:
            dataset, features = self.dataset(reference), self.encode(reference, encoder_name)
            fixed = dataset.has_one_split
            # Of a split by time, no more than ties differ between replicates.
            split = self._split_recipe(dataset, 0) if fixed else {"data": dataset.fingerprint}
            recipe = {"features": self.features_recipe(reference, encoder_name), **split, "version": LEAKAGE}
            found = self.store.find("leakage", recipe)
            if found is None:
                made = check(
                    features.array("matrix"),
                    dataset.interactions.users,
                    dataset.interactions.items,
                    dataset.user_ids,
                    [item.item_id for item in dataset.items],
                    self.split(reference, 0).labels != TRAIN if fixed else None,
                )
                with self.store.lock("leakage", recipe):
                    found = self.store.find("leakage", recipe) or self.store.save(
                        "leakage", recipe, {"found": {"z": made.z}}
                    )
            self._leakage[key] = Leakage(found.json("found")["z"], fixed)
        return self._leakage[key]

    def modality_gap(self, reference: str, encoder_name: str) -> ModalityGap | None:
        """How images and texts lie to each other in what an encoder fuses, where both come from one space.

        None where it fuses nothing of the kind. Raises as `encode` does.
        """
        images, texts = of_one_space(self._encoder(reference, encoder_name))
        if not images or not texts:
            return None
        pair = {what: self.features_recipe(reference, name) for what, name in (("images", images), ("texts", texts))}
        recipe = {**pair, "version": GAP}
        found = self.store.find("gaps", recipe)
        if found is None:
            made = [self.features(reference, name) for name in (images, texts)]
            both = np.flatnonzero(~(made[0].filled | made[1].filled))
            ids = [self.dataset(reference).items[place].item_id for place in both.tolist()]
            gap = modality_gap(made[0].matrix[both], made[1].matrix[both], ids)
            with self.store.lock("gaps", recipe):
                found = self.store.find("gaps", recipe) or self.store.save(
                    "gaps", recipe, {"found": asdict(gap) if gap else {}}
                )
        stored = found.json("found")
        return ModalityGap(**stored) if stored else None

    def diagnosis(self, reference: str, encoder_name: str) -> list[dict[str, Any]]:
        """What an encoder says of the answers that it reads (`diagnose(items)`), flat records; none from most.

        Raises:
            RecclaimsError: the encoder cannot run here, or failed.
        """
        if methods_of(known_encoder(encoder_name, self.registry)).diagnose is None:
            return []
        recipe = {"features": self.features_recipe(reference, encoder_name), "version": DIAGNOSIS}
        found = self.store.find("diagnoses", recipe)
        if found is None:
            if self.settings.reuse is Reuse.ALWAYS or self.obstacle(reference, encoder_name):
                return []
            failed = foreign(f"encoder '{encoder_name}' failed to describe its answers", FeatureError)
            diagnose = methods_of(make_encoder(encoder_name, self.registry)).diagnose
            with deterministic(self.settings.device), self._trust(), failed:
                records = diagnose(self.dataset(reference).items) if diagnose else []
            found = self.store.save("diagnoses", recipe, {"records": records})
        stored: list[dict[str, Any]] = found.json("records")
        return stored

    def _extract(self, reference: str, encoder: Encoder, recipe: Mapping[str, Any]) -> tuple[Features, Memory]:
        items = self.dataset(reference).seen_items
        reset_peak()
        with deterministic(self.settings.device):
            features = extract(
                encoder,
                items,
                part=lambda part: self.features(reference, part.name),
                chunks=Chunks(self.store, recipe),
                tell=self.tell,
            )
        parts = [self.encode(reference, part.name).json("facts") for part in spec_of(encoder).parts]
        return features, Memory.now().most(parts)

    def _keep(self, made: tuple[Features, Memory], recipe: Mapping[str, Any], same: Callable[[], None]) -> Artefact:
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
            "made": made_on(features.records),
            **asdict(FeatureReport.of(features)),
        }
        files: dict[str, Content] = {"matrix": features.matrix, "filled": features.filled, "facts": document}
        if features.records:
            files["records"] = [dict(record) for record in features.records]
        return self.store.save("features", recipe, files, same)

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
            records=artefact.json("records") if artefact.has("records.json") else (),
        )


@contextlib.contextmanager
def deterministic(device: str) -> Iterator[None]:
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
