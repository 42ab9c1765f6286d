"""Amazon Reviews 2023 as a dataset, registered through the hook that everybody uses."""

from __future__ import annotations

from recclaims import hookimpl
from recclaims.amazon2023.source import AmazonReviews2023


@hookimpl
def recclaims_datasets() -> list[type]:
    """See hookspecs."""
    return [AmazonReviews2023]
