"""ResNet50 through torchvision: the visual half of the paper's late fusion."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from recclaims.features.images import encode_images
from recclaims.features.spec import EncoderSpec
from recclaims.features.weights import verified
from recclaims.paths import expanded

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray

    from recclaims.data.catalogue import Item
    from recclaims.features.encoded import Encoded

#: torchvision's file of the weights IMAGENET1K_V2.
CHECKPOINT = "resnet50-11ad3fa6.pth"
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class ResNet50:
    """2,048 features: the average-pooled last convolution, images z-scored as for ImageNet (as in Ducho).

    Args:
        weights: a state dict of torchvision's resnet50, `.pth` or `.safetensors`; empty: torchvision's
            ImageNet weights from its cache, downloaded only where RECCLAIMS_ALLOW_DOWNLOADS is set.
    """

    name, modality, version = "resnet50", "visual", "IMAGENET1K_V2;sha256-11ad3fa6"
    spec = EncoderSpec()

    def __init__(self, weights: str = "") -> None:
        self.path = Path(expanded(weights)) if weights else _cache() / CHECKPOINT
        self.spec = EncoderSpec(place=weights)
        if weights:
            import hashlib

            self.name = f"resnet50:{weights}"
            digest = "absent"
            if self.path.is_file():
                with self.path.open("rb") as file:
                    digest = hashlib.file_digest(file, "sha256").hexdigest()
            self.version = f"sha256-{digest[:16]}"

    def unavailable(self) -> str | None:
        """Say where the weights would have to be, without importing torch."""
        if self.path.is_file() or (self.name == "resnet50" and "RECCLAIMS_ALLOW_DOWNLOADS" in os.environ):
            return None
        if self.name != "resnet50":
            return f"{self.name}: the file does not exist"
        return (
            "resnet50 needs torchvision's ImageNet weights (IMAGENET1K_V2): set RECCLAIMS_ALLOW_DOWNLOADS=1 to "
            f"download them, put {CHECKPOINT} into the torch hub's checkpoints folder, or name a file, resnet50:PATH"
        )

    def encode(self, items: Sequence[Item]) -> NDArray[np.float32] | Encoded:
        """Return float32 (n, 2048), as encode_images does."""
        import torch

        model = self._load()
        mean = torch.tensor(MEAN).view(1, 3, 1, 1) * 255
        deviation = torch.tensor(DEVIATION).view(1, 3, 1, 1) * 255

        def embed(images: torch.Tensor) -> torch.Tensor:
            out: torch.Tensor = model((images - mean) / deviation)
            return out

        return encode_images(items, embed)

    def _load(self) -> torch.nn.Module:
        import torch
        from torchvision.models import ResNet50_Weights, resnet50

        if self.path.suffix == ".safetensors":
            from safetensors.torch import load_file

            state = load_file(self.path)
        elif self.name == "resnet50" and self.path.is_file():
            # torch.hub checks what it downloads, and takes whatever lies there by that name.
            state = torch.load(verified(self.path, self.name), map_location="cpu", weights_only=True)
        elif self.path.is_file():
            state = torch.load(self.path, map_location="cpu", weights_only=True)
        else:
            # torchvision itself would unpickle whatever the file holds.
            state = ResNet50_Weights.IMAGENET1K_V2.get_state_dict(progress=False, check_hash=True, weights_only=True)
        model: torch.nn.Module = resnet50()
        model.load_state_dict(state)
        model.fc = torch.nn.Identity()
        return model.eval()


def _cache() -> Path:
    """torch.hub's folder of checkpoints, found as torch finds it."""
    cache = Path(expanded(os.environ.get("XDG_CACHE_HOME", "~/.cache")))
    return Path(expanded(os.environ.get("TORCH_HOME", str(cache / "torch")))) / "hub" / "checkpoints"
