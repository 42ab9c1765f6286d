"""The command `recclaims`: everything around a run of the claims, which pytest itself does."""

from recclaims.cli.main import main

__all__ = ["main"]
