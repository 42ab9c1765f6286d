"""Embeddings by the models that mteb knows how to load, with the prompts and the pooling it gives each of them."""

from __future__ import annotations

import importlib.util
from collections.abc import Collection, Sequence
from functools import cached_property
from importlib.metadata import version as library_version
from typing import TYPE_CHECKING, Any

from recclaims import trust
from recclaims._model.reads import MODALITIES
from recclaims.data.reference import is_folder
from recclaims.errors import FeatureError, UnknownNameError
from recclaims.features.arguments import join_argument, number, split_argument
from recclaims.features.batches import chunk_of
from recclaims.features.encoders.mteb_rows import NEEDS_CODE, LoadedModel
from recclaims.features.hub import downloads_allowed, known_as, snapshot
from recclaims.features.spec import A_MODEL, EncoderSpec
from recclaims.paths import expanded

if TYPE_CHECKING:
    from recclaims.data.catalogue import Item
    from recclaims.features.encoded import Encoded

KEYS = ("modality", "folder", "device", "batch")
#: What mteb calls what each modality needs.
READS = {"visual": ("image",), "textual": ("text",), "multimodal": ("image", "text")}


class MtebModel:
    """One vector of an item's image, of its title and description, or of both, as mteb has a model make it.

    Items are documents of a retrieval task: they get the prompt that mteb gives the model for those. Its registry also
    says which revision of the weights is meant.

    Args:
        argument: a name in mteb's registry and settings behind a question mark, as in
            `mteb:intfloat/e5-base-v2` or `mteb:openai/clip-vit-base-patch32?modality=visual`:

            modality: `visual`, `textual` or `multimodal`; default: the most that the model and the dataset have;
            folder: a copy of the model's files, where they are not in the hub's cache;
            device: `auto` (default: the first GPU, or the CPU), cpu, cuda, cuda:n; batch: items at once (default 16).
    """

    name, modality = "mteb", "multimodal"
    #: Without an argument there is no case: no model is a default.
    spec = EncoderSpec(requires=frozenset({A_MODEL}), on_request=True)

    def __init__(self, argument: str = "") -> None:
        if argument:
            self._read(argument)

    def _read(self, argument: str) -> None:
        self.name = who = f"mteb:{argument}"
        self._model, self._settings = split_argument(argument, KEYS, "mteb")
        if not self._model:
            raise FeatureError(f"{who}: write the model before the question mark, mteb:org/name")
        place = self._settings.get("folder", "")
        self.folder = expanded(place)
        if place and not is_folder(self.folder):
            raise FeatureError(f"{who}: there is no folder {place}")
        self.device = self._settings.get("device", "auto")
        self.batch = int(number(self._settings, "batch", 16, 1, 100_000, who))
        self._asked = self._settings.get("modality", "")
        if self._asked and self._asked not in MODALITIES:
            raise UnknownNameError.of("modality", self._asked, MODALITIES, who)
        #: What mteb says of the model; None where mteb is not here.
        self.meta: Any = _registered(self._model, who) if _installed() else None
        able = [one for one, needed in READS.items() if self.meta and set(needed) <= set(self.meta.modalities)]
        if self.meta and not able:
            raise FeatureError(f"{who}: the model reads {' and '.join(self.meta.modalities)}, not images or texts")
        if self.meta and self._asked and self._asked not in able:
            said = " and ".join(sorted({"image", "text"} & set(self.meta.modalities)))
            raise FeatureError(
                f"{who}: the model reads {said} alone; write ?modality={able[-1]}, or leave modality out"
            )
        self.modality = self._asked or (able[-1] if able else "textual")
        shared = len(able) == len(READS)
        self.spec = EncoderSpec(
            place=place, chunk=chunk_of(self.modality), space=f"mteb:{self._model}@{self.folder}" if shared else ""
        )

    @cached_property
    def version(self) -> str:
        """The way of making rows, mteb's release, and the model's revision, or the content of the folder."""
        if self.name == "mteb":
            return "1"
        weights = f"{self._model};{known_as(self.folder)}" if self.folder else self._model
        if self.meta and not self.folder:
            weights = f"{self._model}@{self.meta.revision}"
        return f"1;mteb-{library_version('mteb') if _installed() else 'absent'};{weights}"

    def suited(self, modalities: Collection[str]) -> str:
        """The name of the same encoder for a dataset that has these modalities: of one alone, where it has one alone.

        What was asked for in so many words stays.
        """
        if self.name == "mteb" or self._asked or self.modality != "multimodal":
            return self.name
        found = [modality for modality in ("visual", "textual") if modality in modalities]
        if len(found) != 1:
            return self.name
        return f"mteb:{join_argument(self._model, {**self._settings, 'modality': found[0]})}"

    def unavailable(self) -> str | None:
        """Say why the model cannot run here and how to mend that, without loading anything."""
        if self.name == "mteb":
            return "mteb needs a model: mteb:org/name, a name in mteb's registry"
        if not _installed():
            return f"{self.name} needs the package mteb: pip install 'recclaims[mteb]'"
        reason = self._refused() or self._absent()
        return f"{self.name}: {reason}" if reason else None

    def _refused(self) -> str | None:
        meta = self.meta
        if meta.loader is None:
            return "mteb has results of this model but no way of loading it"
        if not meta.open_weights or "API" in meta.framework:
            return "the model is a service on the network: items would leave this machine, which recclaims never does"
        if "dense" not in meta.model_type:
            return f"the model is a {meta.model_type[0]}, which does not make one vector of an item"
        if meta.loader_kwargs.get("trust_remote_code") and not trust.is_given():
            return NEEDS_CODE
        return None

    def _absent(self) -> str | None:
        if self.folder or downloads_allowed() or snapshot(self._model, self.meta.revision):
            return None
        return (
            f"the model is not on this machine: hf download {self._model} --revision {self.meta.revision}, or set "
            "RECCLAIMS_ALLOW_DOWNLOADS=1 (and leave HF_HUB_OFFLINE unset), or name a copy with ?folder=PATH"
        )

    def encode(self, items: Sequence[Item]) -> Encoded:
        """Return the vectors, float32 (n, d), with what computed each, or its error."""
        return self._loaded.encode(items, READS[self.modality], self.batch)

    @cached_property
    def _loaded(self) -> LoadedModel:
        return LoadedModel.of(self.meta, self.folder, self.device, self.name)


def _installed() -> bool:
    return importlib.util.find_spec("mteb") is not None


def _registered(name: str, who: str) -> Any:
    """What mteb's registry has of a model; raises UnknownNameError with the nearest name it has."""
    import mteb
    from mteb.models.model_implementations import MODEL_REGISTRY

    try:
        return mteb.get_model_meta(name)
    except KeyError:
        raise UnknownNameError(f"{who}: mteb has no model '{name}'{_near(name, MODEL_REGISTRY)}") from None


def _near(name: str, known: Collection[str]) -> str:
    import difflib

    plain = {one.rpartition("/")[2].lower(): one for one in known}
    near = difflib.get_close_matches(name.rpartition("/")[2].lower(), plain, n=1, cutoff=0.5)
    return f"; did you mean '{plain[near[0]]}'?" if near else f"; it knows {len(known):,}"
