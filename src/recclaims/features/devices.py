"""What an encoder computes on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


def has_gpu() -> bool:
    """Whether this machine seems to have a GPU, decided without torch."""
    return Path("/dev/nvidia0").exists()


def chosen_device(asked: str) -> str:
    """The device that `auto` means here, or the one that was asked for."""
    import torch

    return asked if asked != "auto" else "cuda" if torch.cuda.is_available() else "cpu"


def shown_device(device: str | torch.device) -> str:
    """A device by its kind and model, as records have it: two kinds of GPU round differently, two of a kind do not."""
    import torch

    where = torch.device(device)
    return f"cuda ({torch.cuda.get_device_name(where)})" if where.type == "cuda" else where.type
