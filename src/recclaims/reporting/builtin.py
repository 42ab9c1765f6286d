"""The reporters that come with recclaims, registered through the hook that everybody uses."""

from __future__ import annotations

from recclaims.hookspecs import hookimpl
from recclaims.reporting.latex import Latex
from recclaims.reporting.markdown import Markdown
from recclaims.reporting.methods import BibTeX, Methods
from recclaims.reporting.page import Page
from recclaims.reporting.spreadsheets import CellsCsv, ClaimsCsv


@hookimpl
def recclaims_reporters() -> list[type]:
    """See hookspecs."""
    return [Markdown, Page, Latex, Methods, BibTeX, ClaimsCsv, CellsCsv]
