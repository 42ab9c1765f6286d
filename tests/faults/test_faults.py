"""Nothing is lost: a session that is killed, or meets a full disk, at any write is made good by the next one."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ..long_form import LONG

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.soak


def test_the_next_session_comes_to_the_same_bit_for_bit(tmp_path):
    points = {"kill": 200, "full": 100} if LONG else {"kill": 9, "full": 4}
    command = [sys.executable, "-m", "tests.faults.harness", str(tmp_path / "place"), "0", *map(str, points.values())]
    paths = [str(ROOT), *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
    done = subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout.splitlines()[-1])
    for strike, n_points in points.items():
        assert said[strike]["wrong"] == {}
        assert said[strike]["strikes"] >= n_points
    assert said["writes"] > 200
