"""The datasets that come with recclaims, registered through the hook that everybody uses."""

from __future__ import annotations

from recclaims.data.emoji import Emoji
from recclaims.data.movielens import MovieLens100K
from recclaims.hookspecs import hookimpl


@hookimpl
def recclaims_datasets() -> list[type]:
    """See hookspecs."""
    return [MovieLens100K, Emoji]
