"""The command `recclaims`: everything around a run of the claims, which pytest itself does."""

from recclaims.cli.program import main

__all__ = ["main"]
