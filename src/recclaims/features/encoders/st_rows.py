"""A loaded model of sentence-transformers, and how it makes the rows of items."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from recclaims import trust
from recclaims.errors import FeatureError, UnknownNameError
from recclaims.features.batches import Batches, the_image
from recclaims.features.devices import chosen_device, shown_device
from recclaims.features.encoded import Encoded
from recclaims.features.encoders.st_checkpoint import EmbeddingCheckpoint
from recclaims.features.hub import downloads_allowed, quiet
from recclaims.features.whole import Gaps, watched

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from sentence_transformers import SentenceTransformer

    from recclaims.data.catalogue import Item

#: What sentence-transformers calls what is read.
_READS: dict[str, Any] = {"visual": "image", "textual": "text", "multimodal": ("image", "text")}
#: Models that were trained on texts padded to their full length and have no mask: their vector is read at the last
#: place, which would be another one in every batch.
_FULL_LENGTH = ("siglip", "siglip2")


@dataclass(frozen=True)
class Asked:
    """How vectors are made.

    Attributes:
        prompt: the name of one of the model's prompts, or an instruction; None: the one for documents, if it has one.
        width: how many of a vector's numbers are kept; 0: all.
        dtype: of the weights; `checkpoint`: as they were saved.
        device: `auto`, or as torch calls it.
        batch: items at once.
    """

    prompt: str | None = None
    width: int = 0
    dtype: str = "checkpoint"
    device: str = "auto"
    batch: int = 16


@dataclass(frozen=True)
class LoadedModel:
    """A model in memory.

    Attributes:
        model: it.
        asked: how vectors are made.
        prompt: what stands before every input; None: nothing.
        options: further arguments of its `encode_document`.
        device: what computes.
        gaps: the tensors that its checkpoint lacks.
    """

    model: SentenceTransformer
    asked: Asked
    prompt: str | None
    options: Mapping[str, Any]
    device: str
    gaps: Gaps

    @classmethod
    def of(cls, checkpoint: EmbeddingCheckpoint, asked: Asked, modality: str, who: str) -> LoadedModel:
        """Load it, and ask it what it reads.

        Raises:
            FeatureError: it lacks the modality, has fewer numbers than are to be kept, or weights of other shapes.
            UnknownNameError: it has no prompt of that name.
        """
        import torch
        from sentence_transformers import SentenceTransformer

        quiet()
        device = chosen_device(asked.device)
        # safetensors alone: a checkpoint in pickles is a program.
        weights: dict[str, Any] = {"use_safetensors": True}
        if asked.dtype != "checkpoint":
            weights["dtype"] = getattr(torch, asked.dtype)
        with watched(who) as gaps:
            model = SentenceTransformer(
                checkpoint.model,
                device=device,
                revision=checkpoint.revision or None,
                local_files_only=checkpoint.folder is not None or not downloads_allowed(),
                trust_remote_code=trust.is_given(),
                model_kwargs=weights,
            )
        if not model.supports(_READS[modality]):
            read = " and ".join(part for part in ("text", "image") if model.supports(part))
            raise FeatureError(f"{who}: the model does not read what modality={modality} needs; it reads {read}")
        width = model.get_embedding_dimension()
        if width is not None and asked.width > width:
            raise FeatureError(
                f"{who}: truncate_dim is {asked.width:,}, but the model's vectors have {width:,} numbers"
            )
        return cls(model, asked, _prompt(model, asked.prompt, who), _options(model), shown_device(device), gaps)

    def encode(self, items: Sequence[Item], modality: str) -> Encoded:
        """Encode items: float32 (n, d), with a record of each.

        Raises:
            FeatureError: rows follow tensors that the checkpoint lacks.
        """
        batches = Batches(
            lambda item: self._input(item, modality), self._rows, self.asked.batch, self.device, self.gaps
        )
        made = batches.encode(items)
        cut = frozenset(self._cut(items) if modality != "visual" else ())
        told = [{**record, "cut": True} if place in cut else record for place, record in enumerate(made.records)]
        return Encoded(made.matrix, told)

    def _input(self, item: Item, modality: str) -> Any:
        if modality == "visual":
            return {"image": the_image(item)}
        if modality == "multimodal":
            return {"text": item.text, "image": the_image(item)}
        # Said to be a text, as a title may look like the address of an image; a model of texts alone reads it as it is.
        return {"text": item.text} if self.model.supports("image") else item.text

    def _rows(self, inputs: Sequence[Any]) -> NDArray[np.float32]:
        found = self.model.encode_document(
            list(inputs),
            prompt=self.prompt,
            batch_size=len(inputs),
            show_progress_bar=False,
            truncate_dim=self.asked.width or None,
            **self.options,
        )
        return np.asarray(found, dtype=np.float32)

    def _cut(self, items: Sequence[Item]) -> list[int]:
        """Places of the items whose text is longer than the model reads."""
        limit, tokenizer = _limit(self.model), getattr(self.model, "tokenizer", None)
        if limit is None or not callable(tokenizer):
            return []
        prompt = self.prompt if self.prompt is not None else _document_prompt(self.model)
        whole = {"text": {"truncation": False, "padding": True}}
        found = []
        for start in range(0, len(items), self.asked.batch):
            texts = [item.text for item in items[start : start + self.asked.batch]]
            if self.model.supports("message"):
                # With what its template puts around the text; an image's own tokens come on top.
                ids = self.model.preprocess([{"text": text} for text in texts], prompt=prompt, processing_kwargs=whole)
                lengths = [int(row.sum()) for row in ids["attention_mask"]]
            else:
                told = tokenizer([(prompt or "") + text for text in texts], truncation=False, verbose=False)
                lengths = [len(row) for row in told["input_ids"]]
            found += [start + place for place, length in enumerate(lengths) if length > limit]
        return found


def _prompt(model: SentenceTransformer, prompt: str | None, who: str) -> str | None:
    """What is put before every input: one of the model's own prompts by its name, or words of the user's."""
    if prompt is None or prompt == "":
        return prompt
    if prompt in model.prompts:
        return model.prompts[prompt]
    if " " not in prompt.strip() and ":" not in prompt:
        raise UnknownNameError.of("prompt", prompt, [name for name, text in model.prompts.items() if text], who)
    return prompt


def _document_prompt(model: SentenceTransformer) -> str | None:
    """What `encode_document` puts before a text unless told otherwise."""
    named = next((name for name in ("document", "passage", "corpus") if name in model.prompts), None)
    return model.prompts.get(named or model.default_prompt_name or "")


def _limit(model: SentenceTransformer) -> int | None:
    """How many tokens it reads; None where it does not say, which tokenizers write as 1e30."""
    limit = model.max_seq_length
    told = _full_length(model)
    known = [one for one in (limit, told) if one is not None and one < 1 << 31]
    return min(known) if known else None


def _full_length(model: SentenceTransformer) -> int | None:
    """The length to which all texts are padded, for a model that was trained so."""
    config = model.config
    if config is None or config.model_type not in _FULL_LENGTH:
        return None
    return int(config.get_text_config().max_position_embeddings)


def _options(model: SentenceTransformer) -> dict[str, Any]:
    length = _full_length(model)
    if length is None:
        return {}
    return {"processing_kwargs": {"text": {"padding": "max_length", "max_length": length, "truncation": True}}}
