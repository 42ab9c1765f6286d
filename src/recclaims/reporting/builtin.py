"""The reporters that come with recclaims, registered through the hook that everybody uses."""

from __future__ import annotations

from recclaims.hookspecs import hookimpl
from recclaims.reporting.markdown import Markdown
from recclaims.reporting.page import Page


@hookimpl
def recclaims_reporters() -> list[type]:
    """See hookspecs."""
    return [Markdown, Page]
