"""Run the suite again and again in one process, and see whether memory or open files grow.

    python -m tests.faults.soak --rounds 50 --workers 0

A round is `pytest suite` with the noise claim of every recommender on a small folder, 105 cells, everything trained
again. Memory is what this process and its children hold at the end of a round; the slopes leave out the first fifth,
which imports.
"""

import argparse
import contextlib
import gc
import io
import json
import tempfile
import time
from pathlib import Path

import numpy as np
import pytest

from tests.toy import write_toy

PAGE_MB = 4096 / 2**20


def _tree(pid="self"):
    """This process and its children, as folders of /proc."""
    place = Path("/proc") / pid
    yield place
    for task in place.glob("task/*/children"):
        for child in task.read_text().split():
            yield from _tree(child)


def measure():
    """Resident memory in MB and open files of the process tree."""
    memory = files = 0
    for place in _tree():
        with contextlib.suppress(OSError):  # a child that has just ended
            memory += int((place / "statm").read_text().split()[1]) * PAGE_MB
            files += len([*(place / "fd").iterdir()])
    return memory, files


def main():
    """Print a line a round, then the slopes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--workers", type=int, default=0)
    parser.add_argument("--select", default="attributes-permuted", help="the cases, as of -k")
    options = parser.parse_args()
    rows, first = [], {}
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        arguments = [
            *("suite", "-q", "-p", "no:cacheprovider", "-m", "noise", "-k", options.select),
            *("--claims-data", str(write_toy(place / "data")), "--claims-profile", "smoke", "--claims-reuse", "never"),
            *("--claims-workers", str(options.workers), "--claims-store", str(place / "store")),
            *("--claims-report", str(place / "report")),
        ]
        for number in range(options.rounds):
            started, output = time.monotonic(), io.StringIO()
            with contextlib.redirect_stdout(output):
                code = pytest.main(arguments)
            assert code in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED), output.getvalue()
            verdicts = [
                case["verdict"] for case in json.loads((place / "report" / "results.json").read_text())["claims"]
            ]
            assert verdicts == first.setdefault("verdicts", verdicts), verdicts
            gc.collect()
            memory, files = measure()
            rows.append((memory, files))
            seconds = time.monotonic() - started
            print(f"round {number + 1}: {memory:.1f} MB, {files} open files, {seconds:.1f} s", flush=True)
        stored = sum(1 for path in (place / "store").rglob("*") if path.is_file())
    table = np.array(rows[len(rows) // 5 :])
    slopes = np.polyfit(np.arange(len(table)), table, 1)[0]
    print(f"slopes: {1024 * slopes[0]:+.1f} kB and {slopes[1]:+.3f} open files a round; {stored} files in the store")


if __name__ == "__main__":
    main()
