"""Nothing is lost: a session that is killed, or meets a full disk, at any write is made good by the next one."""

import json

import pytest

from ..long_form import LONG
from .apart import run_apart

pytestmark = pytest.mark.soak


def test_the_next_session_comes_to_the_same_bit_for_bit(tmp_path):
    points = {"kill": 200, "full": 100} if LONG else {"kill": 9, "full": 4}
    done = run_apart("tests.faults.harness", tmp_path / "place", 0, *points.values())
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout.splitlines()[-1])
    for strike, n_points in points.items():
        assert said[strike]["wrong"] == {}
        assert said[strike]["strikes"] >= n_points
    assert said["writes"] > 200
