"""A process that runs the suite again and again does not grow."""

import re

import pytest

from ..long_form import LONG
from .apart import run_apart

pytestmark = pytest.mark.soak


def test_neither_memory_nor_open_files_grow():
    arguments = ["--rounds", "50"] if LONG else ["--rounds", "5", "--select", "content-knn-attributes-permuted"]
    done = run_apart("tests.faults.soak", *arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    memory, files = map(float, re.findall(r"slopes: (\S+) kB and (\S+) open files", done.stdout)[0])
    assert files == pytest.approx(0, abs=0.05)
    # Few rounds show little but what the second one still imports.
    assert memory < (500 if LONG else 20_000)
