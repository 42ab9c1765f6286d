"""RecBole, which trains every recommender, and which pip installs by itself on Python 3.11 alone.

Its metadata asks for a release of ray that has no wheels for later Pythons. Its models never import ray.
"""

from __future__ import annotations

import importlib.util
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from recclaims.errors import NotAvailableError

#: The release whose files are read and mended here, see recommenders._recbole.bridge.
RECBOLE = "1.2.1"
#: What installs it on every Python.
COMMAND = f"python -m pip install --no-deps recbole=={RECBOLE}"
_HOW = f"install it with: {COMMAND}"


def check_recbole() -> str:
    """The installed release of RecBole, without importing it.

    Raises:
        NotAvailableError: there is none, or another than is needed; says the command that installs it.
    """
    try:
        found = version("recbole")
    except PackageNotFoundError as error:
        raise NotAvailableError(f"RecBole is not installed; {_HOW}") from error
    if found != RECBOLE:
        raise NotAvailableError(f"RecBole {found} is installed, but recclaims needs {RECBOLE}; {_HOW}")
    return found


def recbole_folder() -> Path:
    """Where the files of RecBole lie, without importing it, which takes seconds.

    Raises:
        NotAvailableError: it is not installed.
    """
    spec = importlib.util.find_spec("recbole")
    if spec is None or not spec.submodule_search_locations:
        raise NotAvailableError(f"ml-100k is read from the RecBole package, which is not installed; {_HOW}")
    return Path(spec.submodule_search_locations[0])
