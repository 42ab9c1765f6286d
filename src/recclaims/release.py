"""Which release of recclaims this is: for people and servers alone, as no key in the store contains it."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

#: What a folder of sources has that is on the path and was never installed.
UNKNOWN = "0+unknown"


def release() -> str:
    """The version of the installed distribution; UNKNOWN where there is none."""
    try:
        return version("recclaims")
    except PackageNotFoundError:
        return UNKNOWN


__version__ = release()
