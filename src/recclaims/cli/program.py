"""The command `recclaims`: everything around a run of the claims, which pytest itself does."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from recclaims.cli import calibrate, data, doctor, init, results
from recclaims.cli.arguments import Command
from recclaims.errors import RecclaimsError, printable
from recclaims.release import __version__

_DESCRIPTION = """\
Judge the claims:                        pytest suite
Begin with your own data:                recclaims init my-shop

`pytest suite --claims-data path/to/folder` judges a folder that you have; `recclaims doctor` says what is
missing on this machine. The other commands prepare data and features, and work with the results of a run.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; a refusal is one line on stderr and exit code 2."""
    options = parser().parse_args(arguments)
    command: Command = options.command
    try:
        if not _is_somewhere():
            raise RecclaimsError("the current folder no longer exists; change to one that does")
        code = command(options)
        sys.stdout.flush()  # here, where what goes wrong can be said
    except RecclaimsError as error:
        print(f"recclaims: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        _write_no_more()
        return 128 + 13  # as a shell says of SIGPIPE: whoever read has had enough, as in `recclaims plugins | head`
    except OSError as error:
        _write_no_more()
        place = f"{error.filename}: " if error.filename else ""
        print(f"recclaims: {printable(place + (error.strerror or str(error)))}", file=sys.stderr)
        return 2
    return code


def _is_somewhere() -> bool:
    try:
        Path.cwd()
    except FileNotFoundError:
        return False
    return True


def _write_no_more() -> None:
    """Let Python close a standard output that takes nothing more without a word."""
    with contextlib.suppress(OSError, ValueError):  # a program's own, without a file behind it
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def parser() -> argparse.ArgumentParser:
    """The parser of every command."""
    made = argparse.ArgumentParser(
        "recclaims", description=_DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    made.add_argument("--version", action="version", version=f"recclaims {__version__}")
    commands = made.add_subparsers(required=True, metavar="COMMAND")

    def add(name: str, command: Command, text: str) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.")
        sub.set_defaults(command=command)
        return sub

    for module in (init, doctor, data, results, calibrate):
        module.add_commands(add)
    return made
