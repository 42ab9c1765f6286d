"""What the commands share: how they are declared, and options that several of them have."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Protocol

from recclaims.paths import expanded

if TYPE_CHECKING:
    from recclaims.features.chunks import EncodingProgress

#: Runs a command; returns its exit code.
Command = Callable[[argparse.Namespace], int]


class Add(Protocol):
    """Declares a command: its name, what runs it, and what it does in a phrase."""

    def __call__(self, name: str, command: Command, text: str) -> argparse.ArgumentParser:
        """The parser of its arguments."""


def add_store(parser: argparse.ArgumentParser) -> None:
    """Give a command the option --store."""
    parser.add_argument(
        "--store",
        default=".recclaims",
        type=expanded,
        metavar="DIR",
        help="where results are kept (default: .recclaims)",
    )


def count(text: str) -> int:
    """A whole number of 0 or more, as argparse wants it read."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"'{text}' is not a whole number of 0 or more")
    return int(text)


def tell_encoding(progress: EncodingProgress) -> None:
    """Print a line on stderr after every chunk."""
    left = "" if progress.seconds_left is None else f", {timedelta(seconds=round(progress.seconds_left))} left"
    print(f"{progress.encoder}: {progress.done:,} of {progress.total:,} items{left}", file=sys.stderr, flush=True)
