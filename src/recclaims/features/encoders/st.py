"""Embeddings of images, of texts, or of both together, by whatever sentence-transformers loads natively."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from recclaims._model.reads import MODALITIES
from recclaims.data.reference import is_folder
from recclaims.errors import FeatureError, UnknownNameError
from recclaims.features.arguments import join_argument, number, split_argument
from recclaims.features.batches import chunk_of
from recclaims.features.encoded import Encoded, side_by_side
from recclaims.features.encoders.st_checkpoint import IMAGE, TEXT, TOGETHER, EmbeddingCheckpoint
from recclaims.features.encoders.st_rows import Asked, LoadedModel
from recclaims.features.spec import A_MODEL, EncoderSpec

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from recclaims.data.catalogue import Item
    from recclaims.features.protocol import Encoder

KEYS = ("modality", "prompt", "truncate_dim", "revision", "dtype", "device", "batch")
DTYPES = ("checkpoint", "bfloat16", "float16", "float32")
#: What a modality needs of a model, and what people call that.
_NEEDS = {"visual": {IMAGE}, "textual": {TEXT}, "multimodal": {IMAGE, TEXT}}
_WORDS = {frozenset({TEXT}): "text alone", frozenset({IMAGE}): "images alone"}


class MultimodalEmbeddings:
    """One vector of an item's image, of its title and description, or of both, as an embedding model makes it.

    A model that reads both together (Qwen3-VL-Embedding) gets both together. One that has a common space and no input
    of both (CLIP, SigLIP2) encodes each by itself; the two are then parts of a fusion: rows scaled to length 1, side
    by side, as in late_fusion. Items are documents: where a model has prompts for queries and documents, they get the
    latter.

    Args:
        argument: a model (`org/name` of the hub, or a folder) and settings behind a question mark, as in
            `st:google/siglip2-base-patch16-224?modality=visual`:

            modality: `visual`, `textual` or `multimodal`; default: the most that the model and the dataset have;
            prompt: the name of one of the model's prompts, or an instruction of several words; empty: none;
            truncate_dim: how many of a vector's numbers are kept, the first ones; revision: of the hub;
            dtype: `checkpoint` (default), bfloat16, float16 or float32;
            device: `auto` (default: the first GPU, or the CPU), cpu, cuda, cuda:n; batch: items at once (default 16).
    """

    name, modality = "st", "multimodal"
    #: Without an argument there is no case: no model is a default.
    spec = EncoderSpec(requires=frozenset({A_MODEL}), on_request=True)

    def __init__(self, argument: str = "") -> None:
        if not argument:
            return
        self.name = who = f"st:{argument}"
        model, self._settings = split_argument(argument, KEYS, "st")
        if not model:
            raise FeatureError(f"{who}: write the model before the question mark, st:org/name?modality=visual")
        self._model = model
        self.checkpoint = EmbeddingCheckpoint.of(model, self._settings.get("revision", ""), who)
        self._asked = self._settings.get("modality", "")
        if self._asked and self._asked not in MODALITIES:
            raise UnknownNameError.of("modality", self._asked, MODALITIES, who)
        reads = self.checkpoint.reads
        self.modality = self._asked or _most(reads)
        if reads is not None:
            _check(self.modality, reads, who)
        #: Whether each modality is encoded by itself, and the two are fused.
        self._apart = self.modality == "multimodal" and reads is not None and TOGETHER not in reads
        self._how = Asked(
            prompt=self._settings.get("prompt"),
            width=int(number(self._settings, "truncate_dim", 0, 1, 1_000_000, who)),
            dtype=_one_of("dtype", self._settings.get("dtype", DTYPES[0]), DTYPES, who),
            device=self._settings.get("device", "auto"),
            batch=int(number(self._settings, "batch", 16, 1, 100_000, who)),
        )
        chunk = 0 if self._apart else chunk_of(self.modality)
        place = model if is_folder(self.checkpoint.model) else ""
        self.spec = EncoderSpec(place=place, chunk=chunk, space=self._space(reads))

    def _space(self, reads: frozenset[str] | None) -> str:
        """What its images and texts share: the model, and how many of its numbers are kept."""
        if reads is None or not {TEXT, IMAGE} <= reads:
            return ""
        return f"st:{self.checkpoint.model}@{self.checkpoint.revision}/{self._how.width}"

    @cached_property
    def version(self) -> str:
        """The way of making rows, and the model with its revision on the hub or the content of its folder."""
        return "1" if self.name == "st" else f"1;{self.checkpoint.version}"

    def make_parts(self, make: Callable[[str], Encoder]) -> None:
        """Make the encoders of image and of text, where the model does not read both together."""
        if self.name != "st" and self._apart:
            parts = tuple(make(self._as(modality)) for modality in ("visual", "textual"))
            self.spec = replace(self.spec, parts=parts, side_by_side=True)

    def suited(self, modalities: Collection[str]) -> str:
        """The name of the same encoder for a dataset that has these modalities: of one alone, where it has one alone.

        What was asked for in so many words stays.
        """
        if self.name == "st" or self._asked or self.modality != "multimodal":
            return self.name
        found = [modality for modality in ("visual", "textual") if modality in modalities]
        return self._as(found[0]) if len(found) == 1 else self.name

    def _as(self, modality: str) -> str:
        return f"st:{join_argument(self._model, {**self._settings, 'modality': modality})}"

    def unavailable(self) -> str | None:
        """Say why the model cannot run here and how to mend that, without loading anything."""
        if self.name == "st":
            return "st needs a model: st:org/name, or st:FOLDER"
        reason = self.checkpoint.unavailable()
        if not reason and self.checkpoint.reads is None and self._asked not in ("visual", "textual"):
            reason = (
                f"{self.checkpoint.model} is not on this machine and cannot be asked what it reads: "
                "write ?modality=visual or ?modality=textual, or download it first with hf download"
            )
        return f"{self.name}: {reason}" if reason else None

    def fuse(self, matrices: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
        """Scale rows to length 1 and concatenate: float32 (n, d), (n, d) -> (n, 2 d)."""
        return side_by_side(matrices)

    def encode(self, items: Sequence[Item]) -> Encoded:
        """Return the vectors, float32 (n, d), with what computed each, whether its text was cut, or its error.

        A vector depends on its item alone, not on others in the batch, but for rounding: 1e-4 of the largest entry
        with weights in float32.
        """
        if self._apart:
            raise FeatureError(f"{self.name}: the model reads no image and text together; its parts are encoded apart")
        return self._loaded.encode(items, self.modality)

    @cached_property
    def _loaded(self) -> LoadedModel:
        return LoadedModel.of(self.checkpoint, self._how, self.modality, self.name)


def _most(reads: frozenset[str] | None) -> str:
    """The most that a model can do; of one that is not here it is not known, and all read texts."""
    if reads is None or IMAGE not in reads:
        return "textual"
    return "multimodal" if TEXT in reads else "visual"


def _check(modality: str, reads: frozenset[str], who: str) -> None:
    if not _NEEDS[modality] <= reads:
        said = _WORDS.get(reads & {IMAGE, TEXT}, "neither text nor images")
        raise FeatureError(f"{who}: the model reads {said}; write ?modality={_most(reads)}, or leave modality out")


def _one_of(key: str, value: str, known: Sequence[str], who: str) -> Any:
    if value not in known:
        raise UnknownNameError.of(key, value, known, who)
    return value
