"""Load Phi-3-vision from its files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from recclaims import FeatureError
from recclaims.lvlm.phi3_vision.files import unlike
from recclaims.lvlm.phi3_vision.images import SINGLE
from recclaims.lvlm.phi3_vision.processor import Phi3VisionProcessor

#: Ends the model's turn in its chat template; not every release lists it with the stop tokens.
_END = "<|end|>"


def load(path: str, local: bool, placement: dict[str, Any]) -> tuple[Any, Phi3VisionProcessor]:
    """Load model and processor; no code comes with them.

    Args:
        path: a folder, or `org/name` of the hub.
        local: whether only what is on this machine may be used.
        placement: how and where weights are loaded, for `from_pretrained`.

    Raises:
        FeatureError: the files do not hold such a model.
    """
    from recclaims.lvlm.phi3_vision.model import Phi3Vision, Phi3VisionConfig

    document = _read(path, "config.json", local)
    reason = unlike(path, document)
    if reason:
        raise FeatureError(reason)
    loader: Any = Phi3Vision
    # safetensors alone: a checkpoint in pickles is a program.
    model = loader.from_pretrained(
        path, config=Phi3VisionConfig.of(document), use_safetensors=True, local_files_only=local, **placement
    )
    tokenizer = _tokenizer(path, local)
    own = model.generation_config
    listed = own.eos_token_id if isinstance(own.eos_token_id, list) else [own.eos_token_id]
    end = tokenizer.get_vocab().get(_END)
    own.eos_token_id = sorted({i for i in (*listed, tokenizer.eos_token_id, end) if i is not None})
    settings = _read(path, "preprocessor_config.json", local)
    crops, mean, std = settings.get("num_crops", SINGLE), settings["image_mean"], settings["image_std"]
    return model, Phi3VisionProcessor(tokenizer, crops, mean, std)


def _tokenizer(path: str, local: bool) -> Any:
    """The tokenizer as tokenizer.json has it.

    Under the class that its configuration names, Llama's, transformers 5 builds one that puts no space before text
    behind a special token, where transformers 4 did and the model was trained so.
    """
    from tokenizers.processors import TemplateProcessing
    from transformers import PreTrainedTokenizerFast

    loader: Any = PreTrainedTokenizerFast
    tokenizer = loader.from_pretrained(path, local_files_only=local)
    settings = _read(path, "tokenizer_config.json", local)
    if str(settings.get("tokenizer_class", "")).startswith("LlamaTokenizer"):
        start = tokenizer.bos_token if settings.get("add_bos_token", True) else None
        tokenizer.backend_tokenizer.post_processor = TemplateProcessing(
            single=f"{start}:0 $A:0" if start else "$A:0",
            pair=f"{start}:0 $A:0 {start}:1 $B:1" if start else "$A:0 $B:1",
            special_tokens=[(start, tokenizer.bos_token_id)] if start else [],
        )
    return tokenizer


def _read(path: str, file: str, local: bool) -> dict[str, Any]:
    """One of the checkpoint's JSON files."""
    from transformers.utils.hub import cached_file

    place: Any = cached_file(path, file, local_files_only=local)
    try:
        document = json.loads(Path(place).read_text(encoding="utf-8"))
    except ValueError as error:
        raise FeatureError(f"{path}: {file} is no JSON: {error}") from None
    if not isinstance(document, dict):
        raise FeatureError(f"{path}: {file} is no JSON object")
    return document
