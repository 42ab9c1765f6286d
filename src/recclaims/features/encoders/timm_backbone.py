"""Image backbones of timm: the pooled features before the classifier, by the checkpoint's own preprocessing."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from functools import cached_property
from importlib.metadata import version as library_version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from recclaims.data.reference import is_folder
from recclaims.errors import FeatureError
from recclaims.features.arguments import number, split_argument
from recclaims.features.digests import digest_of
from recclaims.features.hub import absent, downloads_allowed, known_as, snapshot
from recclaims.features.images import encode_images
from recclaims.features.spec import A_MODEL, EncoderSpec
from recclaims.paths import expanded

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray

    from recclaims.data.catalogue import Item
    from recclaims.features.encoded import Encoded

KEYS = ("checkpoint", "classes", "revision", "device", "batch")
#: Letters of timm's own words that are shown: they may list every weight of a model.
_SHOWN = 300


class TimmBackbone:
    """What any image model of timm sees, as one vector: its pooled features, without the classifier.

    Args:
        argument: a model and settings behind a question mark, as in `timm:vit_small_patch14_dinov2.lvd142m`. The model
            is one of timm's on the hub, with the tag that says which weights; another of the hub, `org/name`; a folder
            as timm saves one (config.json, model.safetensors); or an architecture, with `checkpoint` its weights.

            checkpoint: a file of weights for that architecture, .safetensors or .pth; classes: how many its classifier
            tells apart, if not as many as the architecture's own; revision: of the hub;
            device: cpu (default), cuda, cuda:n; batch: images at once (default 1).
    """

    name, modality = "timm", "visual"
    #: Without an argument there is no case: no model is a default.
    spec = EncoderSpec(requires=frozenset({A_MODEL}), on_request=True)

    def __init__(self, argument: str = "") -> None:
        if argument:
            self._read(argument)

    def _read(self, argument: str) -> None:
        self.name = who = f"timm:{argument}"
        model, settings = split_argument(argument, KEYS, "timm")
        place, self.file = model, settings.get("checkpoint", "")
        self.model, self.revision = expanded(model), settings.get("revision", "")
        self.classes = int(number(settings, "classes", 0, 1, 1_000_000, who))
        self.device = settings.get("device", "cpu")
        self.batch = int(number(settings, "batch", 1, 1, 100_000, who))
        if not model:
            raise FeatureError(f"{who}: write the model before the question mark, timm:NAME.TAG")
        local = is_folder(self.model) or bool(self.file)
        if local and self.revision:
            raise FeatureError(f"{who}: local weights have no revision; leave revision out")
        if self.classes and not self.file:
            raise FeatureError(f"{who}: classes goes with ?checkpoint=FILE alone")
        if self.file:
            place, self.file = self.file, expanded(self.file)
            self._check_file(place, who)
        else:
            self._check_model(model, who)
            if not local and "/" not in self.model:
                self.model = f"timm/{self.model}"
        self.spec = EncoderSpec(place=place if local else "")

    def _check_file(self, place: str, who: str) -> None:
        if is_folder(self.model) or "/" in self.model:
            raise FeatureError(f"{who}: before ?checkpoint= write timm's name of an architecture, timm:resnet50")
        if not Path(self.file).is_file():
            raise FeatureError(f"{who}: there is no file {place}")

    def _check_model(self, model: str, who: str) -> None:
        if is_folder(self.model):
            if not (Path(self.model) / "config.json").is_file():
                raise FeatureError(f"{who}: {model} is no model of timm's: it has no config.json")
        elif self.model.startswith((".", "/")):
            raise FeatureError(f"{who}: there is no folder {model}")
        elif "/" not in self.model and "." not in self.model:
            raise FeatureError(f"{who}: write the tag of the weights, too, as in timm:resnet50.a1_in1k")

    @cached_property
    def version(self) -> str:
        """Timm's release, and the weights: by their content, or their revision on the hub."""
        if self.name == "timm":
            return "1"
        weights = f"sha256-{digest_of(Path(self.file))}" if self.file else known_as(self.model, self.revision)
        return f"1;timm-{library_version('timm') if _installed() else 'absent'};{weights}"

    def unavailable(self) -> str | None:
        """Say what is missing and how to get it, without importing anything heavy."""
        if self.name == "timm":
            return "timm needs a model: timm:NAME.TAG, or timm:FOLDER"
        if not _installed():
            return f"{self.name} needs the package timm: pip install 'recclaims[timm]'"
        if self.file or self._folder or downloads_allowed():
            return None
        return f"{self.name} {absent(self.model)}"

    @cached_property
    def _folder(self) -> str | None:
        if self.file:
            return None
        found = Path(self.model) if is_folder(self.model) else snapshot(self.model, self.revision)
        return str(found) if found else None

    def encode(self, items: Sequence[Item]) -> NDArray[np.float32] | Encoded:
        """Return float32 (n, d), as encode_images does; every image is prepared as the checkpoint wants it."""
        from timm.data import create_transform, resolve_model_data_config

        model = self._load().to(self.device)
        prepare: Any = create_transform(**resolve_model_data_config(model), is_training=False)

        def read(item: Item) -> NDArray[np.float32]:
            picture = item.image()
            if picture is None:
                raise ValueError(f"item '{item.item_id}' has no image")
            ready: NDArray[np.float32] = prepare(picture).numpy()
            return ready

        def embed(images: torch.Tensor) -> torch.Tensor:
            pooled: torch.Tensor = model(images.to(self.device))
            return pooled

        return encode_images(items, embed, self.batch, read)

    def _load(self) -> Any:
        """The model without its classifier, in evaluation mode."""
        import timm

        # With its classifier at first: without one, timm leaves weights that it does not find at random.
        options: dict[str, Any] = {}
        model = f"hf-hub:{self.model}@{self.revision}" if self.revision else f"hf-hub:{self.model}"
        if self.file:
            model, options = self.model, {"pretrained_cfg_overlay": {"file": self.file}}
            if self.classes:
                options["pretrained_cfg_overlay"]["num_classes"] = options["num_classes"] = self.classes
        elif self._folder:
            model = f"local-dir:{self._folder}"
        try:
            made = timm.create_model(model, pretrained=True, **options)
        except (RuntimeError, ValueError) as error:  # an architecture that timm does not know, or others' weights
            raise FeatureError(f"{self.name}: timm cannot load it: {str(error)[:_SHOWN]}") from None
        made.reset_classifier(0)
        return made.eval()


def _installed() -> bool:
    return importlib.util.find_spec("timm") is not None
