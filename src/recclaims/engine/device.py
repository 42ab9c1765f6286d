"""Which device to compute on."""

from __future__ import annotations

import re

from recclaims.errors import RecclaimsError, UnknownNameError
from recclaims.features.devices import has_gpu

#: Processes that share a GPU: with more than one, what a processor does for one group is hidden behind another's steps.
PROCESSES_A_GPU = 1


def device_of(wanted: str, here: bool = True, option: str = "--claims-device") -> str:
    """Return "cpu", "cuda" or "cuda:n" for what `--claims-device` asks.

    Args:
        wanted: "auto" is a GPU where this machine has one that torch can use.
        here: whether this machine computes; a cluster's workers know their own GPUs, and "auto" is "cpu" there.
        option: what asked for it.

    Raises:
        RecclaimsError: this machine has no such device.
        UnknownNameError: there is no such device anywhere.
    """
    if wanted == "cpu" or (wanted == "auto" and not (here and has_gpu())):
        return "cpu"  # decided without torch, whose import takes seconds
    if wanted != "auto" and not re.fullmatch(r"cuda(:\d+)?", wanted):
        raise UnknownNameError.of("device", wanted, ["auto", "cpu", "cuda", "cuda:0"], option)
    if not here:
        return wanted
    import torch

    n_gpus = torch.cuda.device_count()
    if wanted == "auto":
        return "cuda" if n_gpus else "cpu"
    if int(wanted.partition(":")[2] or 0) >= n_gpus:
        raise RecclaimsError(f"{option} {wanted}: this machine has {n_gpus} GPUs that torch can use")
    return wanted


def devices_of(device: str) -> list[str]:
    """The devices that share the cells: all GPUs where none is named ("cuda"), else this one."""
    if device != "cuda":
        return [device]
    import torch

    return [f"cuda:{number}" for number in range(torch.cuda.device_count())] * PROCESSES_A_GPU or [device]
