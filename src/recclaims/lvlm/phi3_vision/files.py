"""What a checkpoint of Phi-3-vision must hold, checked without loading anything."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

#: Beside config.json and the weights.
FILES = ("preprocessor_config.json", "tokenizer.json", "tokenizer_config.json")
#: The values of config.json that say how image and text come together, as both releases have them.
EMBEDDING = {
    "hd_transform_order": "sub_glb",
    "projection_cls": "mlp",
    "use_hd_transform": True,
    "with_learnable_separator": True,
}
CLIP = "openai/clip-vit-large-patch14-336"
_INDEX = "model.safetensors.index.json"


def problem(name: str, folder: Path, config: Mapping[str, Any]) -> str | None:
    """Say in one line what the checkpoint lacks, or why it is another model; None if it can be loaded.

    Args:
        name: what the checkpoint is called.
        folder: where its files are.
        config: its config.json.
    """
    return unlike(name, config) or _missing(name, folder)


def unlike(name: str, config: Mapping[str, Any]) -> str | None:
    """Say in one line why config.json does not describe a Phi-3-vision that is known here."""
    embedding, tower = config.get("embd_layer"), config.get("img_processor")
    if not isinstance(embedding, dict) or not isinstance(tower, dict):
        return f"{name}: config.json has no embd_layer and img_processor, so this Phi-3 sees no images"
    if tower.get("model_name") != CLIP:
        return f"{name}: img_processor in config.json is {tower.get('model_name')}, not {CLIP}"
    for key, value in EMBEDDING.items():
        if embedding.get(key) != value:
            return (
                f"{name}: embd_layer.{key} in config.json is {json.dumps(embedding.get(key))}, not {json.dumps(value)}"
            )
    return None


def _missing(name: str, folder: Path) -> str | None:
    lacking = [file for file in FILES if not (folder / file).is_file()] + _weights(folder)
    if not lacking:
        return None
    listed = ", ".join(lacking)
    return f"{name}: {listed} {'is' if len(lacking) == 1 else 'are'} missing; copy the whole checkpoint"


def _weights(folder: Path) -> list[str]:
    """Files of weights that are not there, as their index lists them."""
    index = folder / _INDEX
    if not index.is_file():
        return [] if any(folder.glob("*.safetensors")) else ["model.safetensors"]
    try:
        places = set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values())
    except (ValueError, KeyError, TypeError, AttributeError):
        return [f"a readable {_INDEX}"]
    return sorted(place for place in places if not (folder / str(place)).is_file())
