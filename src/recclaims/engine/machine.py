"""What a machine is, and what is installed on it: for reports, and for comparing it with another."""

from __future__ import annotations

import functools
import hashlib
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from recclaims.engine.data import ENCODING_LIBRARIES
from recclaims.engine.pipeline import TRAINING_LIBRARIES
from recclaims.plugin_manager import registry


def hardware(device: str) -> dict[str, str | None]:
    """Names of the processor and, where `device` is one, of the GPU."""
    return {"cpu": _cpu(), "gpu": _gpu(device)}


def _cpu() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass  # not Linux
    return platform.processor() or "unknown"


def _gpu(device: str) -> str | None:
    if device == "cpu":
        return None  # and torch is not imported to say so
    import torch

    return torch.cuda.get_device_name(device) if torch.cuda.is_available() else None


def installation() -> dict[str, str]:
    """By name, the version of all that can change a result: libraries, plugins, and this library's own code.

    Not the version of this library: two copies of the same code may carry another, as it comes from git.
    """
    libraries = sorted({"distributed", *ENCODING_LIBRARIES, *TRAINING_LIBRARIES})
    plugins = {
        f"plugin {p.name}": p.error or p.distribution for p in registry().plugins if p.distribution != "recclaims"
    }
    return {
        "python": platform.python_version(),
        **{name: installed_version(name) for name in libraries},
        "code of recclaims": _code(),
        **plugins,
    }


def installed_version(library: str) -> str:
    """The release of a library, or that there is none."""
    try:
        return version(library)
    except PackageNotFoundError:
        return "not installed"


@functools.cache
def _code() -> str:
    """A fingerprint of this library's modules: a clone is at the same version through many commits."""
    root = Path(__file__).parents[1]
    digest = hashlib.sha256()
    for path in sorted(root.rglob("*.py")):
        if not {"suite", "fixtures"} & set(path.relative_to(root).parts):  # what a wheel carries besides
            digest.update(f"{path.relative_to(root)}\0".encode() + path.read_bytes())
    return digest.hexdigest()[:12]
