"""Where the files that ship with recclaims lie, in a clone and in a wheel alike."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def shipped(*parts: str) -> Path:
    """Return the path of a file or folder of `suite` or `fixtures`, as `shipped("suite", "hyperparameters.toml")`.

    The wheel carries both folders inside the package; in a clone they lie at its top.

    Raises:
        FileNotFoundError: the installation is incomplete.
    """
    for root in (_PACKAGE, _PACKAGE.parents[1]):
        path = root.joinpath(*parts)
        if path.exists():
            return path
    raise FileNotFoundError(f"{'/'.join(parts)} is not in this installation of recclaims: reinstall it")
