"""A process that runs the suite again and again does not grow."""

import os
import re
import subprocess
import sys

import pytest

from ..long_form import LONG
from .test_faults import ROOT

pytestmark = pytest.mark.soak


def test_neither_memory_nor_open_files_grow():
    arguments = ["--rounds", "50"] if LONG else ["--rounds", "5", "--select", "content-knn-attributes-permuted"]
    paths = [str(ROOT), *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults.soak", *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    memory, files = map(float, re.findall(r"slopes: (\S+) kB and (\S+) open files", done.stdout)[0])
    assert files == pytest.approx(0, abs=0.05)
    # Few rounds show little but what the second one still imports.
    assert memory < (500 if LONG else 20_000)
