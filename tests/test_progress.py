"""How far a run is, on a log."""

from recclaims.engine.run_cells import Progress
from recclaims.progress import EVERY, LogLines


def test_a_log_gets_a_line_a_minute():
    now, lines = [0.0], []
    tell = LogLines(lines.append, lambda: now[0])
    for second in range(1, 151):
        now[0] = float(second)
        tell(Progress("training", 300))
    assert EVERY == 60
    assert lines == [
        "recclaims training: 60 of 300 after 0:00:59, about 0:03:56 left",
        "recclaims training: 120 of 300 after 0:01:59, about 0:02:58 left",
    ]


def test_a_short_run_says_nothing():
    lines = []
    LogLines(lines.append, lambda: 0.0)(Progress("training", 3))
    assert lines == []
