"""Where the files that ship with recclaims lie, in a clone and in a wheel alike."""

from __future__ import annotations

import importlib.util
import sys
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


def import_shipped(folder: str) -> None:
    """Let `recclaims.FOLDER` be imported, in a clone, too, where the folder lies outside the package.

    By that name alone: a package called `suite` or `fixtures` of somebody else's is never taken for it, nor hidden.

    Raises:
        FileNotFoundError: see shipped.
    """
    name, place = f"recclaims.{folder}", shipped(folder)
    if name in sys.modules:
        return
    spec = importlib.util.spec_from_file_location(name, place / "__init__.py", submodule_search_locations=[str(place)])
    assert spec is not None and spec.loader is not None  # noqa: S101, PT018 - there is one for every .py file
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    setattr(sys.modules["recclaims"], folder, module)
