"""Vision-language checkpoints: what they are called, where they are, and why one cannot be used here."""

from __future__ import annotations

import importlib.util
import json
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as library_version
from pathlib import Path
from typing import Any

from recclaims import UnknownNameError
from recclaims.data.reference import is_folder
from recclaims.features.hub import absent, downloads_allowed, known_as, snapshot
from recclaims.lvlm.phi3_vision import MODEL_TYPE
from recclaims.lvlm.phi3_vision.files import problem
from recclaims.paths import expanded

#: Short names; any other `org/name` of the hub, or a folder, can be given as well.
NAMES = {
    "qwen2-vl-2b": "Qwen/Qwen2-VL-2B-Instruct",
    "qwen2-vl-7b": "Qwen/Qwen2-VL-7B-Instruct",
    "qwen2.5-vl-3b": "Qwen/Qwen2.5-VL-3B-Instruct",
    "qwen2.5-vl-7b": "Qwen/Qwen2.5-VL-7B-Instruct",
    "qwen3-vl-2b": "Qwen/Qwen3-VL-2B-Instruct",
    "qwen3-vl-4b": "Qwen/Qwen3-VL-4B-Instruct",
    "qwen3-vl-8b": "Qwen/Qwen3-VL-8B-Instruct",
    "smolvlm-256m": "HuggingFaceTB/SmolVLM-256M-Instruct",
    "smolvlm-500m": "HuggingFaceTB/SmolVLM-500M-Instruct",
    "smolvlm": "HuggingFaceTB/SmolVLM-Instruct",
    "llava-1.5-7b": "llava-hf/llava-1.5-7b-hf",
    "phi-3.5-vision": "microsoft/Phi-3.5-vision-instruct",
    "phi-4-multimodal": "microsoft/Phi-4-multimodal-instruct",
}
#: The paper's first model.
DEFAULT = "qwen2-vl-7b"
#: The option of `recclaims encode` that lets it run.
TRUST = "--trust-remote-code"
#: Where the model type must be known before any file is here.
_TYPES = {"microsoft/Phi-3.5-vision-instruct": MODEL_TYPE, "microsoft/Phi-3-vision-128k-instruct": MODEL_TYPE}
#: Native model types that AutoModelForImageTextToText does not know.
CAUSAL = frozenset({"phi4_multimodal"})
#: Packages that a model type's processor imports.
_NEEDS = {"smolvlm": "num2words"}


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint by its name on the hub or its folder.

    Attributes:
        model: `org/name`, or the path of a folder.
    """

    model: str

    @classmethod
    def of(cls, name: str) -> Checkpoint:
        """Find what a short name, `org/name` or a path refers to.

        Raises:
            UnknownNameError: it is none of them; shows the nearest short name.
        """
        if name in NAMES:
            return cls(NAMES[name])
        name = expanded(name)
        if is_folder(name) or "/" in name:
            return cls(name)
        raise UnknownNameError.of("model", name, [*NAMES, "org/name", "a folder's path"], "lvlm")

    @property
    def folder(self) -> Path | None:
        """Where its files are, if they are here."""
        path = Path(self.model)
        return path if path.is_dir() else snapshot(self.model)

    @property
    def version(self) -> str:
        """The model with its revision on the hub, or with the content of its folder."""
        return known_as(self.model)

    @property
    def config(self) -> dict[str, Any]:
        """Its config.json; empty where that is not here or not JSON."""
        path = self.folder / "config.json" if self.folder else None
        try:
            document = json.loads(path.read_text(encoding="utf-8")) if path and path.is_file() else {}
        except ValueError:
            return {}
        return document if isinstance(document, dict) else {}

    @property
    def model_type(self) -> str:
        """What transformers calls the architecture, as far as it is known without loading."""
        return str(self.config.get("model_type") or _TYPES.get(self.model, ""))

    def unavailable(self, trusted: bool) -> str | None:
        """Say why it cannot be loaded here, in one line with how to mend that; imports and fetches nothing.

        Args:
            trusted: whether code from the checkpoint's own repository may run.
        """
        return self._text_only() or self._remote_code(trusted) or self._absent() or self._incomplete() or self._needs()

    def _text_only(self) -> str | None:
        if self.model_type != "phi3":
            return None
        return f"{self.model} is a Phi-3 for text alone; take one that sees images, such as phi-3.5-vision"

    def _remote_code(self, trusted: bool) -> str | None:
        """Say that only the checkpoint's own code knows its model type, where that may not run."""
        if (
            trusted
            or self.model_type == MODEL_TYPE
            or "auto_map" not in self.config
            or _in_transformers(self.model_type)
        ):
            return None
        return (
            f"{self.model} needs code of its repository (transformers has no {self.model_type or 'such model'}); "
            f"allow it with --claims-trust-remote-code (recclaims encode: {TRUST})"
        )

    def _absent(self) -> str | None:
        if is_folder(self.model):
            if not self.config:
                return f"{self.model}: the folder has no config.json of a model"
            held = self.folder and any(self.folder.glob("*.safetensors"))
            return None if held else f"{self.model}: the folder has no weights (*.safetensors)"
        if self.folder and self.config and any(self.folder.glob("*.safetensors")):
            return None
        if downloads_allowed():
            return None
        if self.model.startswith((".", "/")):
            return f"{self.model}: no such folder"
        return f"{absent(self.model)}, lvlm:PATH"

    def _incomplete(self) -> str | None:
        if self.model_type != MODEL_TYPE or not self.folder or not self.config:
            return None
        return problem(self.model, self.folder, self.config)

    def _needs(self) -> str | None:
        package = _NEEDS.get(self.model_type)
        if package and importlib.util.find_spec(package) is None:
            return f"{self.model} needs the package {package}: pip install {package}"
        return None


def _in_transformers(model_type: str) -> bool:
    """Whether transformers has a folder for it; nothing is imported."""
    found = importlib.util.find_spec("transformers")
    places = (found.submodule_search_locations if found else None) or []
    return bool(model_type) and any((Path(place) / "models" / model_type).is_dir() for place in places)


def missing_package(package: str, what: str) -> str | None:
    """Say that `what` needs a package that is not installed."""
    try:
        library_version(package)
    except PackageNotFoundError:
        return f"{what} needs the package {package}: pip install {package}"
    return None
