"""A module of these tests as a program of its own, whatever folder this process is in."""

from .. import warm


def run_apart(module, *arguments):
    """Run `python -m module`; what it said and its exit code."""
    return warm.run(module, *arguments)
